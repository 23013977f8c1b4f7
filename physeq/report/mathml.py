"""LaTeX names of symbols and functions → MathML, by a small recursive parser.

Only the subset that names are written in is understood; anything else is refused by name, because a glyph that
silently vanishes from an equation is worse than an error.
"""

import unicodedata
from collections.abc import Callable, Mapping
from xml.etree.ElementTree import Element

from ..errors import InternalError
from ._glyphs import ACCENTS, LARGE_OPERATORS, LETTERS, NAMES, OPERATORS, SPACES, STYLES
from ._xml import element, row, scripted

_PRIMES = {1: "′", 2: "″", 3: "‴"}


def latex_to_mathml(source: str, arguments: Mapping[str, Element] | None = None) -> Element:
    r"""Translate a LaTeX name into one MathML element.

    `arguments` are elements that replace `\argument{key}`: the way in which an expression with a LaTeX form of its own
    keeps its sub-expressions.

    Raises `InternalError`, quoting `source`, on unknown commands and on unbalanced braces.

    >>> from physeq.report._xml import markup
    >>> markup(latex_to_mathml(r"\dot{v}_{i}"))
    '<msub><mover accent="true"><mi>v</mi><mo>˙</mo></mover><mi>i</mi></msub>'
    >>> markup(latex_to_mathml(r"\sigma'"))
    '<msup><mi>σ</mi><mo>′</mo></msup>'
    """
    return _Parser(source, arguments or {}).parse()


def tokens(source: str) -> list[str]:
    r"""Commands (`\name` or `\` and one sign) and single characters."""
    found, position = [], 0
    while position < len(source):
        end = position + 1
        if source[position] == "\\":
            end = position + 2
            if source[position + 1 : end].isalpha():
                while end < len(source) and source[end].isascii() and source[end].isalpha():
                    end += 1
        found.append(source[position:end])
        position = end
    return found


