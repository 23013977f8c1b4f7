"""The symbols of a declaration: coordinates and their rates, parameters, signals, targets, time.

They are SymPy symbols, so every term is an ordinary SymPy expression; what physeq must know of
them beyond the name (port, order of derivative, bounds, initial distribution) rides along.
"""

from __future__ import annotations

import sympy as sp
from sympy.core.symbol import Symbol
from sympy.printing.latex import translate as _latex_translate

from physeq.errors import ModelError
from physeq.symbolic.distributions import Constant, Distribution, Normal, Uniform, finite_number

_PORT_INDEX = {"source": "i", "target": "j"}
_GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "omicron",
        "pi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Xi",
        "Pi",
        "Sigma",
        "Upsilon",
        "Phi",
        "Psi",
        "Omega",
    ]
)


def latex_word(name: str) -> str:
    r"""LaTeX of a plain name: `theta` → \theta, `v_in` → v_{\mathrm{in}}, `gate` → \mathrm{gate}."""
    head, _, tail = name.partition("_")
    if head in _GREEK:
        text = _latex_translate(head)
    elif len(head) == 1:
        text = head
    else:
        text = rf"\mathrm{{{head}}}"
    if not tail:
        return text
    return text + "_{" + (latex_word(tail) if "_" not in tail else rf"\mathrm{{{tail.replace('_', ' ')}}}") + "}"


def _check_name(kind: str, name: str) -> str:
    if not isinstance(name, str) or not name.isidentifier():
        raise ModelError(
            f"a {kind}'s name must be a Python identifier such as 'v' or 'w_in', got {name!r}; rename the {kind}"
        )
    return name


class PhysicalSymbol(Symbol):
    """Base class of physeq's symbols. `latex_name` is what the writers print."""

    latex_name: str
    unit: str
    description: str
    _identity: tuple

    @classmethod
    def _make(cls, name: str, identity: tuple, **assumptions):
        self = Symbol.__xnew__(cls, name, **assumptions)
        self._identity = identity
        return self

    def _hashable_content(self):
        # Two symbols of one name that differ in what rides along must not be merged by SymPy's cache.
        return (*super()._hashable_content(), self._identity)

    def _latex(self, printer):
        return self.latex_name

    def __getnewargs_ex__(self):
        raise TypeError(f"{type(self).__name__} {self.name!r} cannot be pickled; rebuild the system from its model.py")


class StateSymbol(PhysicalSymbol):
    """A coordinate, or one of its time derivatives, at one port of a component.

    Attributes:
        coordinate: the `Coordinate` that it belongs to.
        port: the port's name, or None for the node itself (in a `Node`) or an internal coordinate.
        order: 0 for the coordinate, 1 for its rate, 2 for its acceleration.
    """

    coordinate: Coordinate
    port: str | None
    order: int

    @classmethod
    def _derived(cls, coordinate: Coordinate, port: str | None, order: int) -> StateSymbol:
        if port is None and order == 0:
            return coordinate
        name = coordinate.name + (f".{port}" if port else "") + (".dot" * order)
        self = cls._make(name, (coordinate._identity, port, order), real=True)
        self.coordinate, self.port, self.order = coordinate, port, order
        self.unit, self.description = coordinate.unit, coordinate.description
        self.latex_name = coordinate._latex_of(port and _PORT_INDEX.get(port, port), order)
        return self

    @property
    def dot(self) -> StateSymbol:
        """The time derivative of this symbol (at most the second)."""
        if self.order == 2:
            raise ModelError(f"{self.name}: terms hold at most second derivatives; use {self.coordinate.name}.dot.dot")
        return StateSymbol._derived(self.coordinate, self.port, self.order + 1)

    def at(self, port: str | None) -> StateSymbol:
        """The same quantity at a named port of a many-port component."""
        return StateSymbol._derived(self.coordinate, port, self.order)

    @property
    def source(self) -> StateSymbol:
        """The same quantity at the source end of an edge."""
        return self.at("source")

    @property
    def target(self) -> StateSymbol:
        """The same quantity at the target end of an edge."""
        return self.at("target")

    def with_order(self, order: int) -> StateSymbol:
        """The `order`-th time derivative of the coordinate at the same port."""
        return StateSymbol._derived(self.coordinate, self.port, order)


