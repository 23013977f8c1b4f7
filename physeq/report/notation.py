"""How the pages write mathematics: one LaTeX name per symbol, and a LaTeX printer that uses it.

A symbol's LaTeX name is, in this order: its attribute `latex_name`, what its own `_latex` method prints, its name
where that already is LaTeX, and a reading of its plain name.
"""

import inspect
from xml.etree.ElementTree import Element

import sympy as sp
from sympy.core.function import UndefinedFunction
from sympy.printing.latex import LatexPrinter, translate
from sympy.printing.precedence import PRECEDENCE

from ..errors import InternalError
from ._glyphs import COMMAND_OF
from ._xml import markup
from .mathml import latex_to_mathml

_ESCAPED = {"_": r"\_", "%": r"\%", "#": r"\#", "&": r"\&", "$": r"\$", "-": r"\text{-}", " ": r"\ "}


def to_commands(source: str) -> str:
    """LaTeX source with mathematical Unicode glyphs replaced by commands, so that every engine sets it.

    >>> to_commands("w^{(input→hidden)}")
    'w^{(input\\\\to hidden)}'
    """
    return "".join(f"\\{COMMAND_OF[glyph]} " if glyph in COMMAND_OF else glyph for glyph in source)


def plain_name(name: str) -> str:
    r"""LaTeX of a plain (non-LaTeX) symbol name: Greek, accents and indices are read, words are set upright.

    >>> print(plain_name("theta_in"), plain_name("w_ij"), plain_name("xdot"), plain_name("hidden->output.w"))
    \theta_{in} w_{ij} \dot{x} \mathrm{hidden\to output.w}
    """
    pieces = name.replace("^", "_").split("_")
    if name.count("^") <= 1 and all(piece.rstrip("'").isalnum() for piece in pieces):
        head, *scripts = name.replace("^", "_^").split("_")
        # Several indices stand side by side: w_i_j is w_{ij}; the one after ^ is above.
        above = "".join(_piece(script[1:]) for script in scripts if script.startswith("^"))
        below = [_piece(script) for script in scripts if not script.startswith("^")]
        joined = ("" if all(len(script) == 1 for script in below) else r",\,").join(below)
        return _piece(head) + (f"^{{{above}}}" if above else "") + (f"_{{{joined}}}" if below else "")
    words = name.replace("->", "→")
    return to_commands(r"\mathrm{" + "".join(_ESCAPED.get(sign, sign) for sign in words) + "}")


def _piece(piece: str) -> str:
    bare = piece.rstrip("'")
    digits = len(bare) - len(bare.rstrip("0123456789"))
    stem, number = (bare[:-digits], bare[-digits:]) if digits and digits < len(bare) else (bare, "")
    latex = translate(stem) if stem.isalpha() and stem.isascii() else to_commands(stem).strip()
    if latex == stem and len(stem) > 2 and not set(stem) <= set("ijklmn"):
        latex = rf"\mathrm{{{stem}}}"
    return latex + "'" * (len(piece) - len(bare)) + (f"_{{{number}}}" if number else "")


