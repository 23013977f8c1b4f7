"""Initial distributions of parameters: records only; the compiled model draws from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from physeq.errors import ModelError


@dataclass(frozen=True)
class Distribution:
    """Base class of the initial distributions; a subclass is a frozen record of its numbers.

    To add one, subclass this record and register a sampler for it with
    `physeq.compile.initialise.sample.register`.
    """


def finite_number(where: str, value: Any) -> float:
    """The value as a float.

    Raises:
        ModelError: it is no finite number.
    """
    try:
        number = math.nan if isinstance(value, str | bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ModelError(f"{where} must be a finite number, got {value!r}")
    return number


@dataclass(frozen=True)
class Constant(Distribution):
    """Every element starts at `value`.

    >>> Constant(0.5)
    Constant(value=0.5)
    """

    value: float

    def __post_init__(self):
        finite_number("Constant: value", self.value)


@dataclass(frozen=True)
class Uniform(Distribution):
    """Uniform on [`low`, `high`).

    Raises:
        ModelError: `low` is above `high`.

    >>> Uniform(0.5, 1.5)
    Uniform(low=0.5, high=1.5)
    """

    low: float
    high: float

    def __post_init__(self):
        if finite_number("Uniform: low", self.low) > finite_number("Uniform: high", self.high):
            raise ModelError(
                f"Uniform: low must not be above high, got low = {self.low!r} and high = {self.high!r}; swap them"
            )


@dataclass(frozen=True)
class Normal(Distribution):
    """Normal with `mean` and standard deviation `std`.

    Raises:
        ModelError: `std` is negative.

    >>> Normal(std=0.1)
    Normal(mean=0.0, std=0.1)
    """

    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self):
        finite_number("Normal: mean", self.mean)
        if finite_number("Normal: std", self.std) < 0:
            raise ModelError(f"Normal: std must not be negative, got {self.std!r}")


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
        finite_number("FanInUniform: scale", self.scale)


@dataclass(frozen=True)
class GlorotUniform(Distribution):
    """Uniform in ±`scale`·√(6/(n_sources + n_targets)); `positive=True` takes the absolute value."""

    scale: float = 1.0
    positive: bool = False

    def __post_init__(self):
        finite_number("GlorotUniform: scale", self.scale)


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
        if not 0 <= finite_number("TransposeOf: flip", self.flip) <= 1:
            raise ModelError(f"TransposeOf: flip must be a chance in [0, 1], got {self.flip!r}")
