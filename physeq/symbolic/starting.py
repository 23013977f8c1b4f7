"""Numbers that a user gives with a system: starting values of parameters, and where states start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from physeq.errors import ModelError
from physeq.symbolic.placing import Placement
from physeq.symbolic.symbols import Parameter

if TYPE_CHECKING:
    from physeq.symbolic.system import System

Numbers = dict[str, dict[str, np.ndarray]]


def starting_values(system: System, given: Any) -> Numbers:
    """{placement: {parameter: array}}: what `given` says, over attributes of the graph that are named like parameters.

    Raises:
        ModelError: a name that is not there, no numbers, another shape, a value outside the parameter's bounds.
    """
    collected: Numbers = {p.name: {} for p in system.placements}
    sources = {g.name: g.attributes for g in system.topology.groups}
    sources |= {b.name: b.attributes for b in system.topology.bundles}
    for placement in system.placements:
        owner = placement.groups[0] if len(placement.component.ports) == 1 else placement.name
        for p in placement.component.parameters:
            if p.name in sources.get(owner, {}):
                collected[placement.name][p.name] = np.asarray(sources[owner][p.name], float)
    for name, own in _entries("values", given, "{placement: {parameter: numbers}}"):
        placement = system.placement(name)
        for key, value in _entries(f"values of {name!r}", own, "{parameter: numbers}"):
            placement.component.parameter(key)
            collected[name][key] = _numbers(value, f"parameter {key!r} of {name!r}")
    for placement in system.placements:
        for key, value in collected[placement.name].items():
            _check_value(system, placement, placement.component.parameter(key), value)
    return collected


def starting_states(system: System, given: Any) -> Numbers:
    """{group, or placement of internal coordinates: {coordinate: one number per node}}.

    Raises:
        ModelError: a name that is not there, no numbers, another shape, infinite numbers.
    """
    sizes = {group.name: group.size for group in system.topology.groups}
    sizes |= {p.name: system.count(p) for p in system.placements if p.component.internal}
    collected: Numbers = {}
    for owner, own in _entries("start", given, "{group: {coordinate: numbers}}"):
        if owner not in sizes:
            raise ModelError(f"start: {owner!r} is no group; there are {', '.join(map(repr, sizes))}")
        known = {c.name for c in system.coordinates(owner)}
        for name, value in _entries(f"start of {owner!r}", own, "{coordinate: numbers}"):
            where = f"start of coordinate {name!r} of {owner!r}"
            if name not in known:
                raise ModelError(f"{where}: there is no such coordinate, but {sorted(known)}")
            numbers = _numbers(value, where)
            if numbers.shape not in ((), (sizes[owner],)):
                raise ModelError(f"{where}: must have shape ({sizes[owner]},), got {numbers.shape}")
            if np.isinf(numbers).any():
                raise ModelError(f"{where}: holds infinite numbers; give finite ones")
            collected.setdefault(owner, {})[name] = np.broadcast_to(numbers, (sizes[owner],))
    return collected


def _entries(what: str, given: Any, wanted: str):
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise ModelError(f"{what}: must be a dict {wanted}, got {given!r:.60}")
    return given.items()


def _numbers(value: Any, where: str) -> np.ndarray:
    try:
        return np.asarray(value, float)
    except (TypeError, ValueError):
        raise ModelError(f"{where}: values must be numbers, got {value!r:.60}") from None


def _check_value(system: System, placement: Placement, p: Parameter, value: np.ndarray) -> None:
    shape = system.parameter_shape(placement, p)
    where = f"parameter {p.name!r} of {placement.name!r}"
    if value.shape not in ((), shape):
        raise ModelError(f"{where}: values must have shape {shape}, got {value.shape}")
    # NaN stands for a value that a graph's element does not give.
    bad = np.argwhere((value < p.lower) | (value > p.upper) | np.isinf(value))
    if bad.size:
        at = tuple(int(i) for i in bad[0])
        raise ModelError(
            f"{where}: value {value[at]} of element {at} lies outside its bounds [{p.lower}, {p.upper}]; "
            "change the value, or the bounds of the parameter"
        )
