r"""How wide LaTeX is when it is set, in em of the text's face: what page files need to know to fit their tables.

Widths of letters are those of Computer Modern, which Latin Modern keeps; what stands between them follows TeX's rules
for the spaces around operators and relations, scripts at 0.73 of the size, and fractions.
"""

from __future__ import annotations

from physeq.report._glyphs import ACCENTS, LARGE_OPERATORS, LETTERS, NAMES, OPERATORS, SPACES, STYLES
from physeq.report.mathml import tokens

_ROMAN_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
# In hundredths of an em, in the order of the letters above.
_ROMAN = """
50 56 44 56 44 31 50 56 28 31 53 28 83 56 50 56 53 39 39 39 56 53 72 53 53 44
75 71 72 76 68 65 78 75 36 51 78 63 92 75 78 68 78 74 56 72 75 75 103 75 75 61
"""
_ITALIC = """
53 43 43 52 47 49 48 58 35 41 52 30 88 60 49 50 45 45 47 36 57 49 72 57 49 47
75 76 72 83 74 64 79 83 44 56 85 68 97 80 76 64 79 76 61 58 68 58 94 83 58 68
"""
_ROMAN_WIDTHS = {a: int(n) / 100 for a, n in zip(_ROMAN_LETTERS, _ROMAN.split(), strict=True)}
_ITALIC_WIDTHS = {a: int(n) / 100 for a, n in zip(_ROMAN_LETTERS, _ITALIC.split(), strict=True)}
_SIGNS = {" ": 0.33, ".": 0.28, ",": 0.28, ":": 0.28, ";": 0.28, "!": 0.28, "'": 0.28, "|": 0.28, "(": 0.39, ")": 0.39}
_SIGNS |= {"-": 0.33, "[": 0.28, "]": 0.28, "/": 0.5, "–": 0.5, "−": 0.78, "+": 0.78, "=": 0.78, "…": 0.67, "→": 1.0}
_LETTER = 0.55  # any other sign
CODE = 0.525  # every sign of the fixed-width face

_SCRIPT = 0.73
_BINARY = frozenset(["+", "-", r"\pm", r"\mp", r"\cdot", r"\times", r"\ast", r"\odot", r"\circ", r"\setminus"])
_RELATIONS = frozenset(["=", "<", ">", r"\le", r"\ge", r"\leq", r"\geq", r"\lt", r"\gt", r"\ne", r"\neq", r"\approx"])
_RELATIONS |= frozenset([r"\sim", r"\equiv", r"\propto", r"\in", r"\notin", r"\leftarrow", r"\to", r"\mapsto"])
_TALL = frozenset([r"\frac", r"\sum", r"\int", r"\prod", r"\begin"])
_FENCES = {".": 0.12, "|": 0.28, "(": 0.39, ")": 0.39, "[": 0.28, "]": 0.28, r"\{": 0.5, r"\}": 0.5}
_OTHER_SPACES = {r"\enspace": 0.5, r"\nobreak": 0.0, "~": 0.33}


def text_width(text: str) -> float:
    """The width of running text.

    >>> round(text_width("half the squared difference"), 1)
    11.6
    """
    return sum(_ROMAN_WIDTHS.get(sign) or (0.5 if sign.isdigit() else _SIGNS.get(sign, _LETTER)) for sign in text)


def math_width(source: str, display: bool = False) -> float:
    r"""The width of a formula; `display` where fractions are large and limits stand below.

    >>> round(math_width("a + b"), 2), round(math_width(r"\frac{a b}{c}", True), 2)
    (2.18, 1.2)
    """
    return _Formula(tokens(source)).row("", display, 1.0)


