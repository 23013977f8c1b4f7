"""Parameters that move inside a phase at the price of fixed ones: their change as a product of low rank.

A rule that changes a parameter at every step by Δp = −κ Σ_batch [U(x(t+1)) − U(x(t))] has, after any number of steps,
changed it by −κ Σ_batch [U(x(t)) − U(x(0))]. Where U is a sum of products a(x_source) ⊗ b(x_target) and the messages
are linear in p, a step needs only products with factors of rank 2B (B where one end is held), B samples in the batch:
a message from a held group costs a Gram matrix (B × B) instead of a change of all weights.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import sympy as sp
from jaxtyping import Array

from physeq.compile.cost import State
from physeq.compile.low_rank import Apart, LowRank
from physeq.compile.lowered import Lowered, Product, product
from physeq.compile.problem import Problem
from physeq.compile.static import static_messages
from physeq.compile.wiring import DenseWiring
from physeq.symbolic.response import response_symbols, response_terms

Products = Mapping[str, Mapping[str, tuple[Product, ...]]]
Scales = Mapping[str, Mapping[str, Array]]
Params = dict[str, dict[str, Array]]

# Up to here, measured, a product more with a parameter's change is cheaper than writing the moved parameter down.
FEW_SAMPLES = 24


def energy_products(lowered: Lowered, wirings: Mapping[str, Any]) -> dict[str, dict[str, tuple[Product, ...]]]:
    """{placement: {parameter: products of U = ∂F/∂p}} of the parameters whose change telescopes.

    These are the trained parameters of dense bundles, one per edge and unbounded, that stand alone in front of every
    product of features: messages are then linear in them, and ∂F/∂p does not hold them.
    """
    found: dict[str, dict[str, tuple[Product, ...]]] = {}
    for name, p in linear_parameters(lowered, wirings):
        found.setdefault(name, {})[p.name] = lowered.elements[name].parameter_products[p]
    return found


def response_products(lowered: Lowered, wirings: Mapping[str, Any]) -> dict[str, dict[str, tuple[Product, ...]]]:
    """{placement: {parameter: products of U}} for steps Δ = −(∂f/∂p)ᵀ(x(t+1) − x(t)).

    They telescope to U = −(∂f/∂p)ᵀ x where ∂f/∂p stays what it is: between a held group and unknowns that it drives.
    """
    found: dict[str, dict[str, tuple[Product, ...]]] = {}
    for name, p in linear_parameters(lowered, wirings):
        form = lowered.elements[name].form
        states = {weight: form.unknowns[slot] for slot, weight in response_symbols(form).items()}
        held = [group in lowered.derivation.held for group in form.placement.groups]
        products = []
        terms = response_terms(form, p) or ()
        for term in terms:
            moving, other = (term.target, term.source) if held[0] else (term.source, term.target)
            if sum(held) != 1 or term.coefficient != 1 or moving not in states:
                break
            ends = (other, states[moving]) if held[0] else (states[moving], other)
            products.append(product(-term.number, sp.S.One, *ends))
        if products and len(products) == len(terms):
            found.setdefault(name, {})[p.name] = tuple(products)
    return found


def linear_parameters(lowered: Lowered, wirings: Mapping[str, Any]):
    """(placement, parameter) of dense bundles whose messages are linear in the parameter alone."""
    for name, programs in lowered.elements.items():
        form = programs.form
        if form.local or name in lowered.derivation.per_element or not isinstance(wirings[name], DenseWiring):
            continue
        forces = [t for terms in (form.force_terms or {}).values() for t in terms]
        for p in form.placement.component.parameters:
            alone = all(t.coefficient == p for t in (*(form.energy_terms or ()), *forces) if t.coefficient.has(p))
            if alone and p.trainable and not p.shared and not p.bounded:
                yield name, p


def cheaper(problem: Problem, products: Products) -> dict[str, dict[str, tuple[Product, ...]]]:
    """The products whose form of low rank is faster at every step than moving the whole array.

    With B samples and an array of m × n: between free groups the factors of rank 2B take 4B²(m + n) multiplications,
    the array's change 2Bmn, each of which was measured to cost as much as five of the others; from a held group of m
    nodes the Gram matrix takes B²n, the change and the message anew 3Bmn.
    """
    samples = math.prod(problem.batch)

    def pays(name: str, p: str, term: Product) -> bool:
        sizes = problem.params[name][p].shape
        held = _held(problem, name, term)
        if any(held):
            constant = (term.source if held[0] else term.target) is None
            return constant or samples < 3 * sizes[0 if held[0] else 1]
        return samples * sum(sizes) < 2.5 * math.prod(sizes)

    kept = {n: {p: ts for p, ts in own.items() if all(pays(n, p, t) for t in ts)} for n, own in products.items()}
    return {n: own for n, own in kept.items() if own}


def moving_problem(
    problem: Problem, start: State, products: Products, scales: Scales, free_bundles: frozenset[str]
) -> Callable[[State, Params], tuple[Problem, dict[str, dict[str, LowRank]]]]:
    """The function (free state, changes of other parameters) → (problem at the parameters reached there, the changes).

    Args:
        problem: of the phase, at its first parameters.
        start: the free state at its beginning.
        products: U of the telescoping parameters.
        scales: κ of each of them, without the sign: p(t) = p(0) − κ Σ_batch [U(x(t)) − U(x(0))].
        free_bundles: bundles with parameters that move without telescoping; their static messages are taken anew.
    """
    full0 = problem.full(start)
    first = {n: {p: [_ends(problem, n, t, full0) for t in ts] for p, ts in own.items()} for n, own in products.items()}
    fixed = static_messages(problem.lowered, problem.wirings, problem.params, problem.held, leave_out=free_bundles)
    grams = list(_grams(problem, products, first))
    few = math.prod(problem.batch) <= FEW_SAMPLES
    apart = {(n, p.name) for n, p in linear_parameters(problem.lowered, problem.wirings) if few}

    def at(state: State, changes: Params) -> tuple[Problem, dict[str, dict[str, LowRank]]]:
        full = problem.full(state)

        def pairs_of(name, p, terms):
            both = zip(terms, first[name][p], strict=True)
            return [_factors(problem, name, term, full, before, scales[name][p]) for term, before in both]

        factors = {n: {p: pairs_of(n, p, terms) for p, terms in own.items()} for n, own in products.items()}
        low = {
            n: {
                p: LowRank(
                    problem.params[n][p],
                    jnp.concatenate([left for left, _ in pairs]),
                    jnp.concatenate([right for _, right in pairs]),
                )
                for p, pairs in own.items()
            }
            for n, own in factors.items()
        }
        plain = plus(problem.params, changes)
        static = {g: dict(own) for g, own in fixed.items()}
        if free_bundles:
            static_anew = static_messages(problem.lowered, problem.wirings, plain, problem.held, only=free_bundles)
            for group, own in static_anew.items():
                for symbol, value in own.items():
                    static[group][symbol] = value + static[group].get(symbol, 0.0)
        for group, symbol, name, p, receiver, gram in grams:
            for k, (left, right) in enumerate(factors[name][p]):
                far = right if receiver == 1 else left
                part = (left if receiver == 1 else right).sum(-1) @ far if gram is None else gram[k] @ far
                shape = part.shape if gram is None else (*problem.batch, part.shape[-1])
                static[group][symbol] = static[group].get(symbol, 0.0) + part.reshape(shape)
        params: dict[str, dict[str, Any]] = {n: {**own, **low.get(n, {})} for n, own in plain.items()}
        moved = {(n, p) for n, own in changes.items() for p in own}
        for n, p in moved & apart:
            params[n][p] = Apart(problem.params[n][p], changes[n][p])
        unmoved = params.keys() - {n for n, _ in moved - apart}
        return dataclasses.replace(problem.with_parameters(params, unmoved), static_messages=static), low

    return at


def plus(params: Params, changes: Params) -> Params:
    """The parameters after these changes of some."""
    return {
        n: {p: x + changes[n][p] if p in changes.get(n, {}) else x for p, x in own.items()} for n, own in params.items()
    }


def _ends(problem: Problem, name: str, term: Product, full: State) -> tuple[Array, Array]:
    """Features of a product at both ends, `(samples, nodes)`."""
    placement = problem.lowered.elements[name].form.placement
    unknowns = problem.lowered.elements[name].unknowns
    ends: list[Array] = []
    for port, feature in zip(placement.component.ports, (term.source, term.target), strict=True):
        values = {
            x: full[placement.group_of(port)][slot.coordinate.key(x.order)]
            for slot, x in unknowns.items()
            if slot.port == port
        }
        some = next(iter(values.values()))
        size = some.shape[-1]
        value: Array = jnp.ones((size,), some.dtype) if feature is None else feature(values)[0]
        ends.append(jnp.broadcast_to(value, (*problem.batch, size)).reshape(-1, size))
    source, target = ends
    return source, target


def _held(problem: Problem, name: str, term: Product) -> tuple[bool, bool]:
    """Whether the factor at each end stays what it is in a phase."""
    groups = problem.lowered.elements[name].form.placement.groups
    return (
        term.source is None or groups[0] in problem.held,
        term.target is None or groups[1] in problem.held,
    )


def _factors(problem, name, term, full, before, scale) -> tuple[Array, Array]:
    """(left, right) with leftᵀ right = −κ Σ_batch [U(x) − U(x(0))] of one product."""
    number = -scale * term.number({})[0]
    fixed_source, fixed_target = _held(problem, name, term)
    a0, b0 = before
    if fixed_source and fixed_target:
        return a0, 0 * b0
    a, b = _ends(problem, name, term, full)
    if fixed_source:
        return a0, number * (b - b0)
    if fixed_target:
        return number * (a - a0), b0
    return jnp.concatenate([a, a0]), jnp.concatenate([number * b, -number * b0])


def _grams(problem: Problem, products: Products, first):
    """Static contributions of moving parameters: where they arrive, and their sender's feature times each factor.

    The Gram matrices of a held sender are computed here, once per phase; None stands for a sender that sends 1.
    """
    for group, local in problem.lowered.locals.items():
        for symbol, contributions in local.contributions.items():
            for c in contributions:
                own = products.get(c.placement, {})
                p = next((s.name for s in c.coefficient.symbols if s.name in own), None)
                if p is None:
                    continue
                if c.feature is None:
                    yield group, symbol.name, c.placement, p, c.receiver, None
                elif c.sender_group in problem.held:
                    values = {x: problem.held[c.sender_group][key] for x, key in c.sender_symbols}
                    feature = c.feature(values)[0]
                    feature = jnp.broadcast_to(feature, (*problem.batch, feature.shape[-1]))
                    feature = feature.reshape(math.prod(problem.batch), -1)
                    yield (
                        group, symbol.name, c.placement, p, c.receiver,
                        [feature @ ends[1 - c.receiver].T for ends in first[c.placement][p]],
                    )  # fmt: skip
