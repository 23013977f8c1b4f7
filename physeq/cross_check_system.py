"""The cross-check of a system that is no netlist: exported, run in ngspice, compared under the system's names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax.numpy as jnp
import numpy as np

from physeq.cross_check import Comparison, Limits, compare, in_ngspice, measurable, require_ngspice
from physeq.errors import ModelError
from physeq.interface import Motion, System
from physeq.netlist import read_netlist, to_netlist
from physeq.netlist._places import Nodes
from physeq.netlist.records import Analysis, Transient
from physeq.netlist.records import OperatingPoint as Op
from physeq.simulating import parameters, starting
from physeq.simulation import Simulation
from physeq.solve import OperatingPoint
from physeq.solve.rest import SparseNewton, consistent

_TOLERANCE = 1e-9


def cross_check_system(
    system: System, simulation: Simulation | None = None, *, seed: int = 0, limits: Limits | None = None
) -> list[Comparison]:
    """Compare a system with ngspice: the motion of its `Simulation`, or its operating point where it has none.

    Node voltages are compared, and the currents of elements whose names begin with the letter that SPICE has for their
    kind (R1, C3, V2).

    Raises:
        NgspiceMissing: ngspice is not installed.
        ModelError: a system that no netlist holds, or a start that ngspice cannot take.
        SolveError: one of the programs found no solution.
    """
    require_ngspice()
    motion = system.motion()
    setting = simulation or Simulation(t1=1.0)
    params = parameters(motion, setting, seed)
    if setting.t0 != 0:
        raise ModelError(f"a transient of ngspice begins at t = 0, and this simulation at {setting.t0:g}")
    to_netlist(system, params, inputs=setting.inputs)  # what no netlist holds is refused before its start is
    analysis: Analysis = Op()
    initial: dict[str, float] = {}
    if simulation is not None:
        start = starting(motion, setting)
        at_rest = isinstance(start, OperatingPoint)
        initial = {} if at_rest else _initial(motion, params, setting.inputs, start)
        analysis = Transient(setting.t1 / 1000, setting.t1, from_initial=not at_rest)
    text = to_netlist(system, params, inputs=setting.inputs, initial=initial)
    if simulation is None and system.inputs:
        raise ModelError("this system has inputs and no simulation that says their values; add Variant(simulation=...)")
    currents, spelled = _elements(text)
    theirs, axis = in_ngspice(text, analysis, currents, released=bool(initial))
    places = _places(system, spelled, {name.lower(): name for name in theirs})
    if axis is None:
        rest = motion.operating_point(params)
    else:
        solution = motion.simulate(params, setting.inputs, t1=float(axis[-1]), ts=axis, start=start, rtol=_TOLERANCE)

    @cache
    def whole(name: str) -> np.ndarray:
        return np.asarray(rest[name])[None] if axis is None else np.asarray(solution[name])

    own = {name: theirs[place.vector] for name, place in places.items()}
    return [
        compare(
            analysis, own, axis, lambda n: whole(places[n].whole)[:, places[n].index], list(own), limits or Limits()
        )
    ]


@dataclass(frozen=True)
class _Place:
    """Where a quantity is: a number in an array of a group or bundle, and what ngspice calls it."""

    whole: str
    index: int
    vector: str


def _elements(text: str) -> tuple[list[str], set[str]]:
    """(elements whose currents ngspice tells when asked, all elements) of an exported netlist.

    Of one with behavioural sources, which physeq does not read back, the voltages alone are compared.
    """
    try:
        netlist = read_netlist(text)
    except ModelError:
        return [], set()
    return measurable(netlist), {element.name for element in netlist.elements}


def _places(system: System, spelled: set[str], told: Mapping[str, str]) -> dict[str, _Place]:
    """Quantities of the system by name, those that ngspice tells; `told`: its names in lower case → its names."""
    nodes = Nodes(system)
    found = []
    for group in system.topology.groups:
        for k, label in enumerate(group.labels):
            found.append((f"{label}.v", f"{group.name}.v", k, f"{nodes.of(group.name, k)}.v".lower()))
    for bundle in system.topology.bundles:
        for k, label in enumerate(bundle.labels or ()):
            if label in spelled and len(bundle.groups) == 2:
                found.append((f"{label}.i", f"{bundle.name}.i", k, f"{label}.i".lower()))
    return {name: _Place(whole, k, told[vector]) for name, whole, k, vector in found if vector in told}


def _initial(motion: Motion, params: Mapping, inputs: Any, start: Any) -> dict[str, float]:
    """The voltages of nodes and the currents of inductors at t = 0 that are not 0, for `.ic` and `IC=`."""
    bound = motion.bind(params, inputs)
    given = motion.start(start) if start is None or isinstance(start, Mapping) else jnp.asarray(start)
    reached = motion.unflatten(consistent(bound, jnp.zeros((), given.dtype), given, SparseNewton()).y)
    declared, topology = motion.unflatten(motion.start()), motion.system.topology
    groups = {group.name for group in topology.groups}
    labels = {group.name: group.labels for group in topology.groups}
    labels |= {bundle.name: bundle.labels or () for bundle in topology.bundles}
    found: dict[str, float] = {}
    for owner, values in motion.unflatten(given).items():
        for key, value in values.items():
            if owner in groups and key == "v":
                found |= {f"{label}.v": float(v) for label, v in zip(labels[owner], reached[owner][key], strict=True)}
            elif key == "psi" and "L" in params.get(owner, {}):
                currents = np.broadcast_to(value / params[owner]["L"], value.shape)
                found |= {f"{label}.i": float(i) for label, i in zip(labels[owner], currents, strict=True)}
            elif np.any(value != declared[owner][key]):
                if not labels[owner]:
                    raise ModelError(
                        f"start: {owner}.{key} starts elsewhere than its component declares, and its elements have no "
                        "names by which a netlist could say so; give their bundle labels"
                    )
                found |= {f"{label}.{key}": float(x) for label, x in zip(labels[owner], value, strict=True)}
    return {name: value for name, value in found.items() if value != 0 or not name.endswith((".v", ".i"))}
