"""`physeq docs`: files, links, refusals, symbols and repeatability of the site it writes."""

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jax
import pytest
from cli_runner import shell, shell_in  # noqa: F401 - a fixture

from physeq.documented_rules import rules_of_equilibria, source
from physeq.errors import InternalError, ModelError
from physeq.learn import TrajectoryRule
from physeq.loading import load_system
from physeq.registry import registry
from physeq.report import Document, Math, Paragraph
from physeq.report.rule_pages import by_reason, rule_pages
from physeq.site import build_site
from physeq.site_folder import LIST, SiteFolder

SWING = """
import physeq as pq

x, y = pq.mechanical.x, pq.target("y")


def chain(friction=None, cost=(x.dot - y) ** 2 / 2):
    parts = [pq.mechanical.mass(), pq.mechanical.anchor()]
    parts += [] if friction is None else [pq.mechanical.drag(friction)]
    options = {"inputs": {"push": pq.Drive([0])}, "outputs": [1], "cost": cost}
    return pq.System(pq.complete(2), nodes={"nodes": parts}, edges=pq.mechanical.spring(), **options)


def periodic(system):
    return system.trajectories(pq.Periodic(5.0), pq.HarmonicBalance(2))


variants = {
    "damped": pq.Variant(lambda friction=0.3: chain(friction), "in a <medium>", trajectories=periodic),
    "no learning": pq.Variant(lambda: chain(cost=None), "it only moves"),
}
"""


class Links(HTMLParser):
    """All addresses and identifiers of a page, and the elements that would run or load something."""

    def __init__(self, text: str):
        super().__init__()
        self.addresses: list[str] = []
        self.identifiers: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.addresses += [value for key, value in attrs if key in ("href", "src", "srcset", "data", "action")]
        self.identifiers += [value for key, value in attrs if key == "id"]


