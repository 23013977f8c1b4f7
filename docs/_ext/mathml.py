"""Sphinx extension: render TeX mathematics as MathML, which browsers show without scripts or fonts from elsewhere.

Set `html_math_renderer = "mathml"`. TeX that is not understood is a warning, so a strict build fails on it.
"""

from __future__ import annotations

import html
import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)

# What the converter lacks, and what it has of the same look.
_SUBSTITUTES = (("{aligned}", "{split}"), ("{gathered}", "{split}"), (r"\operatorname*", r"\operatorname"))
_NOT_UNDERSTOOD = re.compile(r"<m[a-z]+[^>]*>(\\[A-Za-z]+|&|\\[^<]*)</m[a-z]+>")


def to_mathml(tex: str, display: str) -> tuple[str, str | None]:
    """Return MathML for `tex` and what was not understood, if anything; `display` is "inline" or "block"."""
    for unknown, known in _SUBSTITUTES:
        tex = tex.replace(unknown, known)
    try:
        mathml = convert(tex.strip(), display=display)
    except Exception as error:  # the converter has no base class of its errors
        return f"<code>{html.escape(tex)}</code>", f"{type(error).__name__} {error}".strip()
    fault = _NOT_UNDERSTOOD.search(mathml)
    return mathml, fault.group(1) if fault else None


def _visit(self, node: nodes.Element, display: str) -> str:
    mathml, fault = to_mathml(node.astext(), display)
    if fault is not None:
        logger.warning("mathematics not understood (%s): %s", fault, node.astext(), location=node)
    return mathml


def _visit_inline(self, node: nodes.math) -> None:
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    self.body.append(_visit(self, node, "inline") + "</span>")
    raise nodes.SkipNode


def _visit_block(self, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node.get("number"):
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(_visit(self, node, "block") + "</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
