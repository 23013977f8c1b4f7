"""The HTML of a run's report: parts with blocks of documents, pictures and a shaded table, in one file."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from physeq.report._layout import anchor
from physeq.report._style import STYLE
from physeq.report.document import Block
from physeq.report.html import write_block as html_block

_OWN_STYLE = """\
figure { margin: 1rem 0; }
figure img { display: block; max-width: 100%; height: auto; background: #fff; border-radius: .3rem; padding: .3rem; }
figcaption { color: var(--quiet); font-size: .9rem; margin-top: .3rem; }
table.counts { width: auto; }
table.counts td, table.counts th { text-align: right; padding: .25rem .5rem; border: 0; }
table.counts tbody tr { background: none; }
table.counts caption { caption-side: top; text-align: left; color: var(--quiet); font-size: .9rem; }
"""


@dataclass(frozen=True)
class Picture:
    """An SVG file and what it shows."""

    svg: bytes
    words: str


@dataclass(frozen=True, eq=False)
class Shaded:
    """Counts `(rows, columns)`, darker where there are more; what rows and columns are."""

    counts: np.ndarray
    row: str
    column: str


@dataclass(frozen=True)
class Part:
    """A part of the report, with a link to another file of the folder."""

    title: str
    blocks: Sequence[Block | Picture | Shaded]
    link: tuple[str, str] | None = None


def page(title: str, parts: Sequence[Part]) -> str:
    """The report as one self-contained HTML file.

    >>> "<h2>Result</h2>" in page("a run", [Part("Result", [])])
    True
    """
    taken: set[str] = set()
    anchors = [anchor(part.title, taken) for part in parts]
    body = [_part(part, name, taken) for part, name in zip(parts, anchors, strict=True)]
    links = [f'<li><a href="#{name}">{escape(part.title)}</a></li>' for part, name in zip(parts, anchors, strict=True)]
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{STYLE}{_OWN_STYLE}</style>",
        "</head>",
        "<body>",
        f"<h1>{escape(title)}</h1>",
        '<nav aria-label="Contents">',
        "<ul>",
        *links,
        "</ul>",
        "</nav>",
        "<main>",
        *body,
        "</main>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def _part(part: Part, name: str, taken: set[str]) -> str:
    inner = [_inner(block, taken) for block in part.blocks]
    if part.link is not None:
        file, words = part.link
        inner.insert(1, f'<p><a href="{escape(file)}">{escape(words)}</a></p>')
    return "\n".join([f'<section id="{name}">', f"<h2>{escape(part.title)}</h2>", *inner, "</section>"])


def _inner(block: Block | Picture | Shaded, taken: set[str]) -> str:
    if isinstance(block, Picture):
        data = base64.b64encode(block.svg).decode("ascii")
        words = escape(block.words)
        image = f'<img src="data:image/svg+xml;base64,{data}" alt="{words}">'
        return f"<figure>{image}<figcaption>{words}</figcaption></figure>"
    return _shaded(block) if isinstance(block, Shaded) else html_block(block, 3, taken)


def _shaded(table: Shaded) -> str:
    """Shares of each row as shades that let the colour of the text stand in light and dark."""
    size = np.maximum(table.counts.sum(axis=1, keepdims=True), 1)
    shares = table.counts / size
    head = "".join(f'<th scope="col">{k}</th>' for k in range(table.counts.shape[1]))
    rows = []
    for k, (own, parts) in enumerate(zip(table.counts.tolist(), shares.tolist(), strict=True)):
        cells = "".join(
            f'<td style="background:rgba(0,114,178,{0.55 * share:.3f})">{count}</td>' if count else "<td>0</td>"
            for count, share in zip(own, parts, strict=True)
        )
        rows.append(f'<tr><th scope="row">{k}</th>{cells}</tr>')
    caption = f"<caption>rows: {escape(table.row)}; columns: {escape(table.column)}</caption>"
    parts_ = [
        '<div class="scroll" tabindex="0">',
        f'<table class="counts">{caption}',
        f"<thead><tr><th></th>{head}</tr>",
    ]
    return "\n".join([*parts_, "</thead>", "<tbody>", *rows, "</tbody>", "</table>", "</div>"])
