"""The numbers on nodes and edges that pictures of networks show, out of states, solutions and plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from physeq.errors import ModelError
from physeq.plot._figure import with_unit
from physeq.plot._labels import key_label, system_of, unit_of


def topology_of(network: Any) -> Any:
    """The topology of whatever has one."""
    system = system_of(network)
    return network if system is None else system.topology


def colour_limits(numbers: np.ndarray) -> tuple[float, float, bool]:
    """(low, high, whether both signs occur): symmetric about 0 where they do."""
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 1.0)
    if low < 0 < high:
        return -max(-low, high), max(-low, high), True
    return low, high if high > low else low + 1.0, False


def node_values(
    network: Any, nodes: Any, key: str | None, at: int, sample: int | tuple[int, ...]
) -> tuple[dict[str, np.ndarray], str]:
    """({group: one number per node}, what they are)."""
    system, topology = system_of(network), topology_of(network)
    sizes = {group.name: group.size for group in topology.groups}
    if _is_solution(network) and (nodes is None or isinstance(nodes, str)):
        return _observed(network, nodes or _first_key(network, system), list(sizes), at, sample)
    if nodes is None:
        return {}, ""
    if isinstance(nodes, str):
        raise ModelError(f"graph: nodes={nodes!r} names a quantity, which only a Solution, Rest or Trajectories has")
    values: dict[str, np.ndarray] = {}
    used: list[str] = []
    for group, given in nodes.items():
        if group not in sizes:
            if isinstance(given, Mapping):  # internal coordinates of a placement stand on no node
                continue
            raise ModelError(f"graph: nodes name a group {group!r}; the groups are {', '.join(map(repr, sizes))}")
        if isinstance(given, Mapping):
            if key is not None and key not in given:
                continue
            chosen = key or next(iter(given))
            used.append(chosen)
            given = given[chosen]
        values[group] = _one_sample(given, (sizes[group],), sample, f"group {group!r} has {sizes[group]} nodes")
    if key is not None and not used and not values:
        raise ModelError(f"graph: no group of the state has the unknown {key!r}")
    return values, ", ".join(dict.fromkeys(key_label(system, k) for k in used))


def edge_values(network: Any, edges: Any, at: int, sample: int | tuple[int, ...]) -> tuple[dict[str, np.ndarray], str]:
    """({bundle: one number per element, flat}, what they are)."""
    topology = topology_of(network)
    if edges is None:
        return {}, ""
    if isinstance(edges, str):
        if not _is_solution(network):
            raise ModelError(
                f"graph: edges={edges!r} names a quantity, which only a Solution, Rest or Trajectories has; of an "
                "equilibrium pass edges=flows(model, params, state)"
            )
        return _observed(network, edges, [bundle.name for bundle in topology.bundles], at, sample)
    values = {}
    known = {bundle.name for bundle in topology.bundles}
    for name, given in edges.items():
        if name not in known:
            raise ModelError(f"graph: edges name a bundle {name!r}; the bundles are {', '.join(map(repr, known))}")
        count, shape = topology.count(name), topology.parameter_shape(name)
        array = np.asarray(given, dtype=float)
        if array.shape[-1:] == (count,):
            shape = (count,)
        values[name] = _one_sample(array, shape, sample, f"bundle {name!r} has {count} elements").reshape(-1)
    return values, getattr(edges, "label", "")


class Labelled(dict):
    """Numbers of edges that know what they are."""

    def __init__(self, values: Mapping[str, np.ndarray], label: str):
        super().__init__(values)
        self.label = label


def _one_sample(given: Any, shape: tuple[int, ...], sample: int | tuple[int, ...], owner: str) -> np.ndarray:
    array = np.asarray(given)
    if np.iscomplexobj(array):
        raise ModelError(f"graph: {owner}, but its values are complex; draw their real parts, or use nudge_orbits")
    array = array.astype(float)
    batch = array.ndim - len(shape)
    index = (sample,) if isinstance(sample, int) else tuple(sample)
    if batch > 0 and batch <= len(index) and array.shape[batch:] == shape:
        array = array[index[:batch]]
    if array.shape != shape:
        raise ModelError(
            f"graph: {owner}, but its values have shape {np.shape(given)}; give one number each, of one sample"
        )
    return array


def _is_solution(network: Any) -> bool:
    return hasattr(network, "ys") or (hasattr(network, "bound") and hasattr(network, "y"))


def _first_key(found: Any, system: Any) -> str:
    state = found.state
    for group in system.topology.groups:
        if group.name in state:
            return next(iter(state[group.name]))
    raise ModelError("graph: no group of this solution has an unknown on its nodes; pass nodes=")


def _observed(
    found: Any, key: str, owners: list[str], at: int, sample: int | tuple[int, ...]
) -> tuple[dict[str, np.ndarray], str]:
    values, unit = {}, ""
    for owner in owners:
        try:
            array = np.asarray(found[f"{owner}.{key}"])
        except ModelError:
            continue
        if hasattr(found, "ys"):
            while array.ndim > 2:
                first, *rest = (sample,) if isinstance(sample, int) else tuple(sample)
                array, sample = array[first], tuple(rest) or 0
            array = array[at]
        values[owner] = array.reshape(-1)
        unit = unit or unit_of(found, f"{owner}.{key}")
    if not values:
        raise ModelError(f"graph: nothing here has the quantity {key!r}; it has, for example, {', '.join(owners[:6])}")
    return values, with_unit(key, unit)