def swing(base: Path) -> None:
    folder = base / "systems/swing"
    folder.mkdir(parents=True)
    (folder / "model.py").write_text(SWING)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of a site of a small system of equilibria and one of trajectories, and what --json said of it."""
    base = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        made = shell_in(base, patch)
        swing(base)
        found = made.json("docs", "small:directed", "swing", "-o", "out", "--json")
    jax.config.update("jax_enable_x64", True)
    return base / "out", found


def test_the_site_is_whole(built):
    folder, said = built
    assert {"schema", "output", "systems", "seconds"} == set(said) and said["output"] == "out"
    assert {name: list(variants) for name, variants in said["systems"].items()} == {
        "small": ["directed"],
        "swing": ["damped", "no learning"],
    }
    pages = [page for variants in said["systems"].values() for one in variants.values() for page in one["pages"]]
    on_disk = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    pictures = [file for variants in said["systems"].values() for one in variants.values() for file in one["pictures"]]
    assert len(pages) == len(set(pages)) and on_disk == {"index.html", LIST, *pages, *pictures}
    assert sorted(Path(file).name for file in pictures) == ["network-small.svg"] * 3 + ["network.svg"] * 3
    assert "](network.svg)" in (folder / "swing/damped/page.md").read_text()
    assert "<figure>" in (folder / "swing/damped/index.html").read_text()
    assert all((folder / page).read_text().strip() for page in pages)
    assert {Path(page).suffix for page in pages} == {".html", ".md", ".tex"}
    damped = said["systems"]["swing"]["damped"]
    assert damped["rules"] == ["continuous-adjoint", "time-reversed-nudge"]
    assert r"\mu_{i}\left(T - t\right)" in (folder / "swing/damped/time-reversed-nudge.md").read_text()
    assert (folder / "small/directed/asymmetric-ep.tex").read_text().startswith("\\documentclass")
    directed = (folder / "small/directed/page.md").read_text()
    assert "## Equations of motion" in directed and "](asymmetric-ep.md)" in directed and "## Learning" not in directed
    _all_links_resolve(folder)


def _all_links_resolve(folder: Path) -> None:
    """To a file or an anchor of the site; nothing is asked of another host, and no script runs."""
    parsed = {path.resolve(): Links(path.read_text()) for path in folder.rglob("*.html")}
    followed = set()
    for path, page in parsed.items():
        assert not page.tags & {"script", "link", "iframe", "object", "embed"}
        assert len(page.identifiers) == len(set(page.identifiers)), path
        for address in page.addresses:
            parts = urlsplit(address)
            assert not parts.scheme and not parts.netloc, (path, address)
            aim = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert aim.is_file(), (path, address)
            assert not parts.fragment or parts.fragment in parsed[aim].identifiers, (path, address)
            followed.add(aim)
    small = {path.resolve() for path in folder.rglob("network-small.svg")}
    assert followed == {*parsed, *small}  # every page is reached


def test_every_rule_of_its_kind_holds_or_is_refused_with_a_reason(built):
    folder, said = built
    rules = registry()["rule"]
    of_equilibria = {name for name, kind in rules.items() if not issubclass(kind, TrajectoryRule)}
    of_trajectories = set(rules) - of_equilibria | {"backpropagation-through-time"}
    for place, known in (("small/directed", of_equilibria), ("swing/damped", of_trajectories)):
        system, variant = place.split("/")
        found = said["systems"][system][variant]
        assert sorted([*found["rules"], *found["refused"]]) == sorted(known)
        html, front = (folder / place / "index.html").read_text(), (folder / "index.html").read_text()
        for name, reason in found["refused"].items():
            assert len(reason) > 20 and name in html and name in front
            assert not (folder / place / f"{name}.html").exists()
    assert "one-way" in said["systems"]["small"]["directed"]["refused"]["equilibrium-propagation"]
    assert "dissipates" in said["systems"]["swing"]["damped"]["refused"]["lagrangian-ep"]
    still = said["systems"]["swing"]["no learning"]
    assert still["rules"] == [] and set(still["refused"].values()) == {"the system declares no cost"}


def test_the_front_page_counts_and_escapes(built):
    folder, _ = built
    front = (folder / "index.html").read_text()
    assert "in a &lt;medium&gt;" in front and "no%20learning/index.html" in front
    for place in ("small/directed", "swing/damped"):
        counts = re.search(
            r"<p>(\d+ nodes), (\d+ elements?), (\d+ trained parameters?)</p>", front[front.index(place) :]
        )
        page = (folder / place / "index.html").read_text()
        assert counts is not None and all(words in page for words in counts.groups()), place
    assert "prefers-color-scheme: dark" in front and "width=device-width" in front


@pytest.mark.slow
def test_a_second_build_is_the_same(built, monkeypatch):
    folder, _ = built
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    shell_in(folder.parent, monkeypatch)("docs", "small:directed", "swing", "-o", "out")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    jax.config.update("jax_enable_x64", True)


def test_every_symbol_is_defined_once_and_means_the_same_on_all_pages(shell):  # noqa: F811
    model = shell.folder / "systems/small/model.py"
    # Rules count steps with K, which is the weight's name here: the page of the system is there first.
    model.write_text(model.read_text().replace('pq.parameter("w"', 'pq.parameter("K"'))
    derivation = load_system("small:smooth").variants["smooth"].build().derive()
    found = rules_of_equilibria(derivation)
    pages = rule_pages("Small", derivation, found.admitted, found.refused, {})
    meanings = {entry.symbol: entry for entry in pages.system.symbols}
    assert len(pages.rules) > 8
    for page in (pages.system, *pages.rules.values()):
        page.check()
        shared = [entry for entry in page.symbols if entry.symbol in meanings]
        assert shared and all(meanings[entry.symbol] == entry for entry in shared)
    stepped = {str(entry.symbol): entry.meaning for entry in pages.rules["continual-ep"].symbols}
    assert "number of steps" in stepped[r"K_{\mathrm{steps}}"][0]
    with pytest.raises(InternalError, match="missing in the symbol table"):
        Document(page.title, [Paragraph([Math(page.symbols[0].symbol)])], page.symbols[1:]).check()


def test_the_page_of_a_rule_does_not_depend_on_other_rules(shell):  # noqa: F811
    derivation = load_system("small:linear").variants["linear"].build().derive()
    found = rules_of_equilibria(derivation)
    together = rule_pages("Small", derivation, found.admitted, found.refused, {})
    for name in ("holomorphic-ep", "coupled-learning", "continual-ep"):
        alone = rule_pages("Small", derivation, {name: found.admitted[name]}, {}, {})
        assert alone.rules[name] == together.rules[name]


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_what_an_earlier_build_wrote_goes_and_other_files_stay(shell):  # noqa: F811
    swing(shell.folder)
    folder = shell.folder / "out"
    build_site([load_system("small:linear"), load_system("swing:no learning")], folder)
    (folder / "mine.html").write_text("mine")
    (folder / "swing/no learning/notes.md").write_text("mine")
    changed = folder / "swing/no learning/page.tex"
    changed.write_text(changed.read_text() + "% my remark\n")
    (folder / "small/linear/coupled-learning.md").unlink()
    before = files(folder / "small")
    build_site([load_system("small:linear")], folder)
    assert files(folder / "small") == before | {"linear/coupled-learning.md"}
    assert (
        files(folder / "swing") == {"no learning/notes.md", "no learning/page.tex"} and (folder / "mine.html").is_file()
    )
    build_site([load_system("swing:no learning")], folder)
    assert not (folder / "small").exists() and (folder / "swing/no learning/index.html").is_file()
    assert set(json.loads((folder / LIST).read_text())["files"]) == files(folder) - {LIST, "mine.html"} - {
        "swing/no learning/notes.md"
    }


def test_nothing_outside_the_folder_is_deleted(shell):  # noqa: F811
    folder, outside = shell.folder / "out", shell.folder / "outside"
    outside.mkdir()
    digest = hashlib.sha256(b"mine").hexdigest()
    for place in (outside / "a.md", shell.folder / "b.md"):
        place.write_text("mine")
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    (folder / "c.md").symlink_to(outside / "a.md")
    (folder / "d.md").write_text("mine")
    names = ["link/a.md", "c.md", "../b.md", str(shell.folder / "b.md"), "d.md", ".", ""]
    (folder / LIST).write_text(json.dumps({"schema": 1, "files": dict.fromkeys(names, digest)}))
    with SiteFolder(folder) as site:
        site.write("new.md", "new")
    assert files(folder) == {LIST, "new.md", "c.md"} and (folder / "link").is_symlink()
    assert (outside / "a.md").read_text() == (shell.folder / "b.md").read_text() == "mine"


def test_a_build_that_fails_deletes_nothing_and_remembers_all(shell):  # noqa: F811
    folder = shell.folder / "out"
    with SiteFolder(folder) as site:
        site.write("a.md", "first")
    with pytest.raises(ValueError, match="stop"), SiteFolder(folder) as site:
        site.write("b.md", "second")
        raise ValueError("stop")
    assert files(folder) == {LIST, "a.md", "b.md"}
    with SiteFolder(folder) as site:
        site.write("c.md", "third")
    assert files(folder) == {LIST, "c.md"}
    (folder / LIST).write_text("{}")
    assert "is no list of what an earlier build wrote" in shell("docs", "small:linear", "-o", "out", status=1).stderr
    assert files(folder) == {LIST, "c.md"}


def test_sources_are_whole_sentences_of_the_docstrings():
    found = {name: source(kind) for name, kind in registry()["rule"].items()}
    cited = {name for name, text in found.items() if text is not None}
    assert {"equilibrium-propagation", "lagrangian-ep", "coupled-learning", "time-reversed-nudge"} <= cited
    assert all(found[name].endswith(".") and "\n" not in found[name] for name in cited)
    assert "arXiv:1602.05179" in found["equilibrium-propagation"]


def test_rules_with_one_reason_stand_together(built):
    folder, _ = built
    page = (folder / "swing/no learning/page.md").read_text()
    assert page.count("the system declares no cost") == 1
    assert by_reason({"a": "x", "b": "x"}) == {"x": ["a", "b"]}


def test_errors_name_the_system(shell):  # noqa: F811
    swing(shell.folder)
    model = shell.folder / "systems/swing/model.py"
    model.write_text(SWING.replace('"outputs": [1]', '"outputs": [7]'))
    assert "swing:damped: " in shell.json("docs", "swing", "--json", "-o", "out", status=1)["error"]
    assert "Did you mean 'small'" in shell("docs", "smal", status=2).stderr
    (shell.folder / "file").write_text("")
    assert "is a file" in shell("docs", "small", "-o", "file", status=2).stderr
    assert "two systems are called 'small'" in shell("docs", "small", "systems/small", status=1).stderr
    assert not (shell.folder / "site").exists()  # nothing was built in vain
    model.write_text(SWING.replace('"damped"', '"../up"'))
    assert "swing:../up: '../up' cannot be a folder's name" in shell("docs", "swing", "-o", "out", status=1).stderr
    with pytest.raises(ModelError, match="swing"):
        build_site([load_system("swing")], shell.folder / "out")


def test_without_names_all_systems_are_written(shell):  # noqa: F811
    model = shell.folder / "systems/small/model.py"
    model.write_text(model.read_text() + '\nvariants = {"linear": variants["linear"]}\n')
    assert list(shell.json("docs", "--json")["systems"]) == ["small"]
    assert (shell.folder / "site/small/linear/index.html").is_file()
    model.unlink()
    assert "physeq new" in shell("docs", status=2).stderr
