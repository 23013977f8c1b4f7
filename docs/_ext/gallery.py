"""Sphinx extension: the pages of all systems under gallery/, and directives that show them.

`gallery` makes a card for each system, `from-page PATH` shows equations of a page by their labels, `page-frame PATH`
the page itself in a frame; PATH is SYSTEM/VARIANT/RULE. The pages are those of `physeq docs`. They are kept in
docs/_build/gallery under a hash of what they are made from, so that a build without a change of physeq/ or systems/
copies them. `gallery_systems` chooses systems by name, for quick builds.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import shutil
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)
_ENTRIES = "entries.json"
_FOLDER = "gallery"
_SHOWING = {"gallery", "index"}


def fingerprint(root: Path, systems: list[str]) -> str:
    """A hash of everything that the pages are made from."""
    found = hashlib.sha256(" ".join(systems).encode())
    files = [*(root / "physeq").rglob("*.py"), *(root / "systems").rglob("*.py")]
    for path in sorted(files):
        found.update(path.relative_to(root).as_posix().encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def cached_site(root: Path, kept: Path, systems: list[str]) -> Path:
    """The folder with the pages and their entries, made where it is not there; of others nothing is kept."""
    place = kept / fingerprint(root, systems)
    if not (place / _ENTRIES).exists():
        shutil.rmtree(kept, ignore_errors=True)
        _build(root, place, systems)
    return place


def _build(root: Path, place: Path, systems: list[str]) -> None:
    import jax

    from physeq.loading import load_system, system_folders
    from physeq.site import build_site

    jax.config.update("jax_enable_x64", True)
    folders = system_folders(root)
    chosen = [load_system(folders[name]) for name in systems or folders]
    logger.info("writing the pages of %d systems", len(chosen))
    site = build_site(chosen, place, lambda *names: logger.info("  %s", ":".join(names)))
    entries = {
        name: {"summary": summary(folders[name]), "variants": {k: asdict(v) for k, v in variants.items()}}
        for name, variants in site.items()
    }
    (place / _ENTRIES).write_text(json.dumps(entries, indent=1), encoding="utf-8")


def summary(folder: Path) -> str:
    """The first paragraph of a system's own docstring."""
    text = ast.get_docstring(ast.parse((folder / "model.py").read_text(encoding="utf-8"))) or folder.name
    return " ".join(text.split("\n\n")[0].split())


class Gallery(SphinxDirective):
    """`{gallery}`: a card for every system."""

    def run(self) -> list[nodes.Node]:
        place: Path = self.env.app.gallery_place
        self.env.note_dependency(str(place / _ENTRIES))
        entries = json.loads((place / _ENTRIES).read_text(encoding="utf-8"))
        return [_card(name, entry, place) for name, entry in entries.items()]


class FromPage(SphinxDirective):
    """`{from-page} PATH` with labels of equations as its content, one a line."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        text = _page(self, ".md").read_text(encoding="utf-8")
        found: list[nodes.Node] = []
        for label in filter(None, map(str.strip, self.content)):
            equation = re.search(
                rf"^\*\*\({re.escape(label)}\)\*\*\n+\$\$\n(.*?)\n\$\$", text, re.DOTALL | re.MULTILINE
            )
            if equation is None:
                raise self.error(f"from-page: {self.arguments[0]} has no equation ({label})")
            found.append(nodes.math_block(equation[1], equation[1], nowrap=True, number=None))
        return found


class PageFrame(SphinxDirective):
    """`{page-frame} PATH`: the page inside this one, with a link to it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        page = f"{self.arguments[0]}.html"
        _page(self, ".html")
        frame = f'<iframe class="derived-page" src="{_link(page)}" title="The page of a learning rule" loading="lazy">'
        return [
            nodes.raw("", f"{frame}</iframe>", format="html"),
            nodes.paragraph("", "", _reference("The page alone", page)),
        ]


def _page(directive: SphinxDirective, suffix: str) -> Path:
    """A generated page, which the page that shows it then depends on."""
    path = directive.env.app.gallery_place / f"{directive.arguments[0]}{suffix}"
    if not path.exists():
        raise directive.error(f"{directive.name}: there is no page {directive.arguments[0]}{suffix}")
    directive.env.note_dependency(str(path))
    return path


def _card(name: str, entry: dict[str, Any], place: Path) -> nodes.section:
    title = name.replace("_", " ")
    card = nodes.section(ids=[nodes.make_id(title)], names=[title], classes=["gallery-card"])
    card += nodes.title("", title[:1].upper() + title[1:])
    card += nodes.paragraph("", entry["summary"])
    first = next(iter(entry["variants"].values()))["pages"][0]
    picture = f"{first.rpartition('/')[0]}/network.svg"
    if (place / picture).exists():
        image = f'<img src="{_link(picture)}" alt="The network of {escape(title)}" loading="lazy">'
        card += nodes.raw("", f'<a class="gallery-picture" href="{_link(first)}">{image}</a>', format="html")
    variants = nodes.definition_list()
    for variant, found in entry["variants"].items():
        variants += _variant(variant, found)
    card += variants
    return card


def _variant(name: str, entry: dict[str, Any]) -> nodes.definition_list_item:
    term = nodes.term("", "", _reference(name.replace("_", " "), entry["pages"][0]))
    about = entry["description"][:1].upper() + entry["description"][1:]
    about += f". {_count(entry['nodes'], 'node')}, {_count(entry['elements'], 'element')}, "
    about += f"{_count(entry['parameters'], 'trained parameter')}."
    reasons = sorted(set(entry["refused"].values()))
    rules = nodes.paragraph("", "Rules that hold: " if entry["rules"] else f"No rule holds: {'; '.join(reasons)}.")
    for number, (rule, page) in enumerate(entry["rules"].items()):
        rules += [nodes.Text(", "), _reference(rule, page)] if number else [_reference(rule, page)]
    body = nodes.definition("", nodes.paragraph("", about), rules)
    if entry["rules"] and entry["refused"]:
        refused = f"Refused with a reason: {', '.join(entry['refused'])}."
        body += nodes.paragraph("", refused, classes=["gallery-refused"])
    return nodes.definition_list_item("", term, body)


def _reference(text: str, page: str) -> nodes.reference:
    return nodes.reference("", text, internal=True, refuri=_link(page))


def _link(page: str) -> str:
    return quote(f"{_FOLDER}/{page}")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _make(app: Sphinx) -> None:
    root = Path(app.srcdir).parent
    app.gallery_place = cached_site(root, Path(app.srcdir) / "_build" / _FOLDER, list(app.config.gallery_systems))


def _outdated(app: Sphinx, env: Any, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """What shows generated pages is read again when they are others."""
    now, before = app.gallery_place.name, getattr(env, "gallery_hash", None)
    env.gallery_hash = now
    return [] if now == before else sorted(_SHOWING & env.found_docs)


def _copy(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    target = Path(app.outdir) / _FOLDER
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(app.gallery_place, target, ignore=shutil.ignore_patterns(_ENTRIES))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive and the hooks that make and copy the pages."""
    app.add_config_value("gallery_systems", [], "env", types=frozenset({list}))
    app.add_directive("gallery", Gallery)
    app.add_directive("from-page", FromPage)
    app.add_directive("page-frame", PageFrame)
    app.connect("builder-inited", _make)
    app.connect("env-get-outdated", _outdated)
    app.connect("build-finished", _copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
