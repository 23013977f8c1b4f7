"""References to papers, read from what the docstrings of rules say of their sources, as text and as BibTeX."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from textwrap import wrap

from physeq.report._bibliography import PAPERS

_YEAR = re.compile(r"\b((?:1[89]|20)\d\d)\b")
_EPRINT = re.compile(r"arXiv:(\d{4}\.\d{4,5})")
_QUOTED = re.compile(r'"([^"]+)"')
_JOURNAL = re.compile(r"([A-Z][A-Za-z. ]+ \d+, \d+)$")
_NAME = re.compile(r"[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)*")


@dataclass(frozen=True)
class Reference:
    """One paper.

    Attributes:
        authors: family names, or whole names where the bibliography has them; the last is "others" for et al.
        year: of its first version.
        title: "" where nothing tells it.
        eprint: number on arXiv, or "".
        journal: where it was printed, with volume and page, or "".
    """

    authors: tuple[str, ...]
    year: str
    title: str = ""
    eprint: str = ""
    journal: str = ""

    @property
    def key(self) -> str:
        """How BibTeX calls it: first author, year and, where there is one, the first word of the title.

        >>> Reference(("Scellier", "Bengio"), "2017", "Equilibrium propagation").key
        'scellier2017equilibrium'
        """
        family = unicodedata.normalize("NFD", self.authors[0].split()[-1])
        word = re.sub(r"[^a-z]", "", self.title.lower().partition(" ")[0])
        return re.sub(r"[^a-z]", "", family.lower()) + self.year + word

    def text(self) -> str:
        """The reference in one sentence."""
        names = [*self.authors[:-1], "et al."] if self.authors[-1] == "others" else list(self.authors)
        last = " " if names[-1] == "et al." else " and "
        authors = names[0] if len(names) == 1 else ", ".join(names[:-1]) + last + names[-1]
        where = [part for part in (self.journal, f"arXiv:{self.eprint}" if self.eprint else "") if part]
        title = f" “{self.title}”." if self.title else ""
        return f"{authors.rstrip('.')} ({self.year}).{title}" + (f" {', '.join(where)}." if where else "")

    def bibtex(self) -> str:
        """An entry for BibTeX.

        >>> print(Reference(("Scellier", "Bengio"), "2017", eprint="1602.05179").bibtex())
        @article{scellier2017,
          author = {Scellier and Bengio},
          year = {2017},
          eprint = {1602.05179},
          archivePrefix = {arXiv},
        }
        """
        fields = {
            "author": " and ".join(self.authors),
            "title": f"{{{self.title}}}" if self.title else "",
            "journal": self.journal,
            "year": self.year,
            "eprint": self.eprint,
            "archivePrefix": "arXiv" if self.eprint else "",
        }
        kind = "article" if self.journal or self.eprint else "misc"
        lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
        # Typed text is not broken by any format.
        broken = [part for line in lines for part in wrap(line, 76, subsequent_indent="    ", break_on_hyphens=False)]
        return "\n".join([f"@{kind}{{{self.key},", *broken, "}"])


def references(source: str) -> tuple[Reference, ...]:
    """The papers that a source names, in its order; texts without authors and a year name none.

    >>> [found] = references("Stern, Hexner, Rocks & Liu 2021, Phys. Rev. X 11, 021045.")
    >>> found.authors[-1], found.year, found.journal
    ('Liu', '2021', 'Phys. Rev. X 11, 021045')
    >>> [found] = references("Movellan 1991, \\"Contrastive Hebbian learning\\".")
    >>> found.text()
    'Movellan (1991). “Contrastive Hebbian learning”.'
    """
    found = []
    for piece in source.split(";"):
        eprint, year = _first(_EPRINT, piece), _first(_YEAR, _EPRINT.sub("", piece))
        if eprint in PAPERS:
            authors, when, title = PAPERS[eprint]
            found.append(Reference(authors, when, title, eprint))
        elif year:
            before, _, after = piece.partition(year)
            if authors := _authors(before):
                journal = _first(_JOURNAL, after.strip(" .,"))
                found.append(Reference(authors, year, _first(_QUOTED, after), eprint, journal))
    return tuple(dict.fromkeys(found))


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1] if match is not None else ""


def _authors(text: str) -> tuple[str, ...]:
    """Names in front of a year: what stands behind the last colon, "of" or "cf."."""
    text = re.split(r": |\bof |cf\. ", text)[-1]
    others = "et al" in text
    names = [_NAME.search(part) for part in re.split(r",|&|\band\b", text.replace("et al.", "").replace("et al", ""))]
    found = tuple(name[0] for name in names if name is not None)
    return (*found, "others") if others and found else found
