"""Hamiltonian echoes of a few steps, with every state that they pass, stepped by the solver's own step."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from physeq.compile.motion import BoundMotion
from physeq.learn import HamiltonianEcho
from physeq.learn.echo_run import EchoRun
from physeq.page_verification._motion_answers import lagrangian, total
from physeq.page_verification._steady_rule_answers import scale_of
from physeq.solve import Leapfrog
from physeq.solve.leapfrog import at_step

_STEPS = 3


def echo_model(model: Any) -> Any:
    """The trajectories with a few of their steps."""
    steps = min(_STEPS, model.solver.steps)
    boundary = dataclasses.replace(model.boundary, duration=model.boundary.duration * steps / model.solver.steps)
    return dataclasses.replace(model, solver=Leapfrog(steps), boundary=boundary)


def echoes(rule: HamiltonianEcho, model: Any, params: Any, inputs: Any, target: Any) -> dict[str, Any]:
    """The forward run and the echoes, step by step with the solver's own step."""
    short = echo_model(model)
    count = short.solver.steps
    inputs = {name: u[:, :count] for name, u in inputs.items()}
    target = target[:, :count]
    run = EchoRun(short, params, inputs, target)
    leap = run.leap
    gradients, _ = rule.estimate(short, params, inputs, target, key=jax.random.key(0), start=None)

    def walk(q, v, order, beta, aim):
        states, forces, energies = [], [], []
        for k in order:
            t, u, wanted = at_step(run.series, leap.step, jnp.int32(k))
            u, wanted = jax.tree.map(lambda x: x[0], (u, wanted))
            wanted = wanted if aim else None
            end, after, middle = leap.advance(q, v, t, u, wanted, beta)
            states += [leap.whole(middle, v), leap.whole(middle, after)]
            forces += 2 * [leap.force(middle, t, u, wanted, beta)]
            bound = BoundMotion(leap.layout, leap.params, u)
            for y in states[-2:]:  # p·q̇ − L
                nothing = jnp.zeros_like(y)
                energies.append(2 * total(bound, "kinetic", t, y, nothing) - lagrangian(bound, t, y))
            q, v = end, after
        return {"path": jnp.stack(states), "force": jnp.stack(forces), "energy": jnp.stack(energies)}, q, v

    q, v = (x[0] for x in run.start())
    nothing = jnp.zeros((), q.dtype)
    begin = leap.whole(q, v)
    passed, q, v = walk(q, v, range(count), nothing, False)
    found: dict[str, Any] = {"gradients": gradients, "forward": _run(leap, begin, passed, q, v)}
    slope = run.cost.gradient(jnp.asarray(short.boundary.duration, q.dtype), leap.whole(q, v), target[0, -1],
                              terminal=True)  # fmt: skip
    by_q, by_v = (leap.solve(slope[rows]) for rows in leap.rows)
    found["kick"] = by_v
    for sign in (1.0, -1.0):
        beta = jnp.asarray(sign * scale_of(rule), q.dtype)
        first, rate = q - beta * by_v, -v - beta * by_q
        passed, last, after = walk(first, rate, range(count - 1, -1, -1), beta, True)
        found[f"{sign:+.0f}"] = _run(leap, leap.whole(first, rate), passed, last, after)
    return found


def _run(leap: Any, start: Any, passed: dict[str, Any], q: Any, v: Any) -> dict[str, Any]:
    velocities = leap.rows[1]
    end = leap.whole(q, v)

    def momentum(y):
        return leap.momentum(y[velocities])

    ends = {"start": start, "end": end, "p start": momentum(start), "p end": momentum(end)}
    return passed | ends | {"p": jax.vmap(momentum)(passed["path"])}
