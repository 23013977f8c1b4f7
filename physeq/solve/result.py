"""Outcomes of a solve: converged, stopped at its budget, or failed, each with what to do."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.errors import SolveError
from physeq.shown import Shown

State = dict[str, dict[str, Array]]


class Outcome(IntEnum):
    """How a solve ended; `remedy` says what to do."""

    CONVERGED = 0
    BUDGET = 1
    NOT_CONVERGED = 2
    DIVERGED = 3
    UNSTABLE = 4

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return _REMEDIES[self]


_REMEDIES = {
    Outcome.CONVERGED: "nothing to do",
    Outcome.BUDGET: "the fixed number of steps was used, as asked; see the residual",
    Outcome.NOT_CONVERGED: "raise the number of steps, start closer (start=...), reduce the nudge, or try another "
    "finder",
    Outcome.DIVERGED: "the state left the finite numbers: check for a start where a term is not finite (start=...) or "
    "an energy without lower bound, reduce couplings or the nudge, bound the coordinate, or try NodeDescent",
    Outcome.UNSTABLE: "all forces vanish there, but at a maximum or saddle of the energy, where no system stays: start "
    "off it (start=..., or the coordinate's `start`), or use Newton where that state is wanted",
}


class Equilibrium(Shown, eqx.Module):
    """A solved state with its evidence. Index it like the state: `result["hidden"]["s"]`.

    Attributes:
        state: {group: {unknown: (*batch, nodes)}}, held groups included.
        residual: per batch entry, the largest |force| on a free unknown (forces into an active bound aside), or, for
            finders that iterate a map, the largest change by the last step.
        steps: iterations used (the largest in the batch).
        outcome: `Outcome` code per batch entry.
    """

    state: State
    residual: Array
    steps: Array
    outcome: Array

    def __repr__(self) -> str:
        shapes = [f"{group}.{key} {jnp.shape(x)}" for group, own in self.items() for key, x in own.items()]
        more = [f"{len(shapes) - 4} more"] if len(shapes) > 4 else []
        known = "" if is_traced(self) else f"; residual {float(jnp.max(self.residual)):.2g}"
        return f"Equilibrium({', '.join([*shapes[:4], *more])}{known})"

    def __getitem__(self, group: str) -> dict[str, Array]:
        return self.state[group]

    def __contains__(self, group: str) -> bool:
        return group in self.state

    def items(self):
        """(group, values) pairs of the state."""
        return self.state.items()

    @property
    def failed(self) -> Array:
        """Mask of the batch entries that did not converge."""
        return self.outcome >= Outcome.NOT_CONVERGED

    def check(self, what: str = "equilibrium") -> None:
        """Raise `SolveError` if a batch entry failed; only for concrete results."""
        raise_if_failed(self.outcome, self.residual, self.steps, what)


def raise_if_failed(outcome: Any, residual: Any, steps: Any, what: str) -> None:
    """Raise `SolveError` naming the residual, the steps and the remedy if an outcome is a failure."""
    codes = np.atleast_1d(np.asarray(outcome))
    if not codes.size or codes.max() < Outcome.NOT_CONVERGED:
        return
    worst = Outcome(int(codes.max()))
    count = int((codes >= Outcome.NOT_CONVERGED).sum())
    residual = np.atleast_1d(np.asarray(residual))
    bad = residual[np.broadcast_to(codes >= Outcome.NOT_CONVERGED, residual.shape)]
    largest = float(np.max(bad)) if np.isfinite(bad).all() else float("nan")
    entries = f" for {count} of {codes.size} batch entries" if codes.size > 1 else ""
    raise SolveError(
        f"{what} {worst.name.lower().replace('_', ' ')}{entries} after "
        f"{int(np.max(np.asarray(steps)))} steps: residual {largest:.3g}; {worst.remedy}"
    )


def is_traced(tree: Any) -> bool:
    """Whether a pytree holds tracers, so that nothing can be decided in Python."""
    return any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(tree))


def outcome_of(residual: Array, tolerance: Array | float | None) -> Array:
    """Outcome codes from a final residual; without a tolerance a finite residual is `BUDGET`."""
    good = jnp.int32(Outcome.BUDGET) if tolerance is None else jnp.int32(Outcome.CONVERGED)
    missed = jnp.zeros(residual.shape, bool) if tolerance is None else residual > tolerance
    code = jnp.where(missed, jnp.int32(Outcome.NOT_CONVERGED), good)
    return jnp.where(jnp.isfinite(residual), code, jnp.int32(Outcome.DIVERGED))
