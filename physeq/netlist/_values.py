"""The numbers of an exported system: parameters and inputs, one per instance or node."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from physeq.errors import ModelError
from physeq.symbolic import Constant, Feed
from physeq.symbolic.placing import Placement
from physeq.symbolic.symbols import Parameter
from physeq.symbolic.system import Input, System


class Values:
    """What the parameters and inputs of a system are."""

    def __init__(self, system: System, params: Mapping[str, Mapping[str, Any]] | None, inputs: Mapping | None):
        self.system, self.params, self.inputs = system, params or {}, dict(inputs or {})
        known = [entry.name for entry in system.inputs]
        if unknown := set(self.inputs) - set(known):
            raise ModelError(f"inputs: there is no input {sorted(unknown)[0]!r}; the system has {known}")

    def of(self, placement: Placement, count: int) -> dict[str, np.ndarray]:
        """{parameter or signal: one number per instance}."""
        found = {p.name: self._parameter(placement, p, count) for p in placement.component.parameters}
        for signal in placement.component.signals:
            fed = next(
                entry
                for entry in self.system.inputs
                if isinstance(entry.kind, Feed)
                and (entry.kind.placement, entry.kind.signal) == (placement.name, signal)
            )
            found[signal.name] = np.array([float(x) for x in self.input(fed)])
        return found

    def _parameter(self, placement: Placement, p: Parameter, count: int) -> np.ndarray:
        given = self.params.get(placement.name, {}).get(p.name)
        if given is None:
            given = self.system.values[placement.name].get(p.name)
        start = p.initial.value if isinstance(p.initial, Constant) else math.nan
        values = np.array(start if given is None else given, float).ravel()
        if values.size not in (1, count):
            raise ModelError(
                f"parameter {p.name!r} of {placement.name!r}: needs {count} values, one per instance, got {values.size}"
            )
        values = np.broadcast_to(values, (count,))
        values = np.where(np.isnan(values), start, values)
        if np.isnan(values).any():
            raise ModelError(
                f"parameter {p.name!r} of {placement.name!r} starts at random; pass its values, for example "
                "params=model.init_parameters(key)"
            )
        return values

    def input(self, entry: Input) -> list:
        """One number or waveform per node; 0 where nothing is given."""
        given = self.inputs.get(entry.name)
        if given is None:
            return [0.0] * entry.size
        values = list(given) if isinstance(given, list | tuple) else np.asarray(given, float).ravel().tolist()
        if len(values) != entry.size:
            raise ModelError(f"inputs: {entry.name!r} takes {entry.size} values, got {len(values)}")
        return values


def inverse(value: float) -> float:
    """1/value, rounded such that its own inverse is the value again, where a double near by does that."""
    return quotient(1.0, value, back=lambda x: 1 / x, wanted=value)


def quotient(above: float, below: float, back=None, wanted: float | None = None) -> float:
    """above/below, rounded such that times `below` it is `above` again, where a double near by does that."""
    result = above / below
    back = back or (lambda x: x * below)
    wanted = above if wanted is None else wanted
    near = (result, math.nextafter(result, math.inf), math.nextafter(result, -math.inf))
    return next((x for x in near if back(x) == wanted), result)
