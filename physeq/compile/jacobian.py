"""The sparse Jacobian −∂f/∂x in coordinate form, assembled element by element from the derived second derivatives."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile.cost import State
from physeq.compile.printer import Program
from physeq.compile.problem import Problem
from physeq.symbolic.forms import derivative


def sparse_hessian(problem: Problem, free: State) -> tuple[np.ndarray, np.ndarray, Array, int]:
    """(rows, columns, values, size) of −∂f/∂x over the flat free vector, to be summed; identity on held rows.

    The structure is static; values are for one sample (no batch axes). A nudge adds its cost's diagonal.
    """
    offsets, at = {}, 0
    for group in sorted(free):  # by name, as JAX sorts dicts
        for key in sorted(free[group]):
            offsets[group, key] = at
            at += free[group][key].shape[-1]
    full = problem.full(free)
    held = jnp.zeros(at, bool)
    for (group, key), start in offsets.items():
        if key in problem.clamps.get(group, {}):
            mask = problem.clamps[group][key][0]
            held = held.at[start : start + mask.shape[-1]].set(mask)
    rows, columns, values = [np.arange(at)], [np.arange(at)], [held.astype(_dtype(free))]
    system = problem.lowered.derivation.system
    for name, programs in problem.lowered.elements.items():
        placement, form = programs.form.placement, programs.form
        incidence = placement.pattern.rows(system.sizes(placement))
        environment = None
        for a in form.dynamic:
            for b in form.dynamic:
                entry = derivative(-form.force(a), form.unknowns[b])
                if entry == 0:
                    continue
                environment = environment or problem.element_environment(name, full)
                value = jnp.asarray(Program([entry])(environment)[0])
                shape = placement.pattern.parameter_shape(system.sizes(placement))
                value = jnp.broadcast_to(value, shape).reshape(-1)
                r, c = (_positions(placement, s, form, incidence, offsets) for s in (a, b))
                alive = ~(held[r] | held[c])
                rows.append(r)
                columns.append(c)
                values.append(jnp.where(alive, value, 0.0))
    cost = problem.cost_evaluator
    if cost is not None and problem.target is not None:
        for group, second in cost.curvature(full, problem.params, problem.target).items():
            start = offsets[group, cost.programs.form.unknowns[group].key]
            index = start + np.arange(second.shape[-1])
            rows.append(index)
            columns.append(index)
            values.append(jnp.where(held[index], 0.0, problem.beta * second))
    return np.concatenate(rows), np.concatenate(columns), jnp.concatenate(values), at


def _positions(placement, slot, form, incidence, offsets) -> np.ndarray:
    key = slot.coordinate.key(form.unknowns[slot].order)
    start = offsets[placement.group_of(slot.port), key]
    if slot.port is None:
        return start + np.arange(len(incidence))
    return start + np.asarray(incidence)[:, placement.component.ports.index(slot.port)]


def _dtype(free: State):
    return jnp.result_type(*[x for own in free.values() for x in own.values()])
