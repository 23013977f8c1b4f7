"""Optimisers by name, with the arguments that an experiment file may set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

import optax

from physeq.errors import ModelError
from physeq.learn import Rates
from physeq.registry import check_keys, checked, choose

_ADAM = {"b1": float, "b2": float, "eps": float, "nesterov": bool}

# What each may be given beside its rates. (RMSProp's own `decay` is left out: here that is the rates' decay.)
OPTIMIZERS: Mapping[str, Mapping[str, type]] = MappingProxyType(
    {
        "sgd": {"momentum": float, "nesterov": bool},
        "adam": _ADAM,
        "adamw": _ADAM | {"weight_decay": float},
        "rmsprop": {"eps": float, "centered": bool, "momentum": float, "nesterov": bool},
    }
)


@dataclass(frozen=True)
class OptimizerSettings:
    """An optax optimiser and its learning rates.

    Attributes:
        name: of `OPTIMIZERS`.
        default: rate of every placement that `rates` does not name; None makes a missing one an error.
        rates: {placement or "placement.parameter": rate}.
        decay: factor per epoch on all rates.
        arguments: of the optimiser.
    """

    name: str = "sgd"
    default: float | None = None
    rates: Mapping[str, float] = field(default_factory=dict)
    decay: float = 1.0
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, table: Mapping[str, Any], where: str) -> OptimizerSettings:
        """Read a table {"name", "rate", "rates", "decay", argument: value}; `where` is what messages start with.

        Raises:
            ModelError: an unknown name or key, a value of another type, no rate at all.

        >>> OptimizerSettings.parse({"name": "sgd", "rate": 1, "momentum": 0.9}, "optimizer").arguments["momentum"]
        0.9
        """
        name = choose(f"{where}: optimiser", table.get("name", "sgd"), OPTIMIZERS)
        allowed = OPTIMIZERS[name]
        check_keys(where, table, ["name", "rate", "rates", "decay", *allowed])
        rates = table.get("rates", {})
        if not isinstance(rates, Mapping):
            raise ModelError(f"{where}.rates must be a table of a rate per placement, got {rates!r}")
        if not rates and "rate" not in table:
            raise ModelError(f"{where}: needs `rate`, or a table `rates` with a rate per placement")
        found = {key: _positive(f'{where}.rates."{key}"', value, zero=True) for key, value in rates.items()}
        return cls(
            name=name,
            default=_positive(f"{where}.rate", table["rate"], zero=True) if "rate" in table else None,
            rates=MappingProxyType(found),
            decay=_positive(f"{where}.decay", table.get("decay", 1.0)),
            arguments=MappingProxyType(
                {key: checked(f"{where}.{key}", table[key], kind) for key, kind in allowed.items() if key in table}
            ),
        )

    def build(self) -> Rates:
        """The optimiser for `physeq.fit`."""
        return Rates(self.rates, self.default, self.decay, partial(getattr(optax, self.name), **self.arguments))


def _positive(where: str, value: Any, zero: bool = False) -> float:
    number = checked(where, value, float)
    if not math.isfinite(number) or number < 0 or (number == 0 and not zero):
        raise ModelError(f"{where} must be a {'non-negative' if zero else 'positive'} number, got {value!r}")
    return number
