"""`build_site`: the pages of all variants of systems as files that need no server, no network and no script."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from physeq.documented_rules import pages_of
from physeq.errors import ModelError, PhyseqError
from physeq.loading import LoadedSystem
from physeq.page_verification import with_verification
from physeq.report._physics import sizes
from physeq.report.drawing_svg import svg_file
from physeq.report.html import write as html_page
from physeq.report.rule_pages import RulePages
from physeq.site_folder import SiteFolder
from physeq.site_index import index_page
from physeq.variant import Variant

SMALL = "network-small"
_PLAIN_NAME = re.compile(r"\w[\w .+-]*")


@dataclass(frozen=True)
class VariantEntry:
    """What the site holds of one variant.

    Attributes:
        description: the one line that `physeq list` prints.
        nodes, elements, parameters: how many; of the parameters those that are trained.
        pages: files in the folder of the site, the page of the physics first.
        pictures: files of pictures, the small one for the front page last.
        rules: {name: HTML page} of the rules that hold.
        refused: {name: reason} of the others.
    """

    description: str
    nodes: int
    elements: int
    parameters: int
    pages: tuple[str, ...]
    pictures: tuple[str, ...]
    rules: Mapping[str, str]
    refused: Mapping[str, str]


Site = dict[str, dict[str, VariantEntry]]


def build_site(
    systems: Sequence[LoadedSystem], output: Path, done: Callable[[str, str], None] = lambda system, variant: None
) -> Site:
    """Write the pages of all chosen variants and an index of them.

    DIR/index.html lists the systems. DIR/SYSTEM/VARIANT/ has `index.html`, `page.md` and `page.tex` about the physics,
    `network.svg` with the picture of the network, `network-small.svg`, and RULE.html, RULE.md and RULE.tex for every
    rule that holds. The formulas are held against what is compiled, in the precision that JAX is set to, and updates
    against what each rule computes; every page says how well they agree.

    DIR/.physeq-docs.json lists what was written. What an earlier build wrote and this one does not is deleted, unless
    somebody changed it since.

    Args:
        systems: what `load_system` found; of a system with a chosen variant that one.
        output: the folder; made where it is not there, and files that no build wrote are left.
        done: called with the names of every variant that is written.

    Raises:
        ModelError: a variant does not build or derive, has a name that is no name of a folder, or a printed formula
            disagrees with the compiled model; it says which. Or a file cannot be written, or the list cannot be read.
    """
    _check_names(systems)
    with SiteFolder(output) as folder:
        return _build(systems, folder, done)


def _check_names(systems: Sequence[LoadedSystem]) -> None:
    """Before anything is built, which can take minutes."""
    found = set()
    for system in systems:
        if system.name in found:
            raise ModelError(f"two systems are called {system.name!r}; rename the folder of one")
        found.add(system.name)
        for name in system.selected():
            for own in (system.name, name):
                if not _PLAIN_NAME.fullmatch(own):
                    raise ModelError(
                        f"{system.name}:{name}: {own!r} cannot be a folder's name; use letters, digits, spaces, "
                        "points, - and _"
                    )


def _build(systems: Sequence[LoadedSystem], folder: SiteFolder, done: Callable[[str, str], None]) -> Site:
    site: Site = {}
    for system in systems:
        site[system.name] = {}
        for name, variant in system.selected().items():
            try:
                site[system.name][name] = _write_variant(
                    f"{system.name}, {name}", variant, folder, f"{system.name}/{name}"
                )
            except PhyseqError as error:
                raise ModelError(f"{system.name}:{name}: {error}") from error
            done(system.name, name)
    folder.write("index.html", index_page(site))
    return site


def _write_variant(title: str, variant: Variant, folder: SiteFolder, place: str) -> VariantEntry:
    title = title.replace("_", " ")
    title = title[:1].upper() + title[1:]
    system = variant.build()
    pages = _documents(title, system, variant)
    documents = {"page": pages.system, **pages.rules}
    written = []
    for name, document in documents.items():
        html = "index.html" if name == "page" else f"{name}.html"
        folder.write(f"{place}/{html}", html_page(document, _links(pages.rules, html)))
        markdown = document.to_markdown(pictures="").rstrip("\n") + "\n" + _markdown_links(pages.rules, name)
        folder.write(f"{place}/{name}.md", markdown)
        folder.write(f"{place}/{name}.tex", document.to_latex())
        written += [f"{place}/{html}", f"{place}/{name}.md", f"{place}/{name}.tex"]
    drawings = {figure.name: figure.drawing for document in documents.values() for figure in document.figures()}
    drawings |= {SMALL: next(pages.system.figures()).drawing.small()}
    pictures = {f"{place}/{name}.svg": svg_file(drawing) for name, drawing in drawings.items()}
    for path, picture in pictures.items():
        folder.write(path, picture)
    nodes, elements, parameters = sizes(system)
    rules = {name: f"{place}/{name}.html" for name in pages.rules}
    return VariantEntry(
        variant.description,
        nodes,
        elements,
        parameters,
        tuple(written),
        tuple(pictures),
        rules,
        dict(pages.refused),
    )


def _documents(title: str, system: Any, variant: Variant) -> RulePages:
    if variant.trajectories is None:
        derivation = system.derive()
        return with_verification(pages_of(title, derivation), variant, derivation)
    model = variant.trajectories(system)
    derivation = model.derived()
    return with_verification(pages_of(title, derivation, model), variant, derivation, model)


def _links(rules: Mapping[str, Any], here: str) -> str:
    """The pages of a variant, the one that is open marked."""
    files = {"the system": "index.html", **{name: f"{name}.html" for name in rules}}
    items = ['<li><a href="../../index.html">all systems</a></li>']
    for name, file in files.items():
        current = ' aria-current="page"' if file == here else ""
        items.append(f'<li><a href="{quote(file)}"{current}>{escape(name)}</a></li>')
    return "\n".join(['<nav aria-label="Pages">', "<ul>", *items, "</ul>", "</nav>"])


def _markdown_links(rules: Mapping[str, Any], here: str) -> str:
    if here != "page":
        return "\n[The system](page.md)\n"
    links = [f"- [{name}]({quote(name)}.md)" for name in rules]
    return "\n".join(["", "## Pages of the rules", "", *links, ""]) if links else ""
