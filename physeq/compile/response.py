"""The response of forces to parameters, Σ_i λ_i ∂f_i/∂p, from the derived expressions.

λ is any state: a displacement (vector-field rules), an error that was transported by the physics, or an adjoint state.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile.cost import State
from physeq.compile.lowered import ElementPrograms, Product
from physeq.compile.problem import Problem
from physeq.symbolic.symbols import Parameter


def force_parameter_gradient(
    problem: Problem, free: State, cotangent: State, weights: Array | None = None
) -> dict[str, dict[str, Array]]:
    """Σ_batch weights · Σ_i λ_i ∂f_i/∂p for every parameter, f the force on the free nodes; by default the batch mean.

    Linear in the cotangent and in the weights. For a conservative system f = −∂E/∂x, and λ = −x^β + x⁰ gives to first
    order what ∂E/∂p contrasts between the two states.

    Separable bundles are contracted as products of features, Σ c(p) a(x_s, λ_s) ⊗ b(x_t, λ_t), the others element by
    element. Readout parameters get zero: they act through the cost alone.

    Args:
        problem: fixes parameters, inputs and held nodes.
        free: the free state x at which ∂f/∂p is taken, `{group: {unknown: (*batch, nodes)}}`.
        cotangent: λ, in the structure of `free`; entries of held nodes are ignored.
        weights: `(*batch)`. `free`, `cotangent` and `weights` may have leading axes (phases) that the problem lacks.

    Returns:
        `{placement: {parameter: array}}` in the shapes of the parameters.

    >>> import jax, physeq as pq
    >>> s, b = pq.coordinate("s"), pq.parameter("b", initial=0.5)
    >>> model = pq.System(pq.complete(1), nodes=pq.Node("unit", potential=s**2 / 2 - b * s)).compile()
    >>> problem = model.problem(model.init_parameters(jax.random.key(0)))
    >>> free = problem.start()
    >>> float(force_parameter_gradient(problem, free, {"nodes": {"s": jnp.asarray([3.0])}})["nodes"]["b"][0])
    3.0
    """
    cotangent = {g: {k: problem.mask(g, k, x) for k, x in own.items()} for g, own in cotangent.items()}
    full = problem.full(free)
    arrays = [x for tree in (free, cotangent) for own in tree.values() for x in own.values()]
    if weights is None:
        batch = jnp.broadcast_shapes(problem.batch, *(x.shape[:-1] for x in arrays))
        weights = jnp.full(batch, 1.0 / math.prod(batch), jnp.result_type(*arrays))
    gradients: dict[str, dict[str, Array]] = {}
    for name, programs in problem.lowered.elements.items():
        for p in programs.form.placement.component.parameters:
            like = problem.params[name][p.name]
            total = _gradient(problem, programs, p, full, cotangent, weights)
            total = total if like.ndim else jnp.sum(total)
            gradients.setdefault(name, {})[p.name] = jnp.broadcast_to(total, like.shape).astype(like.dtype)
    if "readout" in problem.params:
        gradients["readout"] = {k: jnp.zeros_like(x) for k, x in problem.params["readout"].items()}
    return gradients


def response_terms(problem: Problem, placement: str, parameter: Parameter) -> tuple[Product, ...] | None:
    """The products of Σ_i λ_i ∂f_i/∂p that `force_parameter_gradient` contracts; None where it goes by element."""
    programs = problem.lowered.elements[placement]
    if programs.form.local or placement in problem.lowered.derivation.per_element:
        return None
    return programs.response_products[parameter]


def response_factors(
    problem: Problem, placement: str, term: Product, full: State, cotangent: State
) -> tuple[Array, Array | None, Array | None]:
    """(number·c(p), a at the source's nodes, b at the target's nodes) of one product; a feature of None is 1.

    Args:
        full: the state of all groups.
        cotangent: λ of the free groups, zero on held nodes.
    """
    programs, own = problem.lowered.elements[placement], problem.params.get(placement, {})
    component = programs.form.placement.component
    coefficient = term.coefficient({s: own[s.name] for s in term.coefficient.symbols})[0]
    sides = []
    for port, feature in zip(component.ports, (term.source, term.target), strict=True):
        values: dict[Any, Array] = {}
        for slot, x in programs.unknowns.items():
            if slot.port == port:
                values |= _at_slot(problem, programs, slot, x, full, cotangent)
        sides.append(None if feature is None else feature({s: values[s] for s in feature.symbols})[0])
    return term.number({})[0] * jnp.asarray(coefficient), *sides


def _at_slot(problem, programs, slot, unknown, full, cotangent) -> dict:
    group, key = programs.form.placement.group_of(slot.port), slot.coordinate.key(unknown.order)
    weight = programs.response_symbols.get(slot)
    return {unknown: full[group][key]} | ({} if weight is None else {weight: cotangent[group][key]})


def _gradient(problem: Problem, programs: ElementPrograms, p, full: State, cotangent: State, weights: Array) -> Array:
    name = programs.form.placement.name
    wiring = problem.wirings[name]
    terms = response_terms(problem, name, p)
    if terms is not None:
        total = jnp.zeros((), weights.dtype)
        for term in terms:
            coefficient, source, target = response_factors(problem, name, term, full, cotangent)
            total = total + coefficient * wiring.outer(source, target, weights)
        return total
    environment = problem.element_environment(name, full)
    ports = programs.form.placement.component.ports
    for slot, symbol in programs.response_symbols.items():
        group = programs.form.placement.group_of(slot.port)
        x = cotangent[group][slot.coordinate.key(programs.unknowns[slot].order)]
        environment[symbol] = x if slot.port is None else wiring.spread(x, ports.index(slot.port))
    value = jnp.asarray(programs.response_derivatives[p](environment)[0])
    placed = problem.lowered.derivation.system.placement(name)
    shape = placed.pattern.parameter_shape(problem.lowered.derivation.system.sizes(placed))
    value = jnp.broadcast_to(value, (*value.shape[: max(value.ndim - len(shape), 0)], *shape))
    lead = value.ndim - len(shape)
    own = weights.sum(tuple(range(weights.ndim - lead)))
    return jnp.tensordot(own, value, lead) if lead else own * value