class Coordinate(StateSymbol):
    """A variable that lives on nodes, or inside a component; make one with `coordinate`."""

    rate_name: str | None
    start: float

    def _latex_of(self, index: str | None, order: int) -> str:
        if order >= 1 and self.rate_name is not None:
            base, order = latex_word(self.rate_name), order - 1
        else:
            base = latex_word(self.name)
        if order:
            base = rf"\{'d' * order}ot{{{base}}}"
        if index is None:
            return base
        index = index if len(index) == 1 else rf"\mathrm{{{index}}}"
        return f"{base}_{{{index}}}" if "_" not in base else f"{{{base}}}_{{{index}}}"

    def key(self, order: int = 0) -> str:
        """The name under which a state holds this coordinate (`order` 0) or its rate (`order` 1)."""
        return self.name if order == 0 else (self.rate_name or f"{self.name}_dot")


def coordinate(
    name: str,
    *,
    rate: str | None = None,
    start: float = 0.0,
    unit: str = "",
    rate_unit: str = "",
    description: str = "",
) -> Coordinate:
    """Declare a coordinate q.

    `q.dot` is its rate; in an edge's terms `q.source` and `q.target` are its two ends, in a many-port component
    `q.at("port")`. Two coordinates of one name are one coordinate, so components of different origin share nodes;
    on one group they must agree in `start`.

    Args:
        name: the coordinate's name, also its key in states.
        rate: a name for q̇ of its own, e.g. "v" for the rate of a flux.
        start: where solvers and motions start; `System(start=...)` gives nodes starts of their own.
        unit, rate_unit: units, for the pages.
        description: what it is, for the pages.

    Raises:
        ModelError: the name is not an identifier, or the start is no number.

    >>> s = coordinate("s")
    >>> s, s.dot, s.source.dot
    (s, s.dot, s.source.dot)
    >>> coordinate("phi", rate="v").key(1)
    'v'
    """
    _check_name("coordinate", name)
    if rate is not None:
        _check_name("rate", rate)
    finite_number(f"coordinate {name!r}: start", start)
    self = Coordinate._make(name, (name, rate, float(start)), real=True)
    self.coordinate, self.port, self.order = self, None, 0
    self.rate_name, self.start = rate, float(start)
    self.unit, self.description = unit, description
    self.rate_unit = rate_unit
    self.latex_name = self._latex_of(None, 0)
    return self


class Parameter(PhysicalSymbol):
    """A parameter of a component; make one with `parameter`."""

    lower: float
    upper: float
    shared: bool
    trainable: bool
    initial: Distribution

    @property
    def bounded(self) -> bool:
        """Whether the parameter has a finite bound."""
        return self.lower > -float("inf") or self.upper < float("inf")


