"""Pages with one thing on them changed, to see that what reads them notices."""

from dataclasses import replace

import sympy as sp

from physeq.report import Equation, Section


def changed(page, title, label, change, choose=lambda equation: True):
    """The page with the first equation of a section changed whose label begins like this.

    Args:
        change: equation → {field: new value}.
        choose: which of these equations.
    """
    done = []

    def meant(equation):
        return (equation.label or "").startswith(label) and choose(equation)

    def visit(blocks, inside):
        made = []
        for block in blocks:
            if isinstance(block, Section):
                block = replace(block, blocks=visit(block.blocks, inside or block.title.startswith(title)))
            elif isinstance(block, Equation) and inside and not done and meant(block):
                done.append(block)
                block = replace(block, **change(block))
            made.append(block)
        return tuple(made)

    result = replace(page, blocks=visit(page.blocks, False))
    assert done
    return result


def one_sign(equation):
    """The equation with the first term of its longer side negated."""
    side = "lhs" if equation.rhs == 0 else "rhs"
    first, *others = sp.Add.make_args(getattr(equation, side))
    return {side: sp.Add(-first, *others)}
