"""Arithmetic of netlist parameters: a grammar of its own, compiled to closures; no text is ever evaluated as code."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from physeq.netlist._numbers import parse_number
from physeq.netlist._problems import Fault

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[A-Za-z]*)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<operator>\*\*|==|!=|<>|<=|>=|&&|\|\||[-+*/%^()<>?:,!]))"
)
_DEEPEST = 40  # nesting of parentheses; a netlist is data and must not exhaust the stack


class Names(Protocol):
    """Anything that knows the values of parameters by name, in lower case."""

    def __getitem__(self, name: str, /) -> float: ...


Evaluate = Callable[[Names], float]


def _power(base: float, exponent: float) -> float:
    if base < 0 and (exponent % 2 or exponent != int(exponent)):
        # ngspice takes |base|, other programs keep the sign: the two agree on even powers alone.
        raise Fault(
            f"({base:g})^{exponent:g} has a negative base, which programs read differently; "
            "write pow(x, y) to keep the sign or pwr(x, y) for |x|^y"
        )
    return abs(base) ** exponent


def _log(value: float) -> float:
    if value <= 0:
        raise Fault(f"the logarithm of {value:g} does not exist")
    return math.log(value)


FUNCTIONS: dict[str, tuple[int, Callable[..., float]]] = {
    "sqrt": (1, math.sqrt), "sqr": (1, lambda x: x * x), "exp": (1, math.exp), "ln": (1, _log), "log": (1, _log),
    "log10": (1, lambda x: _log(x) / math.log(10)), "abs": (1, abs), "sgn": (1, lambda x: (x > 0) - (x < 0)),
    "min": (2, min), "max": (2, max), "pow": (2, math.pow), "pwr": (2, lambda x, y: math.pow(abs(x), y)),
    "sin": (1, math.sin), "cos": (1, math.cos), "tan": (1, math.tan), "asin": (1, math.asin), "acos": (1, math.acos),
    "atan": (1, math.atan), "arctan": (1, math.atan), "sinh": (1, math.sinh), "cosh": (1, math.cosh),
    "tanh": (1, math.tanh), "asinh": (1, math.asinh), "acosh": (1, math.acosh), "atanh": (1, math.atanh),
    "int": (1, math.trunc), "nint": (1, round), "floor": (1, math.floor), "ceil": (1, math.ceil),
    "ternary_fcn": (3, lambda test, yes, no: yes if test else no),
}  # fmt: skip
_RANDOM = ("gauss", "agauss", "unif", "aunif", "limit")
_COMPARISONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_ARITHMETIC = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": math.fmod,
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression: the parameters that it names, in lower case, and the closure that computes it."""

    text: str
    names: frozenset[str]
    evaluate: Evaluate

    def __call__(self, values: Names) -> float:
        """The value; `Fault` where the arithmetic has none."""
        try:
            result = float(self.evaluate(values))
        except ZeroDivisionError:
            raise Fault(f"{self.text} divides by zero") from None
        except OverflowError:
            raise Fault(f"{self.text} is too large for a number") from None
        except ValueError:
            raise Fault(f"{self.text} has no real value") from None
        if not math.isfinite(result):
            raise Fault(f"{self.text} is {result}, not a finite number")
        return result


@lru_cache(maxsize=4096)
def parse_expression(text: str) -> Expression:
    """Parse arithmetic: + - * / % ** ^, comparisons, && || !, a ? b : c, parentheses, `FUNCTIONS`, names, `pi`.

    `log` is the natural logarithm, as in ngspice. What programs read differently is refused: `a^b^c` without
    parentheses, and an odd or broken power of a negative base.

    Raises:
        Fault: the text is not an expression; the message says what stands where it should not.

    >>> parse_expression("2 * R ** 2 + 1k")({"r": 3.0})
    1018.0
    >>> sorted(parse_expression("max(a, b) > 0 ? c : 1").names)
    ['a', 'b', 'c']
    """
    return _Parser(text).parse()


