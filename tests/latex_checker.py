"""Reads a LaTeX page as strictly as TeX would, where none is installed: `problems(source)` lists what TeX objects to.

Braces and environments, what mathematics and text allow, commands of loaded packages alone, rows of tables, letters
that the fonts hold, labels, and lines and columns that would stick out of the page.
"""

import re
import unicodedata
from dataclasses import dataclass, field

from latex_measures import PAGE, TOKEN, cell_width, columns, equations, group_end, in_text, split, typed

# Commands by the package that defines them, "" for LaTeX itself: what mathematics alone may hold, and what is text's.
MATH = {
    "": r"""
        alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi varpi rho varrho
        sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
        ell imath jmath infty partial nabla emptyset top Re Im to rightarrow leftarrow gets leftrightarrow
        Rightarrow mapsto prime cdot times pm mp ast star circ odot otimes oplus dagger perp parallel mid in notin
        subset subseteq cup cap setminus forall exists wedge vee neg le leq ge geq ll gg ne neq approx sim equiv propto
        colon vert Vert langle rangle lfloor rfloor lceil rceil lbrace rbrace sum prod int oint bigcup dot ddot hat
        widehat bar overline tilde widetilde vec arccos arcsin arctan arg cos cosh cot coth csc det dim exp inf lim log
        ln max min sec sin sinh sup tan tanh mathrm mathit mathbf mathcal mathsf left right Bigl Bigr frac sqrt surd
        limits nolimits displaystyle dots ldots cdots _
    """,
    "amsmath": r"operatorname lvert rvert lVert rVert tag text",
    "amssymb": r"mathbb hbar varnothing",
}
TEXT = {
    "": r"""
        section subsection subsubsection paragraph maketitle item textbf emph texttt small ttfamily mbox ensuremath
        allowbreak textbackslash textasciicircum textasciitilde textless textgreater textbar linewidth raggedright par
        centering caption label ref hypertarget nopagebreak smallskip ifdefined else fi
    """,
    "textcomp": r"textquotesingle textasciigrave textdegree textmu textohm",
    "array": r"arraybackslash",
    "booktabs": r"toprule midrule bottomrule",
    "longtable": r"endhead endfirsthead endfoot",
    "graphicx": r"includegraphics resizebox",
    "hyperref": r"href url",
    "tikz": r"tikzpicture",
}
BOTH = frozenset(["{", "}", "$", "&", "#", "%", "_", " ", ",", ":", ";", "!", "\\", "quad", "qquad", "nobreak"])
# The page's own macros, with the mode of their argument.
OWN = {"fitted": "math", "longformula": "math", "fittedto": "math", "textquotedbl": "text"}
ALIGNED = frozenset(["longtable", "align*", "aligned", "cases", "matrix", "tabular", "array"])
MATHEMATICS = frozenset(["equation*", "align*", "aligned", "cases", "matrix"])
BLOCKS = frozenset(["document", "itemize", "enumerate", "quote", "flushleft", "center", "figure"])
ENVIRONMENTS = BLOCKS | ALIGNED | MATHEMATICS
DRAWN = frozenset(["tikzpicture"])  # pictures have a language of their own
# What T1 fonts hold beside ASCII, as input by its UTF-8 code.
T1 = frozenset("¡¿«»§¶°·±×÷µ¹²³¼½¾ªº¬¢£¥©®ßÆæØøÐðÞþŁłŒœĄąĘęĞğŠšŽžŻżŚśĆćŃńŐőŰűŮůĎďĚěŘřŤťĽľĹĺŔŕŹźČčŇňĂăŞşŢţİıÿŸĐđŊŋ") | {
    unicodedata.normalize("NFC", letter + accent)
    for letter in "AEIOUYNCaeiouync"
    for accent in "\u0300\u0301\u0302\u0303\u0308\u030a\u0327"
    if len(unicodedata.normalize("NFC", letter + accent)) == 1
    and ord(unicodedata.normalize("NFC", letter + accent)) < 0x100
}


