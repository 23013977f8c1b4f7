"""What pages say of their verification: the section of the physics and that of every rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from physeq.page_verification._comparison import LIMITS, PRECISIONS, Comparison, Verified
from physeq.report.document import Block, Bullets, Document, Paragraph, Section, Table

TITLE = "Numerical verification"
_GENERAL = (
    "Formulas for any parameter, and those that hold to first order (≈), state what the updates carry out; they are "
    "not evaluated."
)


def physics_section(found: Sequence[Verified], compare: Comparison) -> Section:
    """One row for every equation of the page of the physics."""
    dtype = compare.dtype
    text = (
        "While this page was made, its printed formulas were evaluated with NumPy at a random state with random "
        f"parameters (seed {compare.seed}) and compared with the compiled model in {PRECISIONS[dtype]} precision. "
        f"The largest relative difference is {worst(found):.1e}; above {LIMITS[dtype]:.0e} there would be no page."
    )
    rows: list[list] = []
    for one in found:
        said = f"not evaluated: {one.reason}" if one.difference is None else f"{one.difference:.1e}"
        rows.append([one.equation, str(one.count), said])
    return Section(
        TITLE, [Paragraph(text), Table(["Equation", "Values compared", "Largest relative difference"], rows)]
    )


def rule_section(found: Sequence[Verified], compare: Comparison, where: str) -> Section:
    """A few sentences on the updates of one rule; `where` says at which random states."""
    dtype = compare.dtype
    count = sum(one.count for one in found)
    text = (
        f"While this page was made, its printed updates were evaluated with NumPy {where} (seed {compare.seed}) and "
        f"compared with what the rule computes from the same numbers in {PRECISIONS[dtype]} precision: {count} values, "
        f"largest relative difference {worst(found):.1e}; above {LIMITS[dtype]:.0e} there would be no page."
    )
    blocks: list[Block] = [Paragraph(text), Paragraph(_GENERAL)]
    if missing := [one for one in found if one.difference is None]:
        blocks += [Paragraph("Not evaluated:"), Bullets([f"{one.equation}: {one.reason}" for one in missing])]
    return Section(TITLE, blocks)


def exact_section() -> Section:
    """Of a rule that measures nothing."""
    text = "The rule prints no update of its own; what it prints of the energy is verified with the page of the system."
    return Section(TITLE, [Paragraph(text)])


def worst(found: Sequence[Verified]) -> float:
    """The largest difference."""
    return max((one.difference for one in found if one.difference is not None), default=0.0)


def with_section(page: Document, section: Section, before: str) -> Document:
    """The page with a section in front of the one with that title, or at the end."""
    blocks = list(page.blocks)
    titles = [getattr(block, "title", None) for block in blocks]
    blocks.insert(titles.index(before) if before in titles else len(blocks), section)
    return replace(page, blocks=blocks)