def parameter(
    name: str,
    *,
    positive: bool = False,
    bounds: tuple[float | None, float | None] = (None, None),
    shared: bool = False,
    trainable: bool = True,
    initial: Distribution | float | None = None,
    unit: str = "",
    description: str = "",
) -> Parameter:
    """Declare a parameter p: one value per element (edge, node), or one shared value.

    Args:
        name: its name, also its key in `params["bundle"]`.
        positive: p ≥ 0, kept by projection while training; also tells SymPy that p > 0.
        bounds: (lower, upper), None for none.
        shared: one value for all elements of a bundle instead of one for each.
        trainable: whether `fit` changes it.
        initial: a `Distribution`, or a number for a constant start. By default 1 for a positive parameter and
            normal with standard deviation 0.1 otherwise.
        unit, description: for the pages.

    Raises:
        ModelError: a bad name, crossed bounds, or a constant start outside the bounds.

    >>> g = parameter("g", positive=True, unit="S")
    >>> g.lower, g.trainable
    (0.0, True)
    """
    _check_name("parameter", name)
    try:
        lower, upper = bounds
        lower = -float("inf") if lower is None else float(lower)
        upper = float("inf") if upper is None else float(upper)
    except (TypeError, ValueError):
        raise ModelError(
            f"parameter {name!r}: bounds must be (lower, upper), numbers or None, got {bounds!r}"
        ) from None
    if positive:
        lower = max(lower, 0.0)
    if not lower < upper:
        raise ModelError(f"parameter {name!r}: the lower bound {lower} must lie below the upper bound {upper}")
    if initial is None:
        initial = Constant(min(max(1.0, lower), upper)) if positive else Normal(0.0, 0.1)
    elif not isinstance(initial, Distribution):
        try:
            initial = Constant(float(initial))
        except (TypeError, ValueError, ModelError):
            raise ModelError(
                f"parameter {name!r}: initial must be a finite number or a distribution such as Uniform(0.5, 1.5), got "
                f"{initial!r}"
            ) from None
    if isinstance(initial, Constant) and not lower <= initial.value <= upper:
        raise ModelError(
            f"parameter {name!r}: its initial value {initial.value} lies outside its bounds [{lower}, {upper}]; "
            "change `initial` or `bounds`"
        )
    if isinstance(initial, Uniform) and not (initial.low <= upper and initial.high >= lower):
        raise ModelError(
            f"parameter {name!r}: all of its initial values {initial} lie outside its bounds [{lower}, {upper}]; "
            "change `initial` or `bounds`"
        )
    # SymPy's `positive` excludes p = 0; that is a boundary case for it, and a legal value for the compiled model.
    assumptions = {"positive": True} if positive or lower >= 0 else {"real": True}
    # Unit and description belong to the identity: SymPy's cache would hand back a term that another component's made.
    identity = (lower, upper, shared, trainable, repr(initial), unit, description)
    self = Parameter._make(name, identity, **assumptions)
    self.lower, self.upper = lower, upper
    self.shared, self.trainable, self.initial = bool(shared), bool(trainable), initial
    self.unit, self.description, self.latex_name = unit, description, latex_word(name)
    return self


class Signal(PhysicalSymbol):
    """A known input of a component; make one with `signal`."""


def signal(name: str, *, unit: str = "", description: str = "") -> Signal:
    """Declare a signal u: a known input with one value per element, fed through `Feed` in `System(inputs=...)`.

    Raises:
        ModelError: the name is not an identifier.

    >>> signal("u", unit="A")
    u
    """
    _check_name("signal", name)
    self = Signal._make(name, ("signal",), real=True)
    self.unit, self.description, self.latex_name = unit, description, latex_word(name)
    return self


class Target(PhysicalSymbol):
    """The desired value in a cost; make one with `target`."""


def target(name: str, *, unit: str = "", description: str = "") -> Target:
    """Declare the target y of a cost: one value per output node.

    Raises:
        ModelError: the name is not an identifier.

    >>> (coordinate("s") - target("y")) ** 2 / 2
    (s - y)**2/2
    """
    _check_name("target", name)
    self = Target._make(name, ("target",), real=True)
    self.unit, self.description, self.latex_name = unit, description, latex_word(name)
    return self


class Time(PhysicalSymbol):
    """Physical time; the one instance is `time`."""


time = Time._make("t", ("time",), real=True)
time.latex_name, time.unit, time.description = "t", "s", "time"


class LocalSymbol(PhysicalSymbol):
    """A symbol that the derivation introduces: a message, a drive, a nudge strength, a placed parameter."""


def local_symbol(name: str, latex: str, description: str = "", unit: str = "", **assumptions) -> LocalSymbol:
    """A symbol introduced by the derivation, identified by its full name."""
    self = LocalSymbol._make(name, ("local", latex), **({"real": True} | assumptions))
    self.latex_name, self.description, self.unit = latex, description, unit
    return self


drive = local_symbol("drive", "D", "total linear force on a node, excluding its own terms")
nudge = local_symbol("nudge", r"\beta", "nudging strength, the factor of the cost in F = E + βC")

Expression = sp.Expr | float | int
