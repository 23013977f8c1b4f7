"""How to cite what a page uses: the papers that the rules are from, and physeq itself."""

from __future__ import annotations

from collections.abc import Mapping

from physeq.report._references import references
from physeq.report.document import Block, Bullets, Code, Paragraph, Preformatted, Section, Table


def source_section(source: str) -> Section:
    """Where a rule is from, on its own page."""
    papers = [reference.text() for reference in references(source)]
    return Section("Source", [Paragraph(source), *([Bullets(papers)] if papers else [])])


def citations(sources: Mapping[str, str]) -> list[Section]:
    """Which rule is from where, the papers in full, and their entries for BibTeX with one for physeq.

    Args:
        sources: {name of a rule: what its docstring says}.
    """
    papers = list(dict.fromkeys(paper for source in sources.values() for paper in references(source)))
    blocks: list[Block] = []
    if sources:
        blocks.append(Table(["Rule", "Source"], [[Code(name), source] for name, source in sources.items()]))
    if papers:
        blocks += [Paragraph("In full:"), Bullets([paper.text() for paper in papers])]
    blocks.append(Paragraph("For BibTeX, with an entry for the program that made this page:"))
    blocks.append(Preformatted("\n\n".join([*(paper.bibtex() for paper in papers), software_entry()])))
    return [Section("How to cite", blocks)]


def software_entry() -> str:
    """An entry for physeq, with its version."""
    from physeq import __version__  # late: the package is being imported when this module is

    return "\n".join(
        [
            "@software{physeq,",
            "  author = {{The physeq developers}},",
            "  title = {{physeq: physical systems that learn, from symbols to learning rules}},",
            f"  version = {{{__version__}}},",
            "}",
        ]
    )