class PagePrinter(LatexPrinter):
    """SymPy's LaTeX printer with the pages' names for symbols, indices and functions."""

    def __init__(self, settings: dict | None = None):
        # \left and \right are kept (`mat_delim` etc. are SymPy's defaults); logarithms are natural and written log.
        super().__init__({"fold_func_brackets": False} | (settings or {}))

    def _print(self, expr, **kwargs):
        if isinstance(expr, sp.Symbol) and isinstance(getattr(expr, "latex_name", None), str):
            return to_commands(expr.latex_name)
        printed = super()._print(expr, **kwargs)
        return to_commands(printed) if hasattr(expr, "_latex") else printed

    def _as_ordered_terms(self, expr, order=None):
        terms = super()._as_ordered_terms(expr, order=order)
        return positive_leads(terms) if type(expr) is sp.Add else terms  # other sums have an order of their own

    def _print_Symbol(self, expr, style="plain"):
        raw = "\\" in expr.name or "{" in expr.name
        return to_commands(expr.name) if raw else plain_name(expr.name)

    _print_Dummy = _print_Symbol
    _print_RandomSymbol = _print_Symbol

    def _print_IndexedBase(self, expr):
        return self._print(expr.label)

    def _print_Idx(self, expr):
        return self._print(expr.label)

    def _print_Indexed(self, expr):
        base, indices = self._print(expr.base), [self._print(index) for index in expr.indices]
        below = ("" if joined_indices(expr) else ",").join(indices)
        head, sub, above = split_scripts(base)
        if not sub:
            return f"{base}_{{{below}}}" if not has_script(base, "_") else f"{{{base}}}_{{{below}}}"
        return f"{head}_{{{sub},{below}}}" + (f"^{{{above}}}" if above else "")

    def _print_exp(self, expr, exp=None):
        # A fraction in an exponent is too small to read.
        if sp.fraction(expr.args[0])[1] == 1 or not expr.args[0].free_symbols:
            return self._print_ExpBase(expr, exp)
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"\exp{power}\left({self._print(expr.args[0])}\right)"

    def _print_Function(self, expr, exp=None):
        if isinstance(type(expr), UndefinedFunction):
            arguments = ", ".join(self._print(argument) for argument in expr.args)
            name = function_latex(expr.func)
            power = "" if exp is None else f"^{{{exp}}}"
            return rf"{name}{power}\left({arguments}\right)" if expr.args else name + power
        return super()._print_Function(expr, exp)

    def _print_Heaviside(self, expr, exp=None):
        # SymPy writes a small theta, which phases need.
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"\Theta{power}\left({self._print(expr.args[0])}\right)"

    def _print_Add(self, expr, order=None):
        if not has_cases(expr):
            return super()._print_Add(expr, order)
        printed = ""
        for term in self._as_ordered_terms(expr, order=order):
            negative = term.could_extract_minus_sign()
            body = self.parenthesize(-term if negative else term, PRECEDENCE["Add"], strict=True)
            printed += (" - " if negative else " + ") + body
        return printed.removeprefix(" + ").strip()

    def _print_Mul(self, expr):
        # TeX closes words up: without a thin space "gain x" is set as "gainx".
        if not any(is_word(self._print(factor)) for factor in expr.args if factor.is_symbol):
            return super()._print_Mul(expr)
        before = self._settings["mul_symbol_latex"]
        self._settings["mul_symbol_latex"] = r" \, "
        try:
            return super()._print_Mul(expr)
        finally:
            self._settings["mul_symbol_latex"] = before

    def parenthesize(self, item, level, is_neg=False, strict=False):
        printed = super().parenthesize(item, level, is_neg=is_neg, strict=strict)
        # The base of a power: SymPy braces symbols that have a superscript already, but not indexed ones.
        power = level == PRECEDENCE["Pow"] and isinstance(item, sp.Indexed)
        # Cases have no closing brace: inside a sum, product or power they need parentheses.
        open_cases = isinstance(item, sp.Piecewise) and not printed.startswith(r"\left(")
        return rf"\left({printed}\right)" if open_cases or (power and has_script(printed, "^")) else printed

    def _print_Pow(self, expr):
        # SymPy hands the exponent to functions; cases cannot take it, and a function's own `_latex` need not.
        base = expr.base
        printing = getattr(base, "_latex", self._print_Piecewise if isinstance(base, sp.Piecewise) else None)
        root = expr.exp.is_Rational and expr.exp.q != 1 and abs(expr.exp.p) == 1
        fraction = expr.exp.is_Rational and expr.exp.is_negative
        simple = base.is_Function and not root and not fraction
        if simple and printing is not None and "exp" not in inspect.signature(printing).parameters:
            return rf"\left({self._print(base)}\right)^{{{self._print(expr.exp)}}}"
        return super()._print_Pow(expr)


def positive_leads(terms: list) -> list:
    """The terms of a sum with the first positive one in front, if there is one: b − a and not −a + b."""
    lead = next((k for k, term in enumerate(terms) if not term.could_extract_minus_sign()), 0)
    return [terms[lead], *terms[:lead], *terms[lead + 1 :]]


