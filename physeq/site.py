"""`build_site`: the pages of all variants of systems as files that need no server, no network and no script."""

from __future__ import annotations

import base64
import importlib.util
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from physeq.documented_rules import rules_of_equilibria, rules_of_trajectories, source
from physeq.errors import ModelError, PhyseqError
from physeq.loading import LoadedSystem
from physeq.page_verification import with_verification
from physeq.report.html import write as html_page
from physeq.report.rule_pages import RulePages, rule_pages, trajectory_rule_pages
from physeq.site_index import index_page
from physeq.variant import Variant

_PICTURE = "network.svg"
_PICTURE_WORDS = "The network: nodes, by group, and the elements between them"
_PLAIN_NAME = re.compile(r"\w[\w .+-]*")


@dataclass(frozen=True)
class VariantEntry:
    """What the site holds of one variant.

    Attributes:
        description: the one line that `physeq list` prints.
        nodes, elements, parameters: how many; of the parameters those that are trained.
        pages: files in the folder of the site, the page of the physics first.
        rules: {name: HTML page} of the rules that hold.
        refused: {name: reason} of the others.
    """

    description: str
    nodes: int
    elements: int
    parameters: int
    pages: tuple[str, ...]
    rules: Mapping[str, str]
    refused: Mapping[str, str]


Site = dict[str, dict[str, VariantEntry]]


def build_site(
    systems: Sequence[LoadedSystem], output: Path, done: Callable[[str, str], None] = lambda system, variant: None
) -> Site:
    """Write the pages of all chosen variants and an index of them.

    DIR/index.html lists the systems. DIR/SYSTEM/VARIANT/ has `index.html`, `page.md` and `page.tex` about the physics,
    `network.svg` where matplotlib is installed, and RULE.html, RULE.md and RULE.tex for every rule that holds. The
    formulas of equilibria are held against the compiled model, in the precision that JAX is set to; the first page
    says how well they agree.

    Args:
        systems: what `load_system` found; of a system with a chosen variant that one.
        output: the folder; made where it is not there, and files of other names in it are left.
        done: called with the names of every variant that is written.

    Raises:
        ModelError: a variant does not build or derive, has a name that is no name of a folder, or a printed formula
            disagrees with the compiled model; it says which.
    """
    site: Site = {}
    for system in systems:
        if system.name in site:
            raise ModelError(f"two systems are called {system.name!r}; rename the folder of one")
        site[system.name] = {}
        for name, variant in system.selected().items():
            try:
                place = f"{_folder(system.name)}/{_folder(name)}"
                site[system.name][name] = _write_variant(f"{system.name}, {name}", variant, output, place)
            except PhyseqError as error:
                raise ModelError(f"{system.name}:{name}: {error}") from error
            done(system.name, name)
    _write(output / "index.html", index_page(site))
    return site


def _folder(name: str) -> str:
    if not _PLAIN_NAME.fullmatch(name):
        raise ModelError(f"{name!r} cannot be a folder's name; use letters, digits, spaces, points, - and _")
    return name


def _write_variant(title: str, variant: Variant, output: Path, place: str) -> VariantEntry:
    title = title.replace("_", " ")
    title = title[:1].upper() + title[1:]
    system = variant.build()
    pages = _documents(title, system, variant)
    folder = output / place
    folder.mkdir(parents=True, exist_ok=True)
    picture = _draw(system.topology, folder / _PICTURE)
    documents = {"page": pages.system, **pages.rules}
    written = []
    for name, document in documents.items():
        file = "index.html" if name == "page" else f"{name}.html"
        below = _links(pages.rules, file) + (_figure(picture) if name == "page" and picture is not None else "")
        _write(folder / file, html_page(document, below))
        links = _markdown_links(pages.rules, name, picture)
        _write(folder / f"{name}.md", document.to_markdown().rstrip("\n") + "\n" + links)
        _write(folder / f"{name}.tex", document.to_latex())
        written += [f"{place}/{file}", f"{place}/{name}.md", f"{place}/{name}.tex"]
    nodes, elements, parameters = _sizes(system)
    rules = {name: f"{place}/{name}.html" for name in pages.rules}
    return VariantEntry(variant.description, nodes, elements, parameters, tuple(written), rules, dict(pages.refused))


def _documents(title: str, system: Any, variant: Variant) -> RulePages:
    if variant.trajectories is None:
        derivation = system.derive()
        found = rules_of_equilibria(derivation)
        pages = rule_pages(title, derivation, found.admitted, found.refused, _sources(found.admitted))
        return with_verification(pages, variant, derivation)
    model = variant.trajectories(system)
    found = rules_of_trajectories(model)
    sources = _sources(found.admitted)
    return trajectory_rule_pages(title, model, model.derived(), found.admitted, found.refused, sources)


def _sources(rules: Mapping[str, Any]) -> dict[str, str]:
    found = {name: source(type(rule)) for name, rule in rules.items()}
    return {name: text for name, text in found.items() if text is not None}


def _sizes(system: Any) -> tuple[int, int, int]:
    """Nodes, elements, trained parameters."""
    nodes = sum(group.size for group in system.topology.groups)
    elements = sum(system.count(p) for p in system.placements if len(p.component.ports) > 1)
    trained = 0
    for placement in system.placements:
        for parameter in placement.component.parameters:
            count = int(parameter.trainable)
            for n in system.parameter_shape(placement, parameter):
                count *= n
            trained += count
    return nodes, elements, trained


def _draw(topology: Any, path: Path) -> Path | None:
    """The network, or None without matplotlib; what an earlier build drew is not left beside new pages."""
    if importlib.util.find_spec("matplotlib") is None:
        path.unlink(missing_ok=True)
        return None
    from physeq.report import graph_state

    return graph_state(topology, {}, path)


def _links(rules: Mapping[str, Any], here: str) -> str:
    """The pages of a variant, the one that is open marked."""
    files = {"the system": "index.html", **{name: f"{name}.html" for name in rules}}
    items = ['<li><a href="../../index.html">all systems</a></li>']
    for name, file in files.items():
        current = ' aria-current="page"' if file == here else ""
        items.append(f'<li><a href="{quote(file)}"{current}>{escape(name)}</a></li>')
    return "\n".join(['<nav aria-label="Pages">', "<ul>", *items, "</ul>", "</nav>"])


def _figure(picture: Path) -> str:
    """The picture inside the page, so that the page can be passed on alone."""
    data = base64.b64encode(picture.read_bytes()).decode("ascii")
    return (
        f'\n<figure style="margin:0 0 1.5rem"><img src="data:image/svg+xml;base64,{data}" alt="{_PICTURE_WORDS}" '
        'style="width:100%;height:auto;background:#fff"></figure>'
    )


def _markdown_links(rules: Mapping[str, Any], here: str, picture: Path | None) -> str:
    if here != "page":
        return "\n[The system](page.md)\n"
    links = [f"- [{name}]({quote(name)}.md)" for name in rules]
    lines = ["", "## Pages of the rules", "", *links, ""] if links else []
    lines += [] if picture is None else ["", f"![{_PICTURE_WORDS}]({picture.name})", ""]
    return "\n".join(lines)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ModelError(f"{path}: cannot be written: {error.strerror}") from None
