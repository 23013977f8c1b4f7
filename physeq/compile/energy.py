"""The energy of a state and its derivative by the parameters, both from the derived expressions."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile.cost import State
from physeq.compile.lowered import ElementPrograms, Product
from physeq.compile.problem import Problem


def energy(problem: Problem, free: State, *, with_cost: bool = True) -> Array:
    """F = Φ(x) − u·x + β C(x), one number per batch entry; Φ is the steady-state function.

    Forces that have no energy take no part; `Derivation.structure.conservative` tells whether there are any.
    """
    full = problem.full(free)
    total = sum(placement_energy(problem, name, full) for name in problem.lowered.elements)
    for group, keys in problem.drives.items():
        for key, u in keys.items():
            total = total - jnp.sum(u * free[group][key], -1)
    cost = problem.cost_evaluator
    if with_cost and cost is not None and problem.target is not None:
        total = total + problem.beta * cost.value(full, problem.params, problem.target)
    return jnp.broadcast_to(total, jnp.broadcast_shapes(jnp.shape(total), problem.batch))


def placement_energy(problem: Problem, placement: str, full: State) -> Array:
    """The energy stored or dissipated in one placed component, summed over its elements, per batch entry."""
    programs, wiring = problem.lowered.elements[placement], problem.wirings[placement]
    form = programs.form
    if not form.local and placement not in problem.lowered.derivation.per_element and programs.products is not None:
        parts = []
        for term in programs.products:
            number, coefficient, source, target = _factors(problem, programs, term, full)
            parts.append(number * wiring.energy(coefficient, source, target))
        return sum(parts[1:], parts[0]) if parts else jnp.zeros((), _dtype(full))
    environment = problem.element_environment(placement, full)
    density = jnp.asarray(programs.energy(environment)[0])
    return _sum_elements(density, _element_shape(problem, placement))


def parameter_gradient(problem: Problem, free: State, weights: Array | None = None) -> dict[str, dict[str, Array]]:
    """Re Σ_batch weights·∂F/∂p for every parameter; by default the batch mean.

    Parameters are real; states and weights may be complex (holomorphic nudging). The batch of `free` may have leading
    axes that the problem's inputs lack (phases); the weights then have them too, which makes a contrast of phases one
    contraction.
    """
    full = problem.full(free)
    batch = _batch_of(problem, free)
    if weights is None:
        count = 1
        for n in batch:
            count *= n
        weights = jnp.full(batch, 1.0 / count, _dtype(free))
    gradients: dict[str, dict[str, Array]] = {}
    for name, programs in problem.lowered.elements.items():
        for p in programs.form.placement.component.parameters:
            like = problem.params[name][p.name]
            gradients.setdefault(name, {})[p.name] = _derivative(problem, programs, p, full, weights, like)
    cost = problem.cost_evaluator
    if cost is not None and "readout" in problem.params:
        scaled = weights * problem.beta
        target = problem.target if problem.target is not None else jnp.zeros(())
        gradients["readout"] = cost.parameter_gradient(full, problem.params, target, scaled)
    return gradients


def _derivative(problem: Problem, programs: ElementPrograms, p, full: State, weights: Array, like: Array) -> Array:
    placement = programs.form.placement
    wiring = problem.wirings[placement.name]
    if not programs.form.local and placement.name not in problem.lowered.derivation.per_element:
        total = jnp.zeros_like(like)
        for term in programs.parameter_products[p]:
            number, change, source, target = _factors(problem, programs, term, full)
            outer = number * change * wiring.outer(source, target, weights)
            total = total + (outer if like.ndim else jnp.sum(outer))
        return total.astype(like.dtype)
    value = jnp.asarray(programs.parameter_derivatives[p](problem.element_environment(placement.name, full))[0])
    shape = _element_shape(problem, placement.name)
    value = jnp.broadcast_to(value, (*value.shape[: max(value.ndim - len(shape), 0)], *shape))
    lead = value.ndim - len(shape)
    own = weights.sum(tuple(range(weights.ndim - lead))) if lead < weights.ndim else weights
    total = (jnp.tensordot(own, value, lead) if lead else own * value).real
    return (total if like.ndim else jnp.sum(total)).astype(like.dtype)


def _factors(problem: Problem, programs: ElementPrograms, term: Product, full: State):
    placement = programs.form.placement
    own = problem.params.get(placement.name, {})
    coefficient = term.coefficient({s: own[s.name] for s in term.coefficient.symbols})[0]
    sides = []
    for port, feature in zip(placement.component.ports, (term.source, term.target), strict=True):
        values = {
            x: full[placement.group_of(port)][slot.coordinate.key(x.order)]
            for slot, x in programs.unknowns.items()
            if slot.port == port
        }
        sides.append(None if feature is None else feature(values)[0])
    return term.number({})[0], jnp.asarray(coefficient), *sides


def _element_shape(problem: Problem, placement: str) -> tuple[int, ...]:
    system = problem.lowered.derivation.system
    placed = system.placement(placement)
    return placed.pattern.parameter_shape(system.sizes(placed))


def _sum_elements(density: Array, shape: tuple[int, ...]) -> Array:
    lead = density.shape[: max(density.ndim - len(shape), 0)]
    return jnp.broadcast_to(density, (*lead, *shape)).sum(tuple(range(-len(shape), 0)))


def _batch_of(problem: Problem, free: State) -> tuple[int, ...]:
    shapes = [x.shape[:-1] for values in free.values() for x in values.values()]
    return jnp.broadcast_shapes(problem.batch, *shapes)


def _dtype(free: State):
    return jnp.result_type(*[x for values in free.values() for x in values.values()])
