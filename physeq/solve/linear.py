"""Equilibria of linear systems: one linear solve, dense, by conjugate gradients, or sparse direct."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
from jaxtyping import Array

from physeq.compile.jacobian import sparse_hessian
from physeq.errors import ModelError
from physeq.settings import check_tolerance, whole
from physeq.solve import klu
from physeq.solve.dense import dense_solve
from physeq.solve.finder import (
    Finder,
    default_tolerance,
    flatten,
    held_mask,
    per_sample,
    residual_of,
    samples,
    unflatten,
)
from physeq.solve.result import State, outcome_of


@dataclass(frozen=True)
class DenseDirect:
    """LU factorisation of the dense matrix: networks of up to some thousand unknowns."""

    def check(self, model: Any) -> None:
        """Fits every linear model."""

    def solve(self, problem: Any, free: State) -> State:
        """One step H δ = f from the start, with one factorisation for all samples of one nudge."""
        # A signal or a target may stand in the matrix, which then differs from sample to sample; nudges are grouped
        # along the first axis of the batch.
        cost = problem.lowered.derivation.cost
        apart = problem.target is not None and cost is not None and cost.curvature_per_sample
        shape = problem.beta.shape
        grouped = problem.beta.size == 1 or (len(shape) == len(problem.batch) and problem.beta.size == shape[0])
        if problem.signals or apart or not grouped:
            return per_sample(problem, free, self._together, dense=True)
        return self._together(problem, free)

    def _together(self, problem: Any, free: State) -> State:
        held, start = held_mask(problem, free), flatten(free)
        right = jnp.where(held, 0.0, flatten(problem.force(free)))
        size = start.shape[-1]
        nudges = problem.beta.shape[0] if problem.beta.size > 1 else 1
        single, leaves = samples(problem, free) if problem.batch else (lambda x: x, (problem, free))

        def solve_phase(k, rights):
            chosen = jax.tree.map(lambda x: x[k * (x.shape[0] // nudges)], leaves) if problem.batch else leaves
            one, state = single(chosen)

            def force(x):
                return flatten(one.force(unflatten(x, state)))

            matrix = -jax.jacfwd(force)(flatten(state))
            return dense_solve(jnp.where(held[:, None], jnp.eye(size, dtype=matrix.dtype), matrix), rights.T).T

        grouped = right.reshape(nudges, -1, size)
        if nudges == 1:
            delta = solve_phase(0, grouped[0])
        else:
            delta = jax.lax.map(lambda pair: solve_phase(*pair), (jnp.arange(nudges), grouped))
        return unflatten(start + delta.reshape(right.shape), free)


@dataclass(frozen=True)
class ConjugateGradients:
    """Matrix-free conjugate gradients (needs a quadratic, convex energy); works on any device.

    Attributes:
        tolerance: relative and absolute; by default ε^(2/3) of the dtype.
        steps: most iterations; by default ten times the number of unknowns.
    """

    tolerance: float | None = None
    steps: int | None = None

    def __post_init__(self):
        check_tolerance("ConjugateGradients", self.tolerance)
        if self.steps is not None:
            whole("ConjugateGradients", "steps", self.steps, 1)

    def check(self, model: Any) -> None:
        """Refuse systems without an energy: their matrix is not symmetric."""
        if not model.derivation.structure.conservative:
            raise ModelError("ConjugateGradients needs a symmetric system; use LinearSolve(DenseDirect())")

    def solve(self, problem: Any, free: State) -> State:
        """One step H δ = f from the start."""
        return per_sample(problem, free, self._single)

    def _single(self, problem: Any, free: State) -> State:
        held, start = held_mask(problem, free), flatten(free)

        def force(x):
            return flatten(problem.force(unflatten(x, free)))

        f, product = jax.linearize(force, start)

        def operator(x):
            return jnp.where(held, x, -product(jnp.where(held, 0.0, x)))

        tolerance = default_tolerance(start.dtype) if self.tolerance is None else self.tolerance
        linear = lx.FunctionLinearOperator(operator, jax.eval_shape(lambda: start), lx.positive_semidefinite_tag)
        solver = lx.CG(rtol=tolerance, atol=tolerance * 1e-6, max_steps=self.steps or 10 * start.size)
        delta = lx.linear_solve(linear, jnp.where(held, 0.0, f), solver, throw=False).value
        return unflatten(start + delta, free)


@dataclass(frozen=True)
class SparseDirect:
    """Sparse LU by KLU (the optional package klujax, on the CPU): large sparse networks."""

    def check(self, model: Any) -> None:
        """Refuse where klujax is not installed."""
        _klujax()

    def solve(self, problem: Any, free: State) -> State:
        """One step H δ = f from the start."""
        cost = problem.lowered.derivation.cost
        if problem.target is not None and cost is not None and cost.readout_terms is not None:
            raise ModelError(
                "SparseDirect: the nudge of a readout joins all nodes that it reads, and its matrix is not sparse; use "
                "DenseDirect or ConjugateGradients"
            )
        return per_sample(problem, free, self._single)

    def _single(self, problem: Any, free: State) -> State:
        module = _klujax()
        start = flatten(free)
        rows, columns, values, size = sparse_hessian(problem, free)
        f = jnp.where(held_mask(problem, free), 0.0, flatten(problem.force(free)))
        # KLU wants each position once: sum duplicates into a fixed structure.
        unique, inverse = np.unique(rows.astype(np.int64) * size + columns, return_inverse=True)
        summed = jnp.zeros(len(unique), jnp.float64).at[inverse].add(values.astype(jnp.float64))
        i, j = (unique // size).astype(np.int32), (unique % size).astype(np.int32)
        delta = module.solve(jnp.asarray(i), jnp.asarray(j), summed, f.astype(jnp.float64))
        return unflatten(start + delta.astype(start.dtype), free)


def _klujax():
    try:
        return klu.klujax()
    except ModelError as error:
        raise ModelError(
            'SparseDirect needs klujax: pip install "physeq[sparse]", or use ConjugateGradients()'
        ) from error


@dataclass(frozen=True)
class LinearSolve(Finder):
    """Solve a linear system's equilibrium with one linear solve per sample.

    Attributes:
        method: `DenseDirect()`, `ConjugateGradients()` or `SparseDirect()`.
        tolerance: on the residual, relative to the largest current curvature times the largest unknown.

    >>> import numpy as np, physeq as pq
    >>> divider = pq.System(pq.complete(3), edges=pq.electrical.resistor(1.0), ground=0, inputs=[1]).compile()
    >>> state = pq.equilibrium(divider, {"edges": {"g": np.ones(3)}}, np.ones(1), finder=LinearSolve())
    >>> float(state["nodes"]["v"][2])
    0.5
    """

    method: DenseDirect | ConjugateGradients | SparseDirect = field(default_factory=DenseDirect)
    tolerance: float | None = None

    def __post_init__(self):
        check_tolerance("LinearSolve", self.tolerance)
        super().__post_init__()

    def check(self, model: Any) -> None:
        structure = model.derivation.structure
        if not structure.linear:
            why = structure.nonlinear[0] if structure.nonlinear else None
            reason = (
                f"{why.component!r} in {why.placement!r}: {why.what}" if why else f"bounds of {structure.bounded[0]!r}"
            )
            raise ModelError(
                f"LinearSolve needs forces linear in the unknowns ({reason}); use Minimise, NodeDescent or Newton"
            )
        cost = model.derivation.cost
        if cost is not None and not cost.linear_derivative:
            raise ModelError("LinearSolve needs a quadratic cost for its nudged phases; use Minimise or Newton")
        self.method.check(model)

    def find(self, problem: Any, free: State) -> tuple[State, Array, Array, Array]:
        solved = self.method.solve(problem, free)
        force = problem.force(solved)
        residual = residual_of(problem, solved, force)
        curvature = jnp.where(held_mask(problem, solved), 0.0, flatten(problem.curvature(solved)))
        scale = jnp.max(jnp.abs(curvature)) * jnp.maximum(1.0, jnp.max(jnp.abs(flatten(solved))))
        tolerance = 100 * default_tolerance(scale.dtype) if self.tolerance is None else self.tolerance
        return solved, residual, jnp.int32(1), outcome_of(residual, tolerance * scale)
