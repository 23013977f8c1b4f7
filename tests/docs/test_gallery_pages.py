"""The extension that puts the pages of all systems into the site: when it makes them, and what its cards say."""

import importlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def gallery(monkeypatch):
    pytest.importorskip("sphinx", reason="the site is built with the extra `docs`")
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    return importlib.import_module("gallery")


@pytest.fixture
def tree(tmp_path):
    for name in ("physeq/a.py", "systems/one/model.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('"""One system.\n\nMore."""\n')
    return tmp_path


def test_pages_are_made_again_when_their_sources_change(gallery, tree, monkeypatch):
    made = []

    def build(root, place, systems):
        place.mkdir(parents=True)
        (place / "entries.json").write_text("{}")
        made.append(place)

    monkeypatch.setattr(gallery, "_build", build)
    kept = tree / "kept"
    first = gallery.cached_site(tree, kept, [])
    assert gallery.cached_site(tree, kept, []) == first and len(made) == 1
    (tree / "systems/one/model.py").write_text('"""Another."""\n')
    second = gallery.cached_site(tree, kept, [])
    assert second != first and len(made) == 2 and not first.exists()
    assert gallery.cached_site(tree, kept, ["one"]) != second


def test_cards_link_the_pages_and_say_what_holds(gallery, tmp_path):
    variant = {
        "description": "of one kind",
        "nodes": 1,
        "elements": 2,
        "parameters": 2000,
        "pages": ["a_b/x/index.html"],
        "rules": {"some-rule": "a_b/x/some-rule.html"},
        "refused": {"other-rule": "no energy"},
    }
    bare = variant | {"rules": {}, "refused": {"some-rule": "no cost", "other-rule": "no cost"}}
    entry = json.loads(json.dumps({"summary": "A system.", "variants": {"x": variant, "y": bare}}))
    card = gallery._card("a_b", entry, tmp_path)
    assert card.next_node(gallery.nodes.title).astext() == "A b"
    text = card.astext()
    assert "Of one kind. 1 node, 2 elements, 2,000 trained parameters." in text
    assert "Rules that hold: some-rule" in text and "Refused with a reason: other-rule." in text
    assert "No rule holds: no cost." in text
    links = [node["refuri"] for node in card.findall(gallery.nodes.reference)]
    assert links[:2] == ["gallery/a_b/x/index.html", "gallery/a_b/x/some-rule.html"]
    assert not list(card.findall(gallery.nodes.raw))  # no picture where none was drawn


def test_every_system_has_a_line_for_its_card(gallery):
    lines = {path.name: gallery.summary(path) for path in (ROOT / "systems").iterdir() if (path / "model.py").exists()}
    assert len(lines) >= 13 and all(line.endswith((".", ":")) and len(line) > 20 for line in lines.values())