@dataclass
class _Reader:
    """Goes through the body once; `stack` holds what is open, innermost last."""

    source: str
    packages: frozenset[str]
    found: list[str] = field(default_factory=list)
    stack: list[tuple[str, str, int]] = field(default_factory=list)  # (kind, name, line)

    def fail(self, position: int, text: str) -> None:
        line = self.source.count("\n", 0, position) + 1
        self.found.append(f"line {line}: {text}")

    @property
    def mathematics(self) -> bool:
        """Whether the innermost mode is mathematics; \\text, \\tag and cells of tables turn back to text."""
        for kind, name, _ in reversed(self.stack):
            if kind == "$" or (kind == "environment" and name in MATHEMATICS) or (kind == "group" and name == "math"):
                return True
            if kind == "group" and name == "text":
                return False
        return False

    def read(self) -> None:
        pending = ""  # the mode of the next group: the argument of a command
        position = 0
        while position < len(self.source):
            match = TOKEN.match(self.source, position)
            start, position = position, match.end()
            word, sign, plain = match.groups()
            if word in ("begin", "end"):
                position = self.environment(word, start, position)
            elif word in ("left", "right"):
                self.delimiter(word, start)
            elif word is not None or sign is not None:
                pending = self.command(word if word is not None else sign, start) or pending
                pending = "first of two" if word == "fittedto" else pending
            elif plain == "{":
                mode = "text" if pending == "first of two" else pending
                self.stack.append(("group", mode, start))
                pending = "math" if pending == "first of two" else ""
            elif plain == "}":
                self.close("group", "", start)
            elif plain == "$":
                if self.stack and self.stack[-1][0] == "$":
                    self.stack.pop()
                elif self.mathematics:
                    self.fail(start, "$ inside mathematics")
                else:
                    self.stack.append(("$", "", start))
            else:
                self.letter(plain, start)
        for kind, name, where in self.stack:
            self.fail(where, f"{name or kind} is never closed")

    def close(self, kind: str, name: str, position: int) -> None:
        if not self.stack or self.stack[-1][0] != kind or (kind == "environment" and self.stack[-1][1] != name):
            opened = f"{self.stack[-1][0]} {self.stack[-1][1]}".strip() if self.stack else "nothing"
            self.fail(position, f"end of {kind} {name or ''} where {opened} is open")
        if self.stack:
            self.stack.pop()

    def environment(self, word: str, start: int, position: int) -> int:
        match = re.compile(r"\{([a-zA-Z*]+)\}").match(self.source, position)
        if match is None:
            self.fail(start, f"\\{word} without a name")
            return position
        name = match[1]
        if name in DRAWN and word == "begin":
            end = self.source.find(f"\\end{{{name}}}", position)
            if end < 0:
                self.fail(start, f"{name} is never closed")
            return len(self.source) if end < 0 else end + len(f"\\end{{{name}}}")
        if name not in ENVIRONMENTS:
            self.fail(start, f"unknown environment {name}")
        if word == "end":
            self.close("environment", name, start)
            return match.end()
        if name in ("equation*", "align*") and self.mathematics:
            self.fail(start, f"{name} inside mathematics")
        if name == "aligned" and not self.mathematics:
            self.fail(start, "aligned outside of mathematics")
        self.stack.append(("environment", name, start))
        if name == "longtable":
            end = group_end(self.source, match.end())
            self.table(match.end(), end)
            return end
        return match.end()

    def table(self, start: int, end: int) -> None:
        """The rows of a table have as many cells as its columns, and its columns fit the page."""
        kinds = columns(self.source[start + 1 : end - 1])
        closing = self.source.find(r"\end{longtable}", end)
        body = self.source[end : closing if closing >= 0 else len(self.source)]
        small = self.source[:start].endswith("{\\small\n\\begin{longtable}")
        body = re.sub(r"\\(toprule|midrule|bottomrule|endhead)\b", "", body)
        *rows, rest = split(body, r"\\")
        if rest.strip():
            self.fail(start, f"a table's last row is not ended: {rest.strip()[:40]!r}")
        widths = [0.0] * len(kinds)
        for row in rows:
            cells = split(row, "&")
            if len(cells) != len(kinds):
                self.fail(
                    start, f"a row of {len(cells)} cells in a table of {len(kinds)} columns: {row.strip()[:60]!r}"
                )
                return
            widths = [max(w, cell_width(cell)) for w, cell in zip(widths, cells, strict=True)]
        line = PAGE / 0.92 if small else PAGE
        total = sum(w if c is None else c * line for w, c in zip(widths, kinds, strict=True)) + 1.1 * (len(kinds) - 1)
        if total > line + 0.3:
            self.fail(start, f"a table of {total:.1f} em on a line of {line:.1f} em")

    def delimiter(self, word: str, start: int) -> None:
        if not self.mathematics:
            self.fail(start, f"\\{word} outside of mathematics")
        if word == "left":
            self.stack.append(("\\left", "", start))
        else:
            self.close("\\left", "", start)

    def command(self, name: str, start: int) -> str:
        """Whether a command may stand here; the mode of its argument."""
        inside = self.mathematics
        if name in OWN:
            return OWN[name]
        if name in BOTH:
            return ""
        owner = next((p for table in (MATH, TEXT) for p, names in table.items() if name in names.split()), None)
        if owner is None or (owner and owner not in self.packages):
            self.fail(start, f"\\{name} is defined by no package that is loaded")
            return ""
        of_math = any(name in names.split() for names in MATH.values())
        if of_math and not inside:
            self.fail(start, f"\\{name} outside of mathematics")
        if not of_math and inside and name not in ("linewidth", "allowbreak"):
            self.fail(start, f"\\{name} inside mathematics")
        return {"ensuremath": "math", "text": "text", "tag": "text", "texttt": "text", "mbox": "text"}.get(name, "")

    def letter(self, sign: str, start: int) -> None:
        inside = self.mathematics
        if sign in "_^" and not inside:
            self.fail(start, f"{sign} outside of mathematics")
        elif sign in "#%":
            self.fail(start, f"unescaped {sign}")
        elif sign == "&":
            around = next((name for kind, name, _ in reversed(self.stack) if kind == "environment"), "")
            if around not in ALIGNED:
                self.fail(start, "& outside of a table")
        elif ord(sign) > 126 and (inside or sign not in T1):
            self.fail(start, f"{sign!r} (U+{ord(sign):04X}) is in none of the fonts")


