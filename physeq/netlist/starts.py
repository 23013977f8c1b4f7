"""Where the motion of a netlist starts: at its operating point, with `.ic` nodes held, or at what `UIC` says."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from physeq.errors import ModelError, SolveError
from physeq.netlist._build import NODES
from physeq.netlist._magnetics import couplings
from physeq.netlist.netlist import Netlist
from physeq.netlist.records import Capacitor, Inductor, Transient, VoltageSource

if TYPE_CHECKING:
    from physeq.interface import Motion

_HELD = "V#ic_"


def starting_state(netlist: Netlist, transient: Transient, motion: Motion) -> Any:
    """What `simulate(start=...)` takes for a transient of a netlist.

    With UIC: capacitors at their `IC=`, else at the difference of the `.ic` voltages at their nodes, 0 where there are
    none; inductors at their `IC=`, else without current. Without UIC: the operating point at t = 0, found with the
    nodes of `.ic` held at their voltages by ideal sources, which let go when time begins; `IC=` has no effect then.
    Both are what SPICE does.

    Args:
        netlist: the netlist.
        transient: the card; only its `from_initial` matters.
        motion: `netlist.to_system(dc=False).motion()`, compiled.

    Raises:
        ModelError: capacitors whose voltages contradict each other, or nodes that sources hold already, by name.

    >>> from physeq.netlist import read_netlist
    >>> net = read_netlist("decay\\nR1 a 0 1k\\nC1 a 0 1u ic=2\\n.tran 1u 1m uic\\n")
    >>> starting_state(net, net.analyses[0], net.to_system().motion())["nodes"]["v"]
    array([0., 2.])
    """
    if transient.from_initial:
        return _released(netlist, motion)
    nodes = {name: value for name, value in netlist.initial.items() if _is_node(netlist, name)}
    if nodes:
        return _let_go(netlist, nodes, motion)
    from physeq.solve import OperatingPoint

    return OperatingPoint()


def _is_node(netlist: Netlist, name: str) -> bool:
    return netlist.node(name.removesuffix(".v")) is not None


def _let_go(netlist: Netlist, nodes: Mapping[str, float], motion: Motion) -> dict[str, dict[str, Any]]:
    """The operating point with some nodes held, as a state of the circuit in which they are free."""
    import jax

    sources = (VoltageSource(f"{_HELD}{k}", (name[:-2], "0"), value) for k, (name, value) in enumerate(nodes.items()))
    # Capacitors carry no current at rest, and beside the sources that hold them they would make loops.
    others = (element for element in netlist.elements if not isinstance(element, Capacitor))
    try:
        held = replace(netlist, elements=(*others, *sources)).to_system(dc=False).motion()
        rest = held.operating_point(held.init_parameters(jax.random.key(0)))
    except (ModelError, SolveError) as error:
        raise ModelError(
            f"{netlist.name}: .ic holds {', '.join(nodes)}, and no operating point has these voltages: {error}. Leave "
            "out nodes that voltage sources or inductors fix, or start with UIC"
        ) from None
    sizes = {(block.owner, block.key): block.size for block in motion.layout.blocks.values()}
    state: dict[str, dict[str, Any]] = {}
    for owner, values in rest.state.items():
        for key, value in values.items():
            # The held sources have currents, which are no part of the free circuit.
            if sizes.get((owner, key)) == value.size:
                state.setdefault(owner, {})[key] = value
    return state


def _released(netlist: Netlist, motion: Motion) -> dict[str, dict[str, Any]]:
    """Voltages of nodes that give every capacitor its own, and fluxes that give every inductor its current."""
    wanted = _capacitor_voltages(netlist)
    names = [str(label) for label in motion.system.topology.group(NODES).labels]
    voltages = _node_voltages(netlist, wanted)
    state: dict[str, dict[str, Any]] = {NODES: {"v": np.array([voltages.get(name, 0.0) for name in names])}}
    for bundle, fluxes in _fluxes(netlist, motion).items():
        state[bundle] = fluxes
    return state


def _capacitor_voltages(netlist: Netlist) -> dict[str, tuple[str, str, float]]:
    """Capacitor → (first node, second node, its voltage at the start)."""
    found = {}
    for element in netlist.elements:
        if isinstance(element, Capacitor):
            first, second = element.nodes
            between = netlist.initial.get(f"{first}.v", 0.0) - netlist.initial.get(f"{second}.v", 0.0)
            found[element.name] = (first, second, between if element.initial is None else element.initial)
    return found


def _node_voltages(netlist: Netlist, wanted: Mapping[str, tuple[str, str, float]]) -> dict[str, float]:
    """Voltages with the wanted differences, from ground on and in every part that capacitors hold together."""
    beside: dict[str, list[tuple[str, float, str]]] = {}
    for name, (first, second, value) in wanted.items():
        beside.setdefault(first, []).append((second, -value, name))
        beside.setdefault(second, []).append((first, value, name))
    voltages: dict[str, float] = {}
    for root in netlist.nodes:  # ground is the first
        if root in voltages:
            continue
        voltages[root] = netlist.initial.get(f"{root}.v", 0.0)
        waiting = deque([root])
        while waiting:
            here = waiting.popleft()
            for other, step, name in beside.get(here, ()):
                value = voltages[here] + step
                if other not in voltages:
                    voltages[other] = value
                    waiting.append(other)
                elif abs(voltages[other] - value) > 1e-9 * max(1.0, abs(value)):
                    raise ModelError(
                        f"{netlist.name}: the voltages at which capacitors start with UIC contradict each other around "
                        f"a loop through {name}; change its IC= by {voltages[other] - value:g} V or that of another"
                    )
    return voltages


def _fluxes(netlist: Netlist, motion: Motion) -> dict[str, dict[str, np.ndarray]]:
    """Bundle → {flux: one per instance}, from the currents of inductors."""
    topology = motion.system.topology
    found: dict[str, dict[str, np.ndarray]] = {}

    def put(label: str, key: str, value: float) -> None:
        place = topology.element(label)
        assert place is not None  # every inductor was placed
        bundle, index = place
        zeros = np.zeros(topology.parameter_shape(bundle))
        found.setdefault(bundle, {}).setdefault(key, zeros)[index] = value

    windings = couplings(netlist.elements)
    coupled = {inductor.name for group in windings for inductor in group.inductors}
    for element in netlist.elements:
        if isinstance(element, Inductor) and element.name not in coupled and element.initial is not None:
            put(element.name, "psi", element.inductance * element.initial)
    for group in windings:
        fluxes = group.matrix() @ [inductor.initial or 0.0 for inductor in group.inductors]
        for k, value in enumerate(fluxes, 1):
            put(group.label, f"psi_{k}", float(value))
    return found
