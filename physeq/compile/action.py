"""What rules of trajectories contrast: ∂L/∂θ at an instant and along a path, from the declared terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import sympy as sp
from jaxtyping import Array

from physeq.compile.motion import BoundMotion, Motion
from physeq.compile.motion_layout import MotionLayout
from physeq.compile.printer import Program
from physeq.compile.trajectory_problem import TrajectoryProblem
from physeq.errors import ModelError
from physeq.symbolic.action import bilinear_slopes, lagrangian_slopes

Gradients = dict[str, dict[str, Array]]


class ActionPrograms:
    """Programs of ∂L/∂θ, L = T − V + F(t)·q, of every placed component.

    Raises:
        ModelError: a trained parameter that L does not hold: in a constraint, in a force on a rate alone, or in one
            that depends on states.
    """

    def __init__(self, layout: MotionLayout):
        self.layout = layout
        self.slopes: list[tuple[Any, list[str], Program]] = []
        for programs, form in zip(Motion(layout).programs, layout.forms, strict=True):
            found = {p: e for p, e in lagrangian_slopes(form).items() if e != 0}
            if found:
                self.slopes.append((programs, [p.name for p in found], Program(list(found.values()))))

    def instant(self, bound: BoundMotion, t: Array, y: Array) -> Gradients:
        """{placement: {parameter: ∂L/∂θ of every instance}} at one instant, of the parameters that L holds."""
        result: Gradients = {}
        for programs, names, slopes in self.slopes:
            known = bound.environment(programs, jnp.asarray(t, jnp.finfo(y.dtype).dtype), y)
            result[programs.form.placement.name] = _per_instance(self.layout, programs, names, slopes(known), y)
        return result


def action_programs(layout: MotionLayout) -> ActionPrograms:
    """The programs of a layout, made once."""
    cache = layout.__dict__
    if "action programs" not in cache:
        cache["action programs"] = ActionPrograms(layout)
    return cache["action programs"]


def action_gradient(problem: TrajectoryProblem, ys: Array, weights: Array) -> Gradients:
    """Re Σ_k weights_k ∂L/∂θ(t_k) of one sample's states `(times, size)`, in the structure of the parameters."""
    programs = action_programs(problem.layout)
    values = problem.along(lambda bound, t, y, _: programs.instant(bound, t, y), ys)
    summed = {n: {k: jnp.einsum("t,ti->i", weights.astype(v.dtype), v).real for k, v in own.items()}
              for n, own in values.items()}  # fmt: skip
    return like_parameters(problem.params, summed)


def like_parameters(params: Mapping, found: Mapping) -> Gradients:
    """Values per instance in the shapes of the parameters: shared ones summed, those without a value zero."""

    def shaped(name: str, key: str, like: Array) -> Array:
        if key not in found.get(name, {}):
            return jnp.zeros_like(like)
        value = found[name][key]
        return (value.reshape(jnp.shape(like)) if jnp.ndim(like) else jnp.sum(value)).astype(jnp.asarray(like).dtype)

    return {name: {key: shaped(name, key, value) for key, value in own.items()} for name, own in params.items()}


class BilinearPrograms:
    """Programs of μ·∂R/∂θ(y), R the balance of forces of a linear motion, in a state y and a response μ.

    Raises:
        ModelError: a trained parameter inside a component's own equations, in its constraint or with rates that are no
            unknowns of the response.
    """

    def __init__(self, layout: MotionLayout):
        self.layout = layout
        self.slopes: list[tuple[Any, Any, list[str], Program]] = []
        self.needs_rates = False
        for programs, form in zip(Motion(layout).programs, layout.forms, strict=True):
            symbols, found = bilinear_slopes(form, layout.variables)
            found = {p: e for p, e in found.items() if e != 0}
            if found:
                used = set().union(*(e.free_symbols for e in found.values()))
                kept = {s: u for s, u in symbols.items() if s in used}
                self.needs_rates |= any(kind == "rate" for kind, _ in kept.values())
                self.slopes.append((programs, kept, [p.name for p in found], Program(list(found.values()))))

    def instant(self, bound: BoundMotion, t: Array, y: Array, rate: Array, response: Array) -> Gradients:
        """{placement: {parameter: μ·∂R/∂θ of every instance}}; `rate` is ẏ, `response` μ in the places of y."""
        vectors = {"response": response, "rate": rate}
        result: Gradients = {}
        for programs, symbols, names, slopes in self.slopes:
            known: dict[sp.Symbol, Array] = bound.environment(programs, t, y)
            for symbol, (kind, unknown) in symbols.items():
                known[symbol] = vectors[kind][self.layout.entries(programs.form, unknown)]
            result[programs.form.placement.name] = _per_instance(self.layout, programs, names, slopes(known), y)
        return result


def bilinear_programs(layout: MotionLayout) -> BilinearPrograms:
    """The programs of a layout, made once."""
    cache = layout.__dict__
    if "bilinear programs" not in cache:
        cache["bilinear programs"] = BilinearPrograms(layout)
    return cache["bilinear programs"]


def _per_instance(layout: MotionLayout, programs: Any, names: list[str], values: Any, y: Array) -> dict[str, Array]:
    """One value per instance of a placed component, for every parameter."""
    count = (layout.count(programs.form),)
    return {name: jnp.broadcast_to(jnp.asarray(v, y.dtype), count) for name, v in zip(names, values, strict=True)}


def require_action(model: Any, rule: str, instead: str) -> None:
    """Refuse a model whose trajectories are no extremals of an action, naming the component and what would work.

    Raises:
        ModelError: as said.
    """
    structure = model.structure
    for findings in (structure.dissipation, structure.non_reciprocal, structure.undeclared_energy):
        if findings:
            raise ModelError(f"{rule} needs trajectories that are extremals of an action: {findings[0]}; use {instead}")
    action_programs(model.layout)