def problems(source: str) -> list[str]:
    """What is wrong with a complete LaTeX file, each with its line."""
    begin, end = r"\begin{document}", r"\end{document}"
    if source.count(begin) != 1 or not source.rstrip().endswith(end):
        return ["the file has no document of its own"]
    preamble, body = source.split(begin)
    packages = frozenset(
        name for group in re.findall(r"\\usepackage(?:\[[^]]*\])?\{([^}]*)\}", preamble) for name in group.split(",")
    )
    # Line numbers are those of the file.
    title = re.search(r"\\title\{.*\}", preamble)
    blank = re.sub(r"[^\n]", " ", preamble)
    if title is not None:
        blank = blank[: title.start()] + " " * 6 + preamble[title.start() + 6 : title.end()] + blank[title.end() :]
    reader = _Reader(blank + begin + body, packages)
    reader.read()
    body_lines = re.sub(r"[^\n]", " ", preamble) + begin + body
    labels = re.findall(r"\\label\{([^}]*)\}", body)
    twice = sorted({name for name in labels if labels.count(name) > 1})
    dangling = sorted(set(re.findall(r"\\ref\{([^}]*)\}", body)) - set(labels))
    return [
        *reader.found,
        *equations(blank + begin + body),
        *typed(source),
        *in_text(body_lines),
        *(f"label {name} is given twice" for name in twice),
        *(f"there is no label {name}" for name in dangling),
    ]