class _Formula:
    """Reads the tokens once, from left to right; every method returns the width of what it took."""

    def __init__(self, found: list[str]):
        self.tokens, self.position = found, 0

    def peek(self) -> str:
        while self.position < len(self.tokens) and self.tokens[self.position].isspace():
            self.position += 1
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.position += 1
        return token

    def row(self, end: str, display: bool, size: float) -> float:
        """Up to `end`, which is taken; of several lines the widest."""
        widest = total = 0.0
        before = ""
        while (token := self.peek()) not in (end, ""):
            if token == r"\\":
                self.take()
                widest, total, before = max(widest, total), 0.0, ""
                continue
            total += self.atom(display, size, before)
            before = token
        self.take()
        return max(widest, total)

    def argument(self, display: bool, size: float) -> float:
        """A braced group, or one sign."""
        if self.peek() == "{":
            self.take()
            return self.row("}", display, size)
        return self.atom(display, size, "")

    def words(self) -> str:
        """The letters of a braced group, such as an upright name."""
        if self.peek() != "{":
            return self.take()
        self.take()
        found, depth = "", 1
        while depth and self.position < len(self.tokens):
            token = self.tokens[self.position]
            self.position += 1
            depth += {"{": 1, "}": -1}.get(token, 0)
            found += OPERATORS.get(token[1:], token[1:]) if token[0] == "\\" else token if token not in "{}" else ""
        return found

    def atom(self, display: bool, size: float, before: str) -> float:
        token = self.take()
        name = token[1:] if token.startswith("\\") else ""
        if token in ("_", "^"):
            script = self.argument(False, size * _SCRIPT) + 0.05
            other = self.peek()
            # The other script of the same sign stands above or below this one.
            return max(script, self.atom(display, size, "")) if other in ("_", "^") and other != token else script
        if token == "{":
            return self.row("}", display, size)
        if token == "&":
            return size
        if token == r"\frac":
            inside = size if display else size * _SCRIPT
            above = self.argument(False, inside)
            return max(above, self.argument(False, inside)) + 0.24 * size
        if token in (r"\left", r"\right", r"\Bigl", r"\Bigr"):
            return self.fence(size, token)
        if token in (r"\begin", r"\end"):
            self.words()
            return size
        if name in LARGE_OPERATORS:
            return self.large(display, size, name)
        if name == "sqrt":
            return 0.83 * size + self.argument(False, size)
        if name in ACCENTS:
            return self.argument(False, size)
        if name in STYLES or name == "text":
            wide = 1.12 if name in ("mathbf", "boldsymbol") else 1.3 if name == "mathcal" else 1.0
            return text_width(self.words()) * size * wide
        if name in NAMES:
            return (text_width(name) + 0.17) * size
        if name in SPACES or token in _OTHER_SPACES:
            return SPACES.get(name, _OTHER_SPACES.get(token, 0.0)) * size
        if token in _RELATIONS:
            return (0.78 + (0.56 if size == 1.0 else 0.0)) * size
        if token in _BINARY:
            sign = 0.28 if name == "cdot" else 0.78
            unary = before in ("", "(", "[", ",", r"\left") or before in _RELATIONS or size < 1.0
            return (sign + (0.0 if unary else 0.44)) * size
        if token == ",":
            return 0.44 * size
        if name in LETTERS or name in OPERATORS:
            return (0.76 if name[0].isupper() else 0.67 if name == "omega" else 0.57) * size
        if token.isdigit():
            return 0.5 * size
        return (_ITALIC_WIDTHS.get(token) or _SIGNS.get(token, _LETTER)) * size

    def fence(self, size: float, kind: str) -> float:
        """A delimiter, wider around what is tall."""
        base = _FENCES.get(self.take(), 0.39)
        if kind != r"\left":
            return base * size
        depth, tall = 1, False
        for token in self.tokens[self.position :]:
            depth += {r"\left": 1, r"\right": -1}.get(token, 0)
            tall |= token in _TALL
            if not depth:
                break
        # The closing one grows as well, and a thin space stands beside the pair.
        return (base + (0.45 if tall else 0.1) + 0.17) * size

    def large(self, display: bool, size: float, name: str) -> float:
        """A sum or an integral with its limits: below and above, or beside."""
        widths = []
        if self.peek() in (r"\limits", r"\nolimits"):
            self.take()
        while self.peek() in ("_", "^"):
            self.take()
            widths.append(self.argument(False, size * _SCRIPT))
        beside = max(widths, default=0.0)
        if name in ("int", "oint"):
            return (1.0 if display else 0.6) * size + beside + 0.17 * size
        if display:
            return max(1.44 * size, beside) + 0.17 * size
        return 1.06 * size + beside + 0.17 * size
