"""Sphinx extension: the directive `component`, which writes what a component of the library is from its own terms.

It gives the equations of its terms, its parameters with units and starts, and the picture that draw_components.py
keeps in docs/components; its content is a fact about it.
"""

from __future__ import annotations

import sympy as sp
from docutils import nodes
from docutils.statemachine import StringList
from examples import EXAMPLES
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from physeq.report.notation import latex
from physeq.symbolic import Component

_TERMS = (("kinetic", "T"), ("potential", "V"), ("dissipation", "R"))


def equations(component: Component) -> list[str]:
    """Its terms as TeX equations."""
    found = [f"{name} = {latex(getattr(component, term))}" for term, name in _TERMS if getattr(component, term) != 0]
    found += [f"F_{{{latex(q)}}} = {latex(force)}" for q, force in component.force.items()]
    found += [f"0 = {latex(g)}" for g in component.constraint]
    for q, (lower, upper) in component.bounds.items():
        below = "" if lower == -sp.oo else rf"{latex(lower)} \le "
        above = "" if upper == sp.oo else rf" \le {latex(upper)}"
        found.append(below + latex(q) + above)
    return found


def parameters(component: Component) -> list[str]:
    """A table of its parameters and internal coordinates in Markdown; nothing where there are none."""
    rows = [
        f"| ${latex(p)}$ | `{p.name}` | {p.description} | {p.unit} | {_start(p)} | {'yes' if p.trainable else ''} |"
        for p in component.parameters
    ]
    rows += [
        f"| ${latex(q)}$ | `{q.name}` | {q.description} (internal) | {q.unit} | {q.start:g} | |"
        for q in component.internal
    ]
    return ["| | name | | unit | start | learns |", "|---|---|---|---|---|---|", *rows] if rows else []


def _start(p) -> str:
    value = getattr(p.initial, "value", None)
    return "random" if value is None else f"{value:.4g}"


class ComponentDirective(SphinxDirective):
    """`{component} module.name` with a fact as its content."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        if name not in EXAMPLES:
            raise self.error(f"component: no example is named {name!r}")
        example = EXAMPLES[name]
        lines = [f"`pq.{name}`: {example.component.description}.", "", "$$"]
        lines += [r"\begin{gathered}", r" \\ ".join(equations(example.component)), r"\end{gathered}", "$$", ""]
        lines += [*parameters(example.component), "", *self.content, ""]
        lines += [f"![{example.caption}](components/{name}.svg)", "", f"*{example.caption}*"]
        parent = nodes.container(classes=["component"])
        self.state.nested_parse(StringList(lines, source=name), self.content_offset, parent)
        return parent.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("component", ComponentDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