class _Parser:
    """Recursive descent over the tokens: row → scripted atoms, atom → group | command | number | letter | sign."""

    def __init__(self, source: str, arguments: Mapping[str, Element]):
        self.source, self.arguments = source, arguments
        self.tokens, self.position = tokens(source), 0

    def fail(self, reason: str) -> InternalError:
        return InternalError(
            f"symbol name {self.source!r}: {reason}; give the symbol a LaTeX name of letters, Greek letters, accents, "
            "sub- and superscripts in braces, \\mathrm{} and \\text{}"
        )

    def peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.position += 1
        return token

    def skip_spaces(self) -> None:
        while self.peek().isspace():
            self.position += 1

    def expect(self, token: str) -> None:
        self.skip_spaces()
        if self.peek() != token:
            raise self.fail(f"expected {token!r}, found {self.peek() or 'the end'!r}")
        self.take()

    def parse(self) -> Element:
        children = self.row_until("")
        if not children:
            raise self.fail("it is empty")
        return row(children)

    def row_until(self, end: str, style: str | None = None) -> list[Element]:
        """Elements up to the token `end`, which is consumed; "" is the end of the source."""
        children: list[Element] = []
        while True:
            self.skip_spaces()
            token = self.peek()
            if token == end:
                self.take()
                return children
            if not token or token == "}" or token == r"\right":
                raise self.fail(f"expected {end or 'the end'!r}, found {token or 'the end'!r}")
            children.extend(self.scripted(style))

    def group(self, style: str | None = None) -> Element:
        """The argument of a command: a braced row, or one atom."""
        self.skip_spaces()
        if self.peek() != "{":
            if len(self.peek()) == 1 and self.peek().isalnum():  # TeX takes one character: v_ij is v_i j
                token = self.take()
                return element("mn", token) if token.isdigit() else row(_letters(token, style))
            return row(self.atom(style))
        self.take()
        children = self.row_until("}", style)
        return row(children)

    def scripted(self, style: str | None) -> list[Element]:
        limits = self.peek()[1:] in LARGE_OPERATORS or self.peek() in (r"\lim", r"\max", r"\min")
        atom = [] if self.peek() in ("_", "^", "'") else self.atom(style)
        scripts: dict[str, Element] = {}
        primes = 0
        while True:
            self.skip_spaces()
            if self.peek() == "'":
                primes += 1
                self.take()
            elif self.peek() in ("_", "^"):
                kind = self.take()
                if kind in scripts:
                    raise self.fail(f"two scripts {kind!r} on one base; brace the inner one")
                scripts[kind] = self.group(style)
            else:
                break
        if not scripts and not primes:
            return atom
        above = [element("mo", _PRIMES.get(primes, "′" * primes))] if primes else []
        above += [scripts["^"]] if "^" in scripts else []
        if not atom:
            atom = [element("mrow")]  # a script with no base, as in {}^{2}
        return [*atom[:-1], scripted(atom[-1], scripts.get("_"), row(above) if above else None, limits)]

    def atom(self, style: str | None) -> list[Element]:
        token = self.take()
        if token == "{":
            return [row(self.row_until("}", style))]
        if token.startswith("\\"):
            return self.command(token[1:], style)
        if token.isdigit():
            while self.peek().isdigit() or (self.peek() == "." and self.peek_after().isdigit()):
                token += self.take()
            return [element("mn", token)]
        if token.isalpha():
            while len(self.peek()) == 1 and self.peek().isalpha() and (style is not None or self.peek().isascii()):
                token += self.take()
            return _letters(token, style)
        if style is not None and token in "-.":
            return [element("mtext", token)]  # part of the word, without the spaces of an operator
        return [element("mo", "−" if token == "-" else token)]

    def peek_after(self) -> str:
        return self.tokens[self.position + 1] if self.position + 1 < len(self.tokens) else ""

    def command(self, name: str, style: str | None) -> list[Element]:
        if name in LETTERS:
            return [element("mi", LETTERS[name])]
        if name in OPERATORS:
            return [element("mo", OPERATORS[name])]
        if name in LARGE_OPERATORS:
            return [element("mo", LARGE_OPERATORS[name])]
        if name in NAMES:
            return [element("mi", name)]
        if name in SPACES:
            return [element("mspace", width=f"{SPACES[name]}em")] if SPACES[name] else []
        if name in ACCENTS:
            return [element("mover", None, self.group(style), element("mo", ACCENTS[name]), accent="true")]
        if name in STYLES:
            return [self.group(STYLES[name])]
        build: Callable[[], Element] | None = {
            "text": self.text,
            "textrm": self.text,
            "left": self.fenced,
            "frac": self.fraction,
            "sqrt": lambda: element("msqrt", None, self.group(style)),
            "mathop": lambda: self.group(style),
            "argument": self.argument,
        }.get(name)
        if build is None:
            raise self.fail(f"unknown LaTeX command \\{name}")
        return [build()]

    def braced_text(self) -> str:
        self.expect("{")
        text = ""
        while self.peek() != "}":
            if not self.peek():
                raise self.fail("a brace is not closed")
            token = self.take()
            text += token[1:] if len(token) == 2 and not token.isalnum() else token
        self.take()
        return text

    def text(self) -> Element:
        return element("mtext", self.braced_text().replace(" ", "\u00a0"))  # MathML trims plain spaces

    def argument(self) -> Element:
        return self.arguments[self.braced_text()]

    def fraction(self) -> Element:
        return element("mfrac", None, self.group(), self.group())

    def delimiter(self) -> list[Element]:
        self.skip_spaces()
        token = self.take()
        if token == ".":
            return []
        return [element("mo", OPERATORS.get(token[1:], token) if token.startswith("\\") else token, stretchy="true")]

    def fenced(self) -> Element:
        opening = self.delimiter()
        children = self.row_until(r"\right")
        return element("mrow", None, *opening, *children, *self.delimiter())


def _letters(word: str, style: str | None) -> list[Element]:
    """Plain letters are variables, one each; long runs and styled runs are words and stay together."""
    if style is None:
        return [element("mi", word)] if len(word) > 3 else [element("mi", letter) for letter in word]
    styled = "".join(_styled(letter, style) for letter in word)
    return [element("mi", styled, mathvariant="normal")] if len(styled) == 1 and not style else [element("mi", styled)]


def _styled(letter: str, style: str) -> str:
    """The letter of a mathematical alphabet, such as 𝒩; letters older than that block lost the prefix (ℒ)."""
    if not style or not letter.isascii():
        return letter
    name = f"{style} {'CAPITAL' if letter.isupper() else 'SMALL'} {letter.upper()}"
    for candidate in (name, name.removeprefix("MATHEMATICAL ")):
        try:
            return unicodedata.lookup(candidate)
        except KeyError:
            continue
    return letter
