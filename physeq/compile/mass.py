"""What multiplies the rates of the unknowns: M = ∂²R/∂q̇∂q̇ of coordinates, ∂²T/∂v∂v of reduced nodes."""

from __future__ import annotations

import jax.numpy as jnp

from physeq.compile.cost import State
from physeq.compile.problem import Problem


def has_diagonal_mass(problem: Problem) -> bool:
    """Whether only one-port components carry mass, each on its own unknown."""
    return all(
        a == b and (programs.form.local or a.port is None)
        for programs in problem.lowered.elements.values()
        for a, b in programs.mass
    )


def diagonal_mass(problem: Problem, free: State) -> State:
    """The diagonal of M, 1 on held nodes; only complete where `has_diagonal_mass`."""
    full = problem.full(free)
    result = {g: {k: jnp.zeros_like(x) for k, x in own.items()} for g, own in free.items()}
    for name, programs in problem.lowered.elements.items():
        for (slot, other), program in programs.mass.items():
            group = programs.form.placement.group_of(slot.port)
            if group in free and slot == other:
                key = slot.coordinate.key(programs.unknowns[slot].order)
                value = program(problem.element_environment(name, full))[0]
                result[group][key] = result[group][key] + value
    return {g: {k: problem.mask(g, k, m, 1.0) for k, m in own.items()} for g, own in result.items()}


def rate_force(problem: Problem, free: State, rates: State) -> State:
    """M(x)·rates, summed over all components (dampers and capacitors between nodes included)."""
    full = problem.full(free)
    still = {g: {k: jnp.zeros_like(x) for k, x in own.items()} for g, own in problem.held.items()}
    moving = still | rates
    result = {g: {k: jnp.zeros_like(x) for k, x in own.items()} for g, own in free.items()}
    for name, programs in problem.lowered.elements.items():
        placement, wiring = programs.form.placement, problem.wirings[name]
        ports = placement.component.ports
        for (slot, other), program in programs.mass.items():
            group, from_group = placement.group_of(slot.port), placement.group_of(other.port)
            if group not in free:
                continue
            v = moving[from_group][other.coordinate.key(programs.unknowns[other].order)]
            v = v if other.port is None else wiring.spread(v, ports.index(other.port))
            value = program(problem.element_environment(name, full))[0] * v
            key = slot.coordinate.key(programs.unknowns[slot].order)
            size = free[group][key].shape[-1]
            total = value if slot.port is None else wiring.collect(value, ports.index(slot.port), size)
            result[group][key] = result[group][key] + total
    return result
