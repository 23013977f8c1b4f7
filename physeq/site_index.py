"""The front page of a site: all systems and variants, what holds for them, and what does not and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from physeq.report._layout import anchor
from physeq.report._style import STYLE
from physeq.report._words import counted
from physeq.report.rule_pages import by_reason

if TYPE_CHECKING:
    from physeq.site import VariantEntry


_CARDS = """\
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 1rem; }
.card { border: 1px solid var(--line); border-radius: .4rem; padding: .2rem 1rem .6rem; min-width: 0; }
.card h3 { margin: .6rem 0 .4rem; }
.card p { margin: .4rem 0; }
.card img { display: block; width: 100%; height: 9rem; object-fit: contain; }
"""


def index_page(site: Mapping[str, Mapping[str, VariantEntry]]) -> str:
    """One HTML file with relative links only.

    >>> "<h1>Systems</h1>" in index_page({})
    True
    """
    taken: set[str] = set()
    anchors = {system: anchor(system, taken) for system in site}
    links = [f'<li><a href="#{anchors[name]}">{_words(name)}</a></li>' for name in site]
    body = [line for name, variants in site.items() for line in _system(name, anchors[name], variants)]
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<title>Systems</title>",
        f"<style>\n{STYLE}{_CARDS}</style>",
        "</head>",
        "<body>",
        "<h1>Systems</h1>",
        '<nav aria-label="Contents">',
        "<ul>",
        *links,
        "</ul>",
        "</nav>",
        "<main>",
        "<p>The physics of each system, and the learning rules that were derived from its declared terms.</p>",
        *body,
        "</main>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def _system(name: str, name_anchor: str, variants: Mapping[str, VariantEntry]) -> Iterator[str]:
    yield f'<section id="{name_anchor}">'
    yield f"<h2>{_words(name)}</h2>"
    yield '<div class="cards">'
    for variant, entry in variants.items():
        first = entry.pages[0]
        yield '<article class="card">'
        yield f'<h3><a href="{quote(first)}">{_words(variant)}</a></h3>'
        if entry.pictures:
            picture = f'<img src="{quote(entry.pictures[-1])}" alt="" loading="lazy">'
            yield f'<a href="{quote(first)}" tabindex="-1" aria-hidden="true">{picture}</a>'
        yield f"<p>{escape(entry.description)}</p>"
        sizes = [counted(entry.nodes, "node"), counted(entry.elements, "element")]
        yield f"<p>{', '.join([*sizes, counted(entry.parameters, 'trained parameter')])}</p>"
        rules = [f'<a href="{quote(page)}">{escape(rule)}</a>' for rule, page in entry.rules.items()]
        yield f"<p>Rules: {', '.join(rules) or 'none holds'}</p>"
        if entry.refused:
            yield f"<details><summary>{counted(len(entry.refused), 'refused rule')}</summary>"
            yield "<dl>"
            for reason, names in by_reason(entry.refused).items():
                yield f"<dt>{', '.join(f'<code>{escape(rule)}</code>' for rule in names)}</dt><dd>{escape(reason)}</dd>"
            yield "</dl></details>"
        yield "</article>"
    yield "</div>"
    yield "</section>"


def _words(name: str) -> str:
    return escape(name.replace("_", " "))
