"""Hamiltonian echo learning: the motion is reversed, nudged on its way back, and does not quite come home."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile import TrajectoryModel, action_programs
from physeq.compile.action import like_parameters
from physeq.errors import ModelError
from physeq.learn.echo_run import EchoRun, add
from physeq.learn.equilibrium_propagation import Centered, Nudging
from physeq.learn.procedure import CLOSING, Listing, Step, drawn_sign, for_each_sample, strength, weighed
from physeq.learn.rule import GradientInfo, Params, Phase
from physeq.learn.trajectory_rule import TrajectoryRule
from physeq.solve import InitialValue, Leapfrog
from physeq.solve.leapfrog import finite


@dataclass(frozen=True)
class HamiltonianEcho(TrajectoryRule):
    """dJ/dθ ≈ Σ_echoes w ∫∂H/∂θ dt: (1/2ε) Σ_k h [∂H/∂θ(+ε) − ∂H/∂θ(−ε)], J = ∫ℓ dt + c, for `Leapfrog`.

    The motion runs forward, its momenta are flipped, and it runs back with the inputs replayed in reverse and the
    energy H + βℓ, once with each nudge β; all echoes and samples run together. The terminal cost starts an echo off:
    q − β M⁻¹∂c/∂q̇ and −p − β ∂c/∂q. With the sums kept as it goes, nothing of the path is stored, so that the memory
    does not grow with the number of steps; what is reported is the state at the end. As ε → 0 the estimate is the
    gradient of the discrete motion, that of `BackpropagationThroughTime`, with an error of O(ε²) (O(ε) one-sided) and
    rounding that grows as 1/ε and with the chaos of the motion.

    With masses that are trained p = M(θ) q̇ moves with θ at both ends: −δq·∂M/∂θ q̇(0), where δq is how far the echoes
    end apart per nudge, and −(M⁻¹∂c/∂q̇)·∂M/∂θ q̇(T).

    Needs H = T(p) + V(q, t), even in the momenta, without dissipation; costs that run along the path in q alone.

    In `GradientInfo`, `free` and `prediction` are those of the end alone, with one time; `residual` is how far the
    echoes, extrapolated to no nudge, end from the start, `displacement` how far they end from it with the nudge.

    Attributes:
        nudging: `Centered(ε)`, `OneSided(ε)` or `RandomSign(ε)`. 1e-4 suits double precision, 1e-2 single.

    Source: Pourcel and Ernoult 2025, arXiv:2506.05259, where the nudge has the other sign.

    >>> [phase.name for phase in HamiltonianEcho(Centered(1e-4)).phases()]
    ['forward', 'positive echo', 'negative echo']
    """

    nudging: Nudging = field(default_factory=lambda: Centered(1e-4))

    def phases(self) -> tuple[Phase, ...]:
        echoes = [Phase(f"{p.name} echo", p.nudge, "forward", p.weight) for p in self.nudging.phases() if p.weight]
        return (Phase("forward", "0", None, ""), *echoes)

    def check_trajectories(self, model: TrajectoryModel) -> None:
        if (why := _no_echo(model.structure)) is not None:
            raise ModelError(f"HamiltonianEcho: {why}")
        if not isinstance(model.boundary, InitialValue):
            raise ModelError(
                f"HamiltonianEcho starts from an InitialValue, got {type(model.boundary).__name__}; use LagrangianEP"
            )
        if not isinstance(model.solver, Leapfrog):
            raise ModelError(
                f"HamiltonianEcho needs steps that run backwards: solve with Leapfrog(steps) instead of "
                f"{type(model.solver).__name__}"
            )
        action_programs(model.layout)

    def procedure(self, model: Any) -> tuple[Step, ...]:
        echoes = self.phases()[1:]
        kicked = model.cost.form.terminal != 0
        start = "Start where the forward run ended, with all momenta turned round"
        start += ", and the outputs shifted by the terminal cost" if kicked else ""
        nudges = [
            "without a nudge" if e.nudge == "0" else f"with the nudge {{{e.nudge}}} on the outputs" for e in echoes
        ]
        runs = [
            Step(
                f"{e.name[:1].upper()}{e.name[1:]}: {start}. Run the same time, with inputs and targets replayed in "
                f"reverse, {nudge}.",
                lists=Listing.SLOPES,
                finder=model.solver,
            )
            for e, nudge in zip(echoes, nudges, strict=True)
        ]
        return (
            strength(self.nudging.beta),
            *drawn_sign(echoes),
            for_each_sample(
                Step(
                    "Forward: from the given start, run the motion without a nudge. Keep nothing but the end.",
                    finder=model.solver,
                ),
                *runs,
                Step(
                    f"Every element adds up its integrals, {weighed(echoes)}, and turns the sign; elements with a "
                    "trained inertia add what the ends do. That is the estimate."
                ),
            ),
            *CLOSING,
        )

    def estimate(self, model, params, inputs, target, *, key=None, start=None) -> tuple[Params, GradientInfo]:
        run = EchoRun(model, params, inputs, target)
        q, v, cost = run.forward()
        echo = run.echo(q, v, *self._nudges(key, q.dtype))
        gradients = like_parameters(params, add(echo.total, *run.boundary(q, v, echo.apart)))
        state = run.whole(q, v)
        free, shape = run.problem.full(state[..., None, :]), run.problem.batch
        return gradients, GradientInfo(
            cost=jnp.mean(cost + run.terminal(state)),
            prediction=model.cost.prediction(state)[..., None, :].reshape(*shape, 1, -1),
            free=jax.tree.map(lambda a: a.reshape(*shape, 1, -1), free),
            residual=jnp.stack([jnp.zeros_like(echo.residual), echo.residual]),
            steps=jnp.full(2, run.count, jnp.int32),
            outcome=finite(q, v, echo.residual),
            displacement=echo.displacement.reshape(shape),
        )

    def gradient_in_time(self, model: Any, params: Params, inputs: Any, target: Array, *, key: Array | None = None):
        """What every step adds to the gradient, `(steps, *shape)` for every parameter, in the order of time.

        Terms of trained masses at the ends belong to the first and the last step. Stores them all.

        Raises:
            ModelError: the rule does not hold for this model, or the data do not fit it.
        """
        self.check(model)
        inputs, target = model.check_data(inputs, target)
        return _in_time(self, model, params, inputs, target, key)

    def _nudges(self, key: Array | None, dtype: Any) -> tuple[Array, Array]:
        """(β of every echo, weights): where the rule contrasts with the free phase, that is an echo without nudge."""
        betas, weights, free = self.nudging.betas(key, dtype)
        if free is None:
            return betas, weights
        return jnp.concatenate([betas, jnp.zeros(1, dtype)]), jnp.concatenate([weights, free[None]])


@eqx.filter_jit
def _in_time(rule, model, params, inputs, target, key):
    run = EchoRun(model, params, inputs, target)
    q, v, _ = run.forward()
    echo = run.echo(q, v, *rule._nudges(key, q.dtype), record=True)
    # The echo meets the steps in the opposite order.
    parts = jax.tree.map(lambda a: a[::-1], echo.parts)
    for k, ends in zip((0, -1), run.boundary(q, v, echo.apart), strict=True):
        parts = jax.tree.map(lambda a, b, k=k: a.at[k].add(b), parts, ends)
    return jax.vmap(lambda found: like_parameters(params, found))(parts)


def _no_echo(structure: Any) -> str | None:
    """Why a motion has no echo, and what works instead; None where it has one."""
    exact = "use ContinuousAdjoint"
    action = f"{exact}, or LagrangianEP with Periodic or TwoPoint"
    for findings, why in (
        (structure.dissipation, f"and what is lost does not come back in an echo; {exact}"),
        (structure.non_reciprocal, f"and the motion backwards is no motion of it; {exact}"),
        (structure.undeclared_energy, f"so that there is no Hamiltonian to read; or {exact}"),
        (structure.odd_in_momentum, f"which a momentum flip does not reverse; {action}"),
        (structure.not_quadratic, f"so that p is not linear in the rates; {action}"),
        (structure.not_separable, f"so that H is not T(p) + V(q); {action}"),
        (structure.constraints, f"so that momenta are not free; {exact}"),
    ):
        if findings:
            return f"{findings[0]}, {why}"
    if structure.without_inertia:
        return f"{structure.without_inertia[0]} has no inertia, so that it has no momentum to flip; {exact}"
    return None
