"""Outputs that are held, for the clamped phases of coupled and contrastive learning and for their exact references."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile import energy
from physeq.errors import ModelError
from physeq.solve.finder import Finder, flatten, held_mask, unflatten
from physeq.solve.implicit import adjoint, fixed_entries, solve
from physeq.solve.result import State


def require_outputs_to_hold(model: Any, rule: str) -> None:
    """Refuse a cost that holding the outputs does not stand for, and outputs that are held already."""
    derivation = model.derivation
    if not derivation.cost.squared_error:
        what = "a readout" if derivation.cost.readout_terms is not None else f"the cost {derivation.cost.density}"
        raise ModelError(
            f"{rule} holds the outputs themselves near y, which stands for the cost (x - y)**2/2 on them, and this "
            f"system has {what}; write that cost, or use EquilibriumPropagation"
        )
    if held := derivation.held_outputs:
        raise ModelError(
            f"{rule} holds the outputs in its clamped phase, and output {held[0]!r} is held already by a ground, a "
            "fixed value or a clamped input; choose free nodes as outputs"
        )


def hold_outputs(problem: Any, values: Array) -> Any:
    """The problem with its output unknowns held at `values`, in the order of the user's outputs, and without a nudge.

    Args:
        problem: of the free phase; everything else that holds its nodes stays.
        values: `(*batch, outputs)`.
    """
    cost = problem.cost_evaluator
    clamps = {group: dict(own) for group, own in problem.clamps.items()}
    for part in cost.outputs.parts:
        v = cost.programs.form.unknowns[part.group]
        acts: Any = np.zeros(v.size, bool)
        acts[part.indices] = True
        spread = jnp.zeros((*values.shape[:-1], v.size), values.dtype)
        spread = spread.at[..., part.indices].set(values[..., part.columns])
        others = clamps.setdefault(part.group, {}).get(v.key)
        if others is not None:
            spread = jnp.where(acts, spread, others[1])
            acts = acts | others[0]
        clamps[part.group][v.key] = (acts, spread)
    return dataclasses.replace(problem, clamps=clamps, target=None, beta=jnp.zeros_like(problem.beta))


def stiffness_weighted(problem: Any, free: State, error: State) -> State:
    """K e on the outputs: the forces that hold them displaced by e, when all other free unknowns follow.

    K = (P H⁻¹ Pᵀ)⁻¹ with H = −∂f/∂x on the free set (held nodes and unknowns pressed against a bound do not move) and
    P the choice of the outputs, computed as K e = P H (e + u), with u on the other unknowns and H u = −H e there.

    Args:
        problem: of the free phase, without a nudge.
        free: its equilibrium.
        error: e, zero beside the outputs.
    """
    rest = dataclasses.replace(problem, target=None)
    held = hold_outputs(rest, problem.cost_evaluator.outputs_of(problem.full(free)))
    fixed = fixed_entries(rest, free, flatten(free), flatten(rest.force(free)))
    outputs = held_mask(held, free) & ~fixed

    def product(direction):
        """−H times a direction, which is how the forces change along it."""
        return jax.jvp(rest.force, (free,), (direction,))[1]

    error = unflatten(jnp.where(outputs, flatten(error), 0.0), free)
    follow = adjoint(held, free, product(error))
    forces = flatten(product(jax.tree.map(jnp.add, error, follow)))
    return unflatten(jnp.where(outputs, -forces, 0.0), free)


def contrastive_function(problem: Any, free: State, finder: Finder) -> tuple[Array, tuple[Array, Array]]:
    """E(equilibrium with the outputs held at the target) − E(free equilibrium), one number per batch entry.

    Both equilibria are found here, from `free`; differentiable in everything that the problem holds.

    Returns:
        The energies, and the worst (residual, outcome) of both searches.
    """
    rest = dataclasses.replace(problem, target=None)
    held = hold_outputs(problem, problem.target)
    (loose, *first), (tight, *second) = solve(rest, free, finder), solve(held, held.insert(free), finder)
    evidence = [jnp.maximum(jnp.max(a), jnp.max(b)) for a, b in ((first[0], second[0]), (first[2], second[2]))]
    return energy(held, tight) - energy(rest, loose), (evidence[0], evidence[1])
