"""SymPy expressions → MathML elements, with the same names as the LaTeX pages."""

from html import unescape
from typing import Any
from xml.dom.minidom import Node
from xml.etree.ElementTree import Element

import sympy as sp
from sympy.core.function import UndefinedFunction
from sympy.printing.mathml import MathMLPresentationPrinter
from sympy.printing.precedence import PRECEDENCE, precedence_traditional

from ._xml import element, row, scripted
from .mathml import latex_to_mathml
from .notation import (
    PagePrinter,
    function_latex,
    has_cases,
    has_script,
    joined_indices,
    latex,
    positive_leads,
    split_scripts,
    symbol_latex,
)

_TALL = frozenset(["mfrac", "mtable", "munder", "munderover", "mroot", "msqrt"])
_FENCES = frozenset("()[]|")
# SymPy writes these entities; browsers show the double-struck forms, which nobody writes by hand.
_UPRIGHT = {"ⅆ": "d", "ⅇ": "e", "ⅈ": "i", "-": "−"}


def mathml(expression: sp.Basic) -> Element:
    """The presentation MathML of an expression, without the enclosing `math` element.

    >>> from physeq.report._xml import markup
    >>> print(markup(mathml(sp.Symbol("v_i") < 2)))
    <mrow><msub><mi>v</mi><mi>i</mi></msub><mo>&lt;</mo><mn>2</mn></mrow>
    """
    made = _MathMLPrinter().element(expression)
    for group in made.iter("mrow"):
        if not any(part.tag in _TALL for part in group.iter()):
            for sign in group.findall("mo"):
                if sign.text in _FENCES:
                    sign.attrib["stretchy"] = "false"  # as TeX does; stretched glyphs are wider than they need be
    return made


class _Arguments(PagePrinter):
    r"""Runs an expression's own `_latex`, leaving `\argument{k}` where its sub-expressions stand."""

    def __init__(self):
        super().__init__()
        self.found: list[sp.Basic] = []

    def _print(self, expr, **kwargs):
        self.found.append(expr)
        return rf"\argument{{{len(self.found) - 1}}}"

    def doprint(self, expr):
        return self._print(expr)


