"""What axes say: names of quantities with the units of their symbols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from physeq.errors import ModelError
from physeq.plot._figure import with_unit

_TOTALS = {"energy": "J", "dissipated": "W", "supplied": "W"}


def system_of(network: Any) -> Any:
    """The `System` behind a model, a motion, a derivation, a solution or a fit; None for a bare topology.

    Raises:
        ModelError: it has none.
    """
    if hasattr(network, "bundles") and hasattr(network, "groups"):
        return None
    for path in ("", "system", "model.system", "bound.layout.system", "problem.layout.system"):
        found = network
        for part in filter(None, path.split(".")):
            found = getattr(found, part, None)
        if hasattr(found, "topology") and hasattr(found, "placements"):
            return found
    raise ModelError(
        f"plot: {type(network).__name__} has no network; pass a System, a Topology, a model, or a solution of one"
    )


def key_label(system: Any, key: str) -> str:
    """A key of states, "v", with the unit of its coordinate: "v (V)"."""
    if system is None:
        return with_unit(key, "")
    for placement in system.placements:
        for slot in placement.component.slots:
            coordinate = slot.coordinate
            if key == coordinate.key(1):
                return with_unit(key, coordinate.rate_unit)
            if key == coordinate.key(0):
                return with_unit(key, coordinate.unit)
    return with_unit(key, "")


def unit_of(found: Any, name: str) -> str:
    """The unit of a quantity of a `Solution` or of `Trajectories`, also of one element, "a[3].v"."""
    if name in _TOTALS:
        return _TOTALS[name] if _has_units(system_of(found)) else ""
    owner, _, key = name.rpartition(".")
    plain_name = f"{owner.partition('[')[0]}.{key}" if owner and "[" in owner else name
    for candidate in (name, plain_name):
        try:
            return _quantity(found, candidate).unit
        except ModelError:
            continue
    return ""


def _has_units(system: Any) -> bool:
    coordinates = {slot.coordinate for placement in system.placements for slot in placement.component.slots}
    return any(q.unit or q.rate_unit for q in coordinates)


def _quantity(found: Any, name: str) -> Any:
    from physeq.compile.motion_observe import quantity

    bound = found.bound if hasattr(found, "bound") and not callable(found.bound) else found.problem.bound()
    return quantity(bound, name)


def kind_of(found: Any, name: str) -> str:
    """What kind of quantity a name is, with its unit: quantities of one kind share a panel."""
    return with_unit(name.rpartition(".")[2], unit_of(found, name))


def columns(found: Any, names: Any, sample: int | tuple[int, ...] = 0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(times, {name: values over time}) of a `Solution`, or of one sample of `Trajectories`; groups by their nodes.

    Raises:
        ModelError: an unknown name.
    """
    if isinstance(names, Mapping):
        return _times(found), {name: np.asarray(values) for name, values in names.items()}
    names = [names] if isinstance(names, str) else names
    if hasattr(found, "to_columns"):
        kept = found.to_columns(_default_names(found) if names is None else names)
        return kept.pop("t"), kept
    layout = found.problem.bound().layout
    lines: dict[str, np.ndarray] = {}
    for name in [n for n in layout.names() if not n.endswith("_dot")][:12] if names is None else names:
        values = np.asarray(found[name])
        batch = values.ndim - 1 - (not _single(found, name))
        index = (sample,) if isinstance(sample, int) else tuple(sample)
        values = values[index[:batch]] if batch else values
        if values.ndim == 1:
            lines[name] = values
        else:
            owner, _, key = name.rpartition(".")
            lines |= {f"{layout.label(owner, i)}.{key}": values[:, i] for i in range(values.shape[1])}
    return _times(found), lines


def _single(found: Any, name: str) -> bool:
    wanted = _quantity(found, name)
    return wanted.index is not None or wanted.total


def _times(found: Any) -> np.ndarray:
    return np.asarray(found.ts if hasattr(found, "ts") else found.times)


def _default_names(found: Any) -> list[str]:
    names = [n for n in found.bound.layout.names() if not n.endswith("_dot")]
    return names if len(names) <= 12 else ["energy"]
