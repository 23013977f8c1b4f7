"""Problems whose linear response to a nudge is J⁻ᵀ ∂C/∂x in a system whose own response is J⁻¹ ∂C/∂x, J = ∂f/∂x.

Both are `Problem`s, so that every finder that follows forces solves them: Newton, FixedPoint, EulerSteps, Relaxation.
J belongs to the free state and is linearised once, when the problem is made, outside the loop of the phase.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile import Problem
from physeq.solve.result import State


def _fields(problem: Problem, **changes: Any) -> dict[str, Any]:
    """The fields of a plain problem, with changes."""
    return {f.name: getattr(problem, f.name) for f in dataclasses.fields(Problem)} | changes


def linearised(problem: Problem, free: State) -> tuple[Callable[[State], State], Callable[[State], State]]:
    """(v ↦ J v, v ↦ Jᵀ v) of the force without nudge at a state; v has the shapes of the state.

    On the unknowns that answer: held nodes do not, nor units that are saturated, whose own slope is infinite.
    """
    rest = Problem(**_fields(problem, target=None))
    force, forward = jax.linearize(rest.force, free)
    backward = jax.linear_transpose(forward, free)

    def answering(v: State) -> State:
        return {
            g: {k: jnp.where(jnp.isinf(force[g][k]), 0.0, rest.mask(g, k, x)) for k, x in own.items()}
            for g, own in v.items()
        }

    return lambda v: answering(forward(answering(v))), lambda v: answering(backward(answering(v))[0])


def _hoisted(function: Callable[[State], State], like: State) -> Callable[[State], State]:
    """A function of states with what it closes over as leaves of a pytree."""
    return eqx.filter_closure_convert(function, like)


class TransposedResponse(Problem):
    """The nudged phase of non-reciprocal systems: f(x) − β ∂C/∂x − 2A(x − x⁰) = 0, A = (J − Jᵀ)/2 at x⁰.

    Linearised at x⁰ the force is Jᵀ(x − x⁰) − β ∂C/∂x, so that x − x⁰ = β J⁻ᵀ ∂C/∂x + O(β²).

    Attributes:
        anchor: x⁰, a free equilibrium, without the phases' leading axes.

    Source: Scurria, Vanden Abeele, Mognetti, Massar 2026, arXiv:2602.03670.
    """

    anchor: State = dataclasses.field(default_factory=dict)
    correction: Any = None  # made below, also when one sample is taken out of a batch

    def __post_init__(self):
        forward, backward = linearised(self, self.anchor)

        def correction(v: State) -> State:
            return jax.tree.map(jnp.subtract, backward(v), forward(v))

        self.correction = _hoisted(correction, self.anchor)

    @property
    def companions(self) -> dict[str, State]:
        return {"anchor": self.anchor}

    def cost_pull(self, free: State) -> State:
        """−β ∂C/∂x − 2A(x − x⁰)."""
        moved = jax.tree.map(jnp.subtract, free, self.anchor)
        ndims = jax.tree.map(lambda x, a: x.ndim - a.ndim, free, self.anchor)
        correction = self.correction
        for _ in range(max(jax.tree.leaves(ndims), default=0)):
            correction = jax.vmap(correction)
        pull = correction(moved)
        for group, own in super().cost_pull(free).items():
            for key, x in own.items():
                if group in pull:
                    pull[group][key] = pull[group][key] + x
        return pull


class TransportedError(Problem):
    """The difference of two copies of a system beside their mean m at rest: ḋ = J(m)ᵀ d − β ∂C/∂x(m), linear in d.

    States of this problem are d; forces, curvatures and masses are taken at m. At rest d = β J⁻ᵀ ∂C/∂x for every β.

    Attributes:
        mean: m, a free equilibrium.

    Source: Dyadic EP of Scurria, Vanden Abeele, Mognetti, Massar 2026, arXiv:2602.03670.
    """

    mean: State = dataclasses.field(default_factory=dict)
    transposed: Any = None  # made below, also when one sample is taken out of a batch
    stiffness: State = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        _, backward = linearised(self, self.mean)
        self.transposed = _hoisted(backward, self.mean)
        self.stiffness = Problem(**_fields(self, target=None)).curvature(self.mean)

    @property
    def companions(self) -> dict[str, State]:
        return {"mean": self.mean}

    def full(self, free: State) -> State:
        """The state of all groups at which everything is evaluated: the mean's, whatever d is."""
        return {**self.held, **self.mean}

    def force(self, free: State, groups: Any = None) -> State:
        """Jᵀ d − β ∂C/∂x(m); −d of saturated units, which hold their d = 0 infinitely stiffly."""
        result, pull = self.transposed(free), self.cost_pull(free)
        for group, own in result.items():
            for key, x in own.items():
                force = self.mask(group, key, x + pull.get(group, {}).get(key, 0.0))
                result[group][key] = jnp.where(jnp.isinf(self.stiffness[group][key]), -free[group][key], force)
        return result if groups is None else {g: result[g] for g in groups}

    def curvature(self, free: State, groups: Any = None) -> State:
        """The local curvature h of the system at m."""
        return self.stiffness if groups is None else {g: self.stiffness[g] for g in groups}

    def linearised_equilibrium(self, free: State, group: str, pull: State) -> dict[str, Array]:
        """d + h⁻¹ (Jᵀ d + pull): every node's own equilibrium with its neighbours' d as they are."""
        result, extra = {}, pull.get(group, {})
        for key, force in self.transposed(free)[group].items():
            moved = free[group][key] + (force + extra.get(key, 0.0)) / self.stiffness[group][key]
            result[key] = self.mask(group, key, moved, free[group][key])
        return result


def transported_error(problem: Problem, mean: State) -> TransportedError:
    """The problem of d beside a mean at rest; held nodes keep d = 0.

    `problem.beta` scales d and cancels in d/β.
    """
    clamps = {g: {k: (m, jnp.zeros_like(x)) for k, (m, x) in own.items()} for g, own in problem.clamps.items()}
    return TransportedError(**_fields(problem, clamps=clamps), mean=mean)


def transposed_response(nudged: Problem, free: State) -> TransposedResponse:
    """The nudged problem with the force −2A(x − x⁰) added; its batch may have leading axes (phases) that x⁰ lacks."""
    return TransposedResponse(**_fields(nudged), anchor=free)
