"""A finder that solves nothing: every phase of a rule gets a random state, the same that the page is read at."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from physeq.solve.finder import Finder
from physeq.solve.result import State

STEPS = 2  # of a nudged phase whose steps are compared
_KEPT = 0.9


@dataclass(frozen=True, eq=False)
class GivenStates(Finder):
    """x(β) = a + (β/s) b + (β/s)² c, whatever the forces are; a step takes x to 0.9 x + b.

    Attributes:
        states: (a, b, c); b and c vanish on nodes that are held.
        scale: s, the size of the nudges.
    """

    states: tuple[State, State, State]
    scale: Any = 1.0

    @property
    def budget(self) -> int:
        return STEPS

    def check(self, model: Any) -> None:
        """Fits every model."""

    def check_complex(self, model: Any) -> None:
        """Complex nudges have complex states."""

    def find(self, problem: Any, free: State) -> tuple[State, Any, Any, Any]:
        share = jnp.asarray(problem.beta / self.scale)[..., None]
        state = jax.tree.map(lambda a, b, c: a + share * b + share**2 * c, *self.states)
        wide = jax.tree.map(lambda x: jnp.broadcast_to(x, (*problem.batch, x.shape[-1])), state)
        nothing = jnp.zeros(problem.batch)
        return problem.insert(wide), nothing, jnp.int32(0), jnp.zeros(problem.batch, jnp.int32)

    def stepper(self, problem: Any) -> Callable[[State], State]:
        return lambda state: problem.insert(jax.tree.map(lambda x, b: _KEPT * x + b, state, self.states[1]))


def with_given(rule: Any, states: GivenStates, clamped: GivenStates, other: GivenStates) -> Any:
    """The rule with given states in place of its finders.

    Args:
        rule: with fields `free`, `nudged` and `clamped`, as far as it has these phases.
        states: of free and nudged phases.
        clamped: of a phase with held outputs.
        other: of the second copy of a rule that has two.
    """
    second = other if type(rule).__name__ == "DyadicEP" else states
    chosen = {"free": states, "nudged": second, "clamped": clamped}
    there = {f.name for f in dataclasses.fields(rule)}
    return dataclasses.replace(rule, **{name: given for name, given in chosen.items() if name in there})