class _MathMLPrinter(MathMLPresentationPrinter):
    """SymPy's printer builds a DOM tree of raw, unescaped text; foreign elements ride in it as `ready` attributes."""

    def element(self, expression) -> Element:
        return self._converted(self._print(expression))

    def _converted(self, node: Any) -> Element:
        ready = getattr(node, "ready", None)
        if ready is not None:
            return ready
        made = element(node.tagName, **dict(node.attributes.items()))
        for child in node.childNodes:
            if child.nodeType == Node.TEXT_NODE:
                text = unescape(child.data)
                made.text = (made.text or "") + _UPRIGHT.get(text, text)
            else:
                made.append(self._converted(child))
        return made

    def _wrapped(self, ready: Element) -> Any:
        node = self.dom.createElement("mrow")
        node.ready = ready
        return node

    def _print(self, expr, **kwargs):
        if isinstance(expr, sp.Symbol | sp.Idx | sp.IndexedBase) and not isinstance(expr, sp.MatrixSymbol):
            return self._wrapped(latex_to_mathml(symbol_latex(expr)))
        own = (type(expr).__module__ or "sympy").partition(".")[0] != "sympy" and hasattr(expr, "_latex")
        if own and not hasattr(expr, self.printmethod):
            arguments = _Arguments()
            source = expr._latex(arguments)
            parts = {str(key): self.element(part) for key, part in enumerate(arguments.found)}
            return self._wrapped(latex_to_mathml(source, parts))
        return super()._print(expr, **kwargs)

    def parenthesize(self, item, level, strict=False):
        # An unclosed brace of cases is ambiguous inside any product, power or sum.
        if isinstance(item, sp.Piecewise):
            return self._wrapped(_fenced(self.element(item)))
        named = level == PRECEDENCE["Pow"] and isinstance(item, sp.Symbol | sp.Indexed)
        if named and has_script(latex(item), "^"):
            return self._wrapped(_fenced(self.element(item)))
        return super().parenthesize(item, level, strict)

    def _as_ordered_terms(self, expr, order=None):
        terms = super()._as_ordered_terms(expr, order=order)
        return positive_leads(terms) if type(expr) is sp.Add else terms

    def _print_Mul(self, expr):
        made = self._converted(super()._print_Mul(expr))
        for parent in made.iter("mrow"):
            children = list(parent)
            for before, sign, after in zip(children, children[1:], children[2:], strict=False):
                names = [*before.iter("mi"), *after.iter("mi")]
                if sign.text == "\u2062" and any(len(name.text or "") > 1 for name in names):
                    sign.attrib |= {"lspace": "0.17em", "rspace": "0em"}  # words do not close up: gain x
        return self._wrapped(made)

    def _print_Add(self, expr, order=None):
        if not has_cases(expr):
            return super()._print_Add(expr, order)
        children: list[Element] = []
        for term in self._as_ordered_terms(expr, order=order):
            negative = term.could_extract_minus_sign()
            if children or negative:
                children.append(element("mo", "−" if negative else "+"))
            term = -term if negative else term
            children.append(self._converted(self.parenthesize(term, PRECEDENCE["Add"], strict=True)))
        return self._wrapped(row(children))

    def _print_Indexed(self, e):
        indices = [self.element(index) for index in e.indices]
        separated = [indices[0]]
        for index in indices[1:]:
            separated += [index] if joined_indices(e) else [element("mo", ","), index]
        head, sub, above = split_scripts(latex(e.base))
        if sub:  # a name with a subscript of its own: I_s of element ij is I_{s,ij}
            separated = [latex_to_mathml(sub), element("mo", ","), *separated]
            raised = latex_to_mathml(above) if above else None
            return self._wrapped(scripted(latex_to_mathml(head), row(separated), raised))
        base = self.element(e.base)
        if base.tag == "msup":  # one base carries both scripts, so that the index stands below the superscript
            return self._wrapped(scripted(base[0], row(separated), base[1]))
        return self._wrapped(scripted(base, row(separated), None))

    def _print_exp(self, e):
        if sp.fraction(e.args[0])[1] == 1 or not e.args[0].free_symbols:
            return super()._print_exp(e)
        return self._wrapped(self._applied(element("mi", "exp"), e.args))

    def _print_Sum(self, e):
        return self._large(e, "∑")

    def _print_Product(self, e):
        return self._large(e, "∏")

    def _large(self, e, sign: str):
        children = []
        for variable, *bounds in reversed(e.limits):  # SymPy lists the innermost first
            below = [self.element(variable)]
            below += [element("mo", "="), self.element(bounds[0])] if bounds else []
            above = self.element(bounds[1]) if len(bounds) == 2 else None
            children.append(scripted(element("mo", sign), row(below), above, limits=True))
        body = self.element(e.function)
        loose = precedence_traditional(e.function) < PRECEDENCE["Mul"] or isinstance(e.function, sp.Piecewise)
        return self._wrapped(row([*children, _fenced(body) if loose else body]))

    def _print_Piecewise(self, e):
        table = element("mtable", columnalign="left left")
        for value, condition in e.args:
            words = [element("mtext", "otherwise")]
            if condition != True:  # noqa: E712 - a SymPy condition, not a Boolean
                words = [element("mtext", "for\u00a0"), self.element(condition)]
            cells = [element("mtd", None, self.element(value)), element("mtd", None, row(words))]
            table.append(element("mtr", None, *cells))
        return self._wrapped(element("mrow", None, element("mo", "{", stretchy="true"), table))

    def _print_Derivative(self, e):
        made = self._converted(super()._print_Derivative(e))
        for sign in made[0].iter("mo"):
            if sign.text in ("d", "∂"):
                sign.tag = "mi"  # an operator would be spaced from its variable
                sign.attrib["mathvariant"] = "normal"
        body = made[-1]
        if precedence_traditional(e.expr) < PRECEDENCE["Mul"] or isinstance(e.expr, sp.Piecewise):
            made.remove(body)
            made.append(_fenced(body))
        return self._wrapped(made)

    def _print_Function(self, e):
        if not isinstance(type(e), UndefinedFunction):
            return super()._print_Function(e)
        name = latex_to_mathml(function_latex(e.func))
        return self._wrapped(self._applied(name, e.args) if e.args else name)

    def _applied(self, name: Element, arguments) -> Element:
        inside: list[Element] = []
        for argument in arguments:
            inside += [element("mo", ","), self.element(argument)] if inside else [self.element(argument)]
        return element("mrow", None, name, element("mo", "\u2061"), _fenced(row(inside)))

    def _print_Heaviside(self, expr):
        return self._wrapped(self._applied(element("mi", "Θ"), expr.args[:1]))

    def _print_conjugate(self, expr):
        return self._wrapped(element("mover", None, self.element(expr.args[0]), element("mo", "¯"), accent="true"))


def _fenced(inside: Element) -> Element:
    return element("mrow", None, element("mo", "("), inside, element("mo", ")"))
