"""Initial distributions of parameters: records only; the compiled model draws from them."""

from __future__ import annotations

from dataclasses import dataclass

from physeq.errors import ModelError


@dataclass(frozen=True)
class Distribution:
    """Base class of the initial distributions; a subclass is a frozen record of its numbers.

    To add one, subclass this record and register a sampler for it with
    `physeq.compile.initialise.sample.register`.
    """


@dataclass(frozen=True)
class Constant(Distribution):
    """Every element starts at `value`.

    >>> Constant(0.5)
    Constant(value=0.5)
    """

    value: float


@dataclass(frozen=True)
class Uniform(Distribution):
    """Uniform on [`low`, `high`)."""

    low: float
    high: float


@dataclass(frozen=True)
class Normal(Distribution):
    """Normal with `mean` and standard deviation `std`."""

    mean: float = 0.0
    std: float = 1.0


@dataclass(frozen=True)
class FanInUniform(Distribution):
    """Uniform in ±`scale`/√n, n the number of edges that arrive at a target node (the fan-in).

    For conductances, which are not negative, `positive=True` takes the absolute value of the draw, and `rectified=True`
    replaces its negative half by zero, so that half of the edges start absent.

    >>> FanInUniform(rectified=True)
    FanInUniform(scale=1.0, positive=False, rectified=True)
    """

    scale: float = 1.0
    positive: bool = False
    rectified: bool = False

    def __post_init__(self):
        if self.positive and self.rectified:
            raise ModelError("FanInUniform: positive and rectified exclude each other; set one of them")


@dataclass(frozen=True)
class GlorotUniform(Distribution):
    """Uniform in ±`scale`·√(6/(n_sources + n_targets)); `positive=True` takes the absolute value."""

    scale: float = 1.0
    positive: bool = False


@dataclass(frozen=True)
class TransposeOf(Distribution):
    """The draw of the same-named parameter of another dense bundle, transposed, each sign flipped with chance `flip`.

    Between W of the bundle a→b and this draw V of b→a stands the angle Ψ with cos Ψ = ⟨W, Vᵀ⟩/(‖W‖‖V‖), whose mean is
    1 − 2·flip: flip = ½(1 − cos Ψ) sets it, 0 ties the starts, ½ makes them orthogonal, 1 opposite. Values given for
    the other bundle count as its draw.

    Attributes:
        placement: the other bundle's name.
        flip: chance of a flipped sign, in [0, 1].

    Source: Ernoult, Grollier, Querlioz, Bengio, Scellier 2020, arXiv:2005.04168, asymmetric weights.

    >>> TransposeOf("hidden->output", flip=0.25)
    TransposeOf(placement='hidden->output', flip=0.25)
    """

    placement: str
    flip: float = 0.0

    def __post_init__(self):
        if not 0 <= self.flip <= 1:
            raise ModelError(f"TransposeOf: flip must be a chance in [0, 1], got {self.flip!r}")
