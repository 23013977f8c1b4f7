"""Learning rates per placement: a small record that builds an optax optimiser for a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import optax

from physeq.errors import ModelError
from physeq.settings import finite


class RateTable(dict[str, float]):
    """Rates by name that can be hashed: what holds them may be static under jit."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


def rate_of(
    rates: Mapping[str, float],
    default: float | None,
    trainable: Mapping[str, Mapping[str, bool]],
    placement: str,
    parameter: str,
) -> float:
    """The rate of one parameter: by "placement.parameter", by placement, or the default.

    Raises:
        ModelError: a name that is no placement or parameter, or a placement without a rate.
    """
    known = {f"{p}.{k}" for p, own in trainable.items() for k in own}
    if unknown := [name for name in rates if name not in trainable and name not in known]:
        raise ModelError(
            f"learning rates: {unknown[0]!r} is no placement; there are {sorted(trainable)} and {sorted(known)}"
        )
    for name in (f"{placement}.{parameter}", placement):
        if name in rates:
            return float(rates[name])
    if default is None:
        raise ModelError(f"learning rates: none for {placement!r}; name it in `rates` or give a `default`")
    return float(default)


@dataclass(frozen=True)
class Rates:
    """A learning rate for every bundle and group, optionally decaying by a factor per epoch.

    Attributes:
        rates: {placement: rate} or {"placement.parameter": rate}; the longer name wins.
        default: rate of everything not named; None makes a missing name an error.
        decay: factor per epoch.
        make: optax optimiser of one rate or schedule.

    Raises:
        ModelError: a rate below 0, which would climb the cost, or a decay that is not above 0.

    >>> Rates({"input->hidden": 0.08, "hidden->output": 0.04}, default=0.04).decay
    1.0
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    default: float | None = None
    decay: float = 1.0
    make: Callable[..., optax.GradientTransformation] = optax.sgd

    def __post_init__(self):
        if not isinstance(self.rates, Mapping):
            raise ModelError(f"Rates: rates must be {{placement or parameter: rate}}, got {self.rates!r}")
        for name, rate in self.rates.items():
            finite("Rates", f"the rate of {name!r}", rate, least=0)
        if self.default is not None:
            finite("Rates", "default", self.default, least=0)
        finite("Rates", "decay", self.decay, above=0)

    def build(self, model: Any, steps_per_epoch: int) -> optax.GradientTransformation:
        """The optax optimiser for a model's parameters.

        Raises:
            ModelError: a name that is no placement or parameter, or a placement without a rate.
        """
        trainable = model.trainable()

        def rate(placement: str, parameter: str) -> float:
            return rate_of(self.rates, self.default, trainable, placement, parameter)

        labels = {p: {k: str(rate(p, k) if t else 0.0) for k, t in own.items()} for p, own in trainable.items()}
        values = {label for own in labels.values() for label in own.values()}

        def schedule(label: str) -> Any:
            value = float(label)
            if self.decay == 1.0:
                return value
            return optax.exponential_decay(value, steps_per_epoch, self.decay, staircase=True)

        return optax.multi_transform({label: self.make(schedule(label)) for label in sorted(values)}, labels)
