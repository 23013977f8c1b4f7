"""What the page of components shows of each: the component, and a drawing of what it does, run when docs are built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np

import physeq as pq
from physeq.compile import Program
from physeq.symbolic.reduction import motion_terms

jax.config.update("jax_enable_x64", True)


@dataclass(frozen=True)
class Example:
    """A component as the page shows it, the drawing on a matplotlib axis, and the words below it."""

    component: pq.Component
    draw: Callable
    caption: str


def numbers(component, **given):
    """{parameter: number}, the given ones and the starts of the others."""
    return {p: given.get(p.name, getattr(p.initial, "value", None)) for p in component.parameters}


def evaluate(expression, values):
    """Numbers of an expression, by the program that runs models."""
    return np.asarray(Program([expression])({symbol: np.asarray(value, float) for symbol, value in values.items()})[0])


def current(component, volts, **given):
    """The current from source to target of a two-terminal element without memory, at voltages against its target."""
    slots = {slot.port: slot for slot in component.slots}
    terms = motion_terms(component, slots.get("source", slots.get("node")))
    at = {component.symbol(slot, 1): 0.0 for slot in slots.values()}
    at[component.symbol(slots.get("source", slots.get("node")), 1)] = volts
    return np.broadcast_to(
        evaluate(terms["dissipative"] - terms["force"], numbers(component, **given) | at), volts.shape
    )


def circuit(elements, **options):
    """{name: (component, nodes of its ports[, {parameter: number}])} as a system with node 0 grounded."""
    elements = {name: (*element, {}) if len(element) == 2 else element for name, element in elements.items()}
    size = 1 + max(node for _, nodes, _ in elements.values() for node in nodes)
    bundles = tuple(
        pq.Bundle(name, ("nodes",) * len(nodes), pq.Sparse([nodes]), labels=(name,))
        for name, (_, nodes, _) in elements.items()
    )
    return pq.System(
        pq.Topology((pq.Group("nodes", size),), bundles),
        edges={name: component for name, (component, _, _) in elements.items()},
        values={name: {k: np.array([v]) for k, v in given.items()} for name, (_, _, given) in elements.items()},
        ground=0,
        **options,
    )


def run(system, t1, start=None, points=401, **options):
    """(times, the solution) of a system in motion."""
    motion = system.motion()
    params = motion.init_parameters(jax.random.key(0))
    ts = np.linspace(0.0, t1, points)
    start = start and {group: {k: np.asarray(v, float) for k, v in given.items()} for group, given in start.items()}
    return ts, pq.simulate(motion, params, t1=t1, ts=ts, start=start, rtol=1e-7, **options)


def alone(size, *nodes, **options):
    """Nodes of one kind without edges."""
    return pq.System(pq.Topology((pq.Group("nodes", size),)), nodes={"nodes": list(nodes)}, **options)


def label(axis, x, y, legend=False):
    """Names of the axes."""
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    if legend:
        axis.legend(frameon=False, fontsize=8)