def joined_indices(expr: sp.Indexed) -> bool:
    """Whether the indices can stand side by side, as in w_ij, without being mistaken for one number or word."""
    return all(isinstance(index, sp.Symbol | sp.Idx) and len(str(index).lstrip("_")) == 1 for index in expr.indices)


def has_cases(expr: sp.Add) -> bool:
    """Whether a term of the sum is a bare `Piecewise`, or minus one."""
    return any(isinstance(term, sp.Piecewise) or isinstance(-term, sp.Piecewise) for term in expr.args)


def is_word(source: str) -> bool:
    r"""Whether a LaTeX name begins or ends in letters set upright, such as `\mathrm{gain}`."""
    return source.startswith((r"\mathrm", r"\text", r"\operatorname"))


def has_script(source: str, kind: str) -> bool:
    r"""Whether a LaTeX name has a sub- (`_`) or superscript (`^`) outside of braces.

    >>> has_script(r"w_{ij}", "_"), has_script(r"\dot{v_i}", "_"), has_script(r"\sigma'", "^")
    (True, False, True)
    """
    depth, previous = 0, ""
    for sign in source:
        depth += (sign == "{") - (sign == "}")
        if depth == 0 and previous != "\\" and (sign == kind or (kind == "^" and sign == "'")):
            return True
        previous = sign
    return False


def split_scripts(source: str) -> tuple[str, str, str]:
    r"""(head, subscript, superscript) of a LaTeX name with braced scripts behind the head; a name that has others is
    a head as a whole.

    >>> split_scripts(r"I_{s}^{\mathrm{d}}"), split_scripts(r"\dot{s}"), split_scripts("v'")
    (('I', 's', '\\mathrm{d}'), ('\\dot{s}', '', ''), ("{v'}", '', ''))
    """
    depth, starts = 0, []
    for position, sign in enumerate(source):
        depth += (sign == "{") - (sign == "}")
        if depth == 0 and sign in "_^" and source[position - 1 : position] != "\\":
            starts.append(position)
    scripts = {"_": "", "^": ""}
    for start, end in zip(starts, [*starts, len(source)][1:], strict=True):
        script = source[start + 1 : end]
        if scripts[source[start]] or (not (script.startswith("{") and script.endswith("}")) and len(script) != 1):
            return f"{{{source}}}", "", ""
        scripts[source[start]] = script[1:-1] if script.startswith("{") else script
    head = source[: starts[0]] if starts else source
    return (f"{{{head}}}" if has_script(head, "^") else head), scripts["_"], scripts["^"]


def function_latex(function: UndefinedFunction) -> str:
    """The LaTeX name of an undefined function, by the rule for symbols."""
    return symbol_latex(sp.Symbol(function.__name__))


def latex(expression: sp.Basic) -> str:
    r"""The LaTeX of an expression as every page prints it.

    >>> v, w = sp.IndexedBase("v"), sp.IndexedBase("w^{(a)}")
    >>> i, j, n = sp.symbols("i j n", integer=True)
    >>> print(latex(sp.Sum(w[i, j] * v[j], (j, 1, n))))
    \sum_{j=1}^{n} v_{j} w^{(a)}_{ij}
    """
    return PagePrinter().doprint(expression)


def symbol_latex(symbol: sp.Basic) -> str:
    r"""The LaTeX name of a symbol: a `Symbol`, `IndexedBase`, `Idx` or undefined function.

    >>> print(symbol_latex(sp.Symbol("sigma'")), symbol_latex(sp.Symbol("gain")))
    \sigma' \mathrm{gain}
    """
    if isinstance(symbol, UndefinedFunction):
        return function_latex(symbol)
    return latex(symbol)


def symbol_mathml(symbol: sp.Basic) -> Element:
    """The MathML of a symbol, translated from its LaTeX name."""
    return latex_to_mathml(symbol_latex(symbol))


def appearance(symbol: sp.Basic) -> str:
    """A text that is equal for two symbols exactly when readers cannot tell them apart.

    >>> appearance(sp.Symbol("v_i")) == appearance(sp.Symbol("v_{i}"))
    True
    """
    try:
        return markup(symbol_mathml(symbol))
    except InternalError as error:
        raise InternalError(f"symbol {str(symbol)!r}: {error}") from None