class _Parser:
    """Recursive descent; chains of one precedence are loops, so only parentheses nest."""

    def __init__(self, text: str):
        self.text, self.depth = text, 0
        self.names: set[str] = set()
        self.words: list[tuple[str, str]] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None:
                raise Fault(f"{text[at:].strip()[:20]!r} in the expression {text!r} is not understood")
            self.words.append((str(match.lastgroup), match.group(str(match.lastgroup))))
            at = match.end()
        self.at = 0

    def parse(self) -> Expression:
        if not self.words:
            raise Fault("an expression is empty")
        evaluate = self._ternary()
        if self.at < len(self.words):
            raise Fault(f"{self.words[self.at][1]!r} stands in the expression {self.text!r} where an operator should")
        return Expression(self.text, frozenset(self.names), evaluate)

    # ---- reading words -------------------------------------------------------------------------------------------

    def _next(self, *wanted: str) -> str | None:
        """The operator that comes next, taken, if it is one of these."""
        if self.at < len(self.words):
            kind, word = self.words[self.at]
            if kind == "operator" and word in wanted:
                self.at += 1
                return word
        return None

    def _expect(self, wanted: str) -> None:
        if self._next(wanted) is None:
            found = repr(self.words[self.at][1]) if self.at < len(self.words) else "its end"
            raise Fault(f"the expression {self.text!r} needs {wanted!r} before {found}")

    # ---- precedence, lowest first --------------------------------------------------------------------------------

    def _ternary(self) -> Evaluate:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise Fault(f"an expression nests deeper than {_DEEPEST} levels; define parameters for its parts")
        test = self._chain(self._both, ("||",))
        if self._next("?"):
            yes = self._ternary()
            self._expect(":")
            no = self._ternary()
            test = _choose(test, yes, no)
        self.depth -= 1
        return test

    def _both(self) -> Evaluate:
        return self._chain(self._comparison, ("&&",))

    def _comparison(self) -> Evaluate:
        left = self._sum()
        if (word := self._next(*_COMPARISONS)) is None:
            return left
        compare, right = _COMPARISONS[word], self._sum()
        return lambda values: float(compare(left(values), right(values)))

    def _sum(self) -> Evaluate:
        return self._chain(self._product, ("+", "-"))

    def _product(self) -> Evaluate:
        return self._chain(self._unary, ("*", "/", "%"))

    def _chain(self, part: Callable[[], Evaluate], operators: tuple[str, ...]) -> Evaluate:
        first, rest = part(), []
        while (word := self._next(*operators)) is not None:
            rest.append((word, part()))
        return _fold(first, tuple(rest)) if rest else first

    def _unary(self) -> Evaluate:
        signs = self._signs("-", "+", "!")
        value = self._raised()
        for sign in reversed(signs):
            value = _signed(sign, value)
        return value

    def _signs(self, *allowed: str) -> list[str]:
        signs = []
        while (word := self._next(*allowed)) is not None:
            signs.append(word)
        if len(signs) > _DEEPEST:
            raise Fault(f"the expression {self.text[:20]!r}... has {len(signs)} signs in a row")
        return signs

    def _raised(self) -> Evaluate:
        base = self._atom()
        if self._next("**", "^") is None:
            return base
        signs = self._signs("-", "+")
        exponent = self._atom()
        if self._next("**", "^"):
            raise Fault(f"the powers of {self.text!r} are read differently by different programs; write parentheses")
        for sign in signs:
            exponent = _signed(sign, exponent)
        return lambda values: _power(base(values), exponent(values))

    def _atom(self) -> Evaluate:
        if self.at >= len(self.words):
            raise Fault(f"the expression {self.text!r} breaks off")
        kind, word = self.words[self.at]
        self.at += 1
        if kind == "number":
            number = parse_number(word)
            if number is None:
                raise Fault(f"{word!r} is not a number")
            return lambda values: number
        if kind == "name":
            return self._call(word) if self._next("(") else self._name(word)
        if word == "(":
            inside = self._ternary()
            self._expect(")")
            return inside
        raise Fault(f"{word!r} stands in the expression {self.text!r} where a value should")

    def _name(self, word: str) -> Evaluate:
        name = word.lower()
        self.names.add(name)
        return lambda values: values[name]

    def _call(self, word: str) -> Evaluate:
        name = word.lower()
        if name in _RANDOM:
            raise Fault(f"{word}() draws a random number, which a netlist of known values does not do; give the number")
        if name in ("v", "i"):
            raise Fault(f"{word}(...) makes the value depend on the circuit; behavioural elements are not supported")
        if name not in FUNCTIONS:
            raise Fault(f"there is no function {word}(); there are {', '.join(FUNCTIONS)}")
        arity, function = FUNCTIONS[name]
        given = [self._ternary()]
        while self._next(","):
            given.append(self._ternary())
        self._expect(")")
        if len(given) != arity:
            raise Fault(f"{word}() takes {arity} argument{'s' if arity > 1 else ''}, got {len(given)}")
        return lambda values: function(*(one(values) for one in given))


def _choose(test: Evaluate, yes: Evaluate, no: Evaluate) -> Evaluate:
    return lambda values: yes(values) if test(values) else no(values)


def _signed(sign: str, value: Evaluate) -> Evaluate:
    if sign == "-":
        return lambda values: -value(values)
    return value if sign == "+" else (lambda values: float(not value(values)))


def _fold(first: Evaluate, rest: tuple[tuple[str, Evaluate], ...]) -> Evaluate:
    """Left to right, as written."""
    if rest[0][0] == "||":
        return lambda values: float(bool(first(values)) or any(part(values) for _, part in rest))
    if rest[0][0] == "&&":
        return lambda values: float(bool(first(values)) and all(part(values) for _, part in rest))
    steps = tuple((_ARITHMETIC[word], part) for word, part in rest)

    def evaluate(values: Names) -> float:
        result = first(values)
        for apply, part in steps:
            result = apply(result, part(values))
        return result

    return evaluate
