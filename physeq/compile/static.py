"""What a phase computes once: the static messages of held groups and constants, and transposed coefficients."""

from __future__ import annotations

from collections.abc import Collection

import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile.cost import State
from physeq.compile.lowered import CompiledContribution, Lowered, is_static
from physeq.compile.problem import contribute
from physeq.compile.wiring import DenseWiring, Wiring


def static_messages(
    lowered: Lowered,
    wirings: dict[str, Wiring],
    params: dict[str, dict[str, Array]],
    held: State,
    *,
    only: Collection[str] | None = None,
    leave_out: Collection[str] = (),
) -> dict[str, dict[str, Array]]:
    """{group: {message name: the sum of its static contributions on the group's nodes}}, of all bundles or some."""
    result: dict[str, dict[str, Array]] = {}
    for group, local in lowered.locals.items():
        size = local.form.variables[0].size
        jobs = [(s, c) for s, cs in local.contributions.items() for c in cs if is_static(c, held)]
        jobs = [(s, c) for s, c in jobs if c.placement not in leave_out and (only is None or c.placement in only)]
        values = _shared_products([c for _, c in jobs], wirings, params, held)
        total = result.setdefault(group, {})
        for k, (symbol, c) in enumerate(jobs):
            part = values.get(k)
            part = contribute(c, wirings, params, held, size, {}) if part is None else part
            total[symbol.name] = part if symbol.name not in total else total[symbol.name] + part
    return result


def transposed_matrices(
    lowered: Lowered, wirings: dict[str, Wiring], params: dict[str, dict[str, Array]], held: State
) -> dict[str, dict[str, Array]]:
    """{placement: {coefficient: its transpose}} of what targets of dense bundles send to their sources in a phase.

    XLA turns a transpose inside a loop into a product that reads the matrix across its rows: with the few rows of a
    mini-batch it takes up to three times as long on CPUs.
    """
    result: dict[str, dict[str, Array]] = {}
    for local in lowered.locals.values():
        for c in (c for cs in local.contributions.values() for c in cs):
            if c.receiver == 0 and isinstance(wirings[c.placement], DenseWiring) and not is_static(c, held):
                own = params.get(c.placement, {})
                coefficient = jnp.asarray(c.coefficient({s: own[s.name] for s in c.coefficient.symbols})[0])
                if coefficient.ndim == 2:
                    result.setdefault(c.placement, {})[c.coefficient_name] = coefficient.T
    return result


def _shared_products(contributions: list[CompiledContribution], wirings, params, held) -> dict[int, Array]:
    """Products of dense bundles in which features and ones meet one coefficient: the ones ride as one more row.

    A resistor's messages Σ g v and Σ g would otherwise read its conductances twice.
    """
    shared: dict[tuple, list[int]] = {}
    for k, c in enumerate(contributions):
        if isinstance(wirings[c.placement], DenseWiring):
            shared.setdefault((c.placement, c.receiver, c.coefficient.expressions[0]), []).append(k)
    result: dict[int, Array] = {}
    for members in shared.values():
        ones = [k for k in members if contributions[k].feature is None]
        moving = [k for k in members if contributions[k].feature is not None]
        c = contributions[members[0]]
        own = params.get(c.placement, {})
        coefficient = jnp.asarray(c.coefficient({s: own[s.name] for s in c.coefficient.symbols})[0])
        if not ones or not moving or coefficient.ndim != 2:
            continue
        matrix = coefficient if c.receiver == 1 else coefficient.T
        features = []
        for k in moving:
            values = {x: held[contributions[k].sender_group][key] for x, key in contributions[k].sender_symbols}
            feature = contributions[k].feature
            assert feature is not None  # members of `moving`
            features.append(feature(values)[0])
        rows = [f.reshape(-1, matrix.shape[0]) for f in features] + [jnp.ones((1, matrix.shape[0]), matrix.dtype)]
        product = jnp.concatenate(rows) @ matrix
        at = 0
        for k, f in zip(moving, features, strict=True):
            count = f.size // matrix.shape[0]
            result[k] = product[at : at + count].reshape(*f.shape[:-1], matrix.shape[1])
            at += count
        result |= dict.fromkeys(ones, product[-1])
    return result
