"""Sampling of initial parameters: one sampler per distribution record."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.errors import ModelError
from physeq.graph import Dense
from physeq.symbolic.distributions import (
    Constant,
    Distribution,
    FanInUniform,
    GlorotUniform,
    Normal,
    TransposeOf,
    Uniform,
)
from physeq.symbolic.placing import Placement
from physeq.symbolic.symbols import Parameter
from physeq.symbolic.system import System


@singledispatch
def sample(
    distribution: Distribution, key: Array, shape: tuple[int, ...], fans: tuple[float, float], dtype: Any
) -> Array:
    """Draw an array; `fans` = (sources per target, targets per source). Register a sampler per distribution type."""
    raise ModelError(
        f"no sampler for the initial distribution {distribution!r}; register one with "
        "physeq.compile.initialise.sample.register"
    )


@sample.register
def _(distribution: Constant, key, shape, fans, dtype):
    return jnp.full(shape, distribution.value, dtype)


@sample.register
def _(distribution: Uniform, key, shape, fans, dtype):
    return jax.random.uniform(key, shape, dtype, distribution.low, distribution.high)


@sample.register
def _(distribution: Normal, key, shape, fans, dtype):
    return distribution.mean + distribution.std * jax.random.normal(key, shape, dtype)


@sample.register
def _(distribution: FanInUniform, key, shape, fans, dtype):
    drawn = _symmetric(key, shape, dtype, distribution.scale / np.sqrt(max(fans[0], 1.0)), distribution.positive)
    return jnp.maximum(drawn, 0) if distribution.rectified else drawn


@sample.register
def _(distribution: GlorotUniform, key, shape, fans, dtype):
    return _symmetric(key, shape, dtype, distribution.scale * np.sqrt(6.0 / max(sum(fans), 1.0)), distribution.positive)


@sample.register
def _(distribution: TransposeOf, key, shape, fans, dtype):
    raise ModelError(f"{distribution} starts a parameter of a bundle at that of another; a readout has no such partner")


def _symmetric(key, shape, dtype, limit, positive):
    return jax.random.uniform(key, shape, dtype, 0.0 if positive else -limit, limit)


def fans(system: System, placement: Placement) -> tuple[float, float]:
    """(sources per target, targets per source) of a bundle; for a node component, of all edges that arrive there."""
    sizes = system.sizes(placement)
    if len(placement.component.ports) == 1:
        arriving = [p for p in system.placements if len(p.component.ports) == 2 and p.groups[1] == placement.groups[0]]
        return sum(fans(system, p)[0] for p in arriving), 1.0
    if isinstance(placement.pattern, Dense):
        return float(sizes[0]), float(sizes[1])
    count = system.count(placement)
    return count / max(sizes[-1], 1), count / max(sizes[0], 1)


def initial_parameters(system: System, key: Array, dtype: Any) -> dict[str, dict[str, Array]]:
    """{placement: {parameter: array}}: given values where there are any, draws elsewhere.

    Raises:
        ModelError: a given array that is NaN for a parameter, which says that a graph's edge lacks the attribute
            while others have it and the parameter is not trainable.
    """
    result: dict[str, dict[str, Array]] = {p.name: {} for p in system.placements if p.component.parameters}
    draws = [(p, q) for p in system.placements for q in p.component.parameters]
    readout = _readout_parameters(system)
    keys = iter(jax.random.split(key, len(draws) + len(readout) + 1))
    keyed = {(p.name, q.name): (p, q, next(keys)) for p, q in draws}
    for placement, p, own in map(keyed.__getitem__, _partners_first(system)):
        shape = system.parameter_shape(placement, p)
        if isinstance(p.initial, TransposeOf):
            drawn = _transposed(p.initial, own, result[p.initial.placement][p.name], shape, f"{placement.name!r}")
        else:
            drawn = sample(p.initial, own, shape, fans(system, placement), dtype)
        given = system.values[placement.name].get(p.name)
        if given is not None:
            if np.isnan(given).any() and not p.trainable:
                at = tuple(int(i) for i in np.argwhere(np.isnan(given))[0])
                raise ModelError(
                    f"parameter {p.name!r} of {placement.name!r} is not trainable and element {at} has no value; give "
                    f"every element the attribute {p.name!r}"
                )
            drawn = jnp.where(np.isnan(given), drawn, jnp.asarray(given, dtype))
        result[placement.name][p.name] = jnp.clip(drawn, p.lower, p.upper) if p.bounded else drawn
    for p, shape in readout:
        fan = float(system.outputs.size), float(system.readout.size)  # of the bias too: it joins what arrives
        result.setdefault("readout", {})[p.name] = sample(p.initial, next(keys), shape, fan, dtype)
    return result


def _partners_first(system: System) -> list[tuple[str, str]]:
    """(placement, parameter) of all draws, each after the one that it is the transpose of."""
    partners = {
        (p.name, q.name): (q.initial.placement, q.name) if isinstance(q.initial, TransposeOf) else None
        for p in system.placements
        for q in p.component.parameters
    }
    order: dict[tuple[str, str], None] = {}
    for entry in partners:
        chain = [entry]
        while (partner := partners[chain[-1]]) is not None and chain[-1] not in order:
            name, parameter = chain[-1]
            if partner not in partners:
                known = ", ".join(repr(p) for p, q in partners if q == parameter and p != name)
                raise ModelError(
                    f"parameter {parameter!r} of {name!r} starts as TransposeOf({partner[0]!r}), which has no "
                    f"parameter {parameter!r}; name one of {known or 'the bundles that have it (there are none)'}"
                )
            if partner in chain:
                around = " → ".join(repr(p) for p, _ in [*chain[chain.index(partner) :], partner])
                raise ModelError(f"initial values {parameter!r} wait for each other: {around}; draw one of them")
            chain.append(partner)
        order.update(dict.fromkeys(reversed(chain)))
    return list(order)


def _transposed(initial: TransposeOf, key: Array, partner: Array, shape: tuple[int, ...], where: str) -> Array:
    if partner.ndim != 2 or partner.shape != shape[::-1]:
        raise ModelError(
            f"bundle {where}: TransposeOf({initial.placement!r}) needs dense bundles between the same two groups, got "
            f"shapes {shape} and {partner.shape}"
        )
    flipped = jax.random.bernoulli(key, initial.flip, shape)
    return jnp.where(flipped, -partner.T, partner.T)


def _readout_parameters(system: System) -> list[tuple[Parameter, tuple[int, ...]]]:
    if system.readout is None:
        return []
    weights = sorted((s for s in system.readout.drive.free_symbols if isinstance(s, Parameter)), key=lambda p: p.name)
    shapes = [(p, () if p.shared else (system.outputs.size, system.readout.size)) for p in weights]
    return shapes + ([(system.readout.bias, (system.readout.size,))] if system.readout.bias is not None else [])


def project(system: System, params: Mapping) -> dict[str, dict[str, Array]]:
    """Parameters clipped to their declared bounds."""
    records = parameter_records(system)

    def clip(p: Parameter, value: Array) -> Array:
        value = value if p.lower == -np.inf else jnp.maximum(value, p.lower)
        return value if p.upper == np.inf else jnp.minimum(value, p.upper)

    return {name: {k: clip(records[name][k], v) for k, v in own.items()} for name, own in params.items()}


def parameter_shapes(system: System) -> dict[str, dict[str, tuple[int, ...]]]:
    """{placement: {name: shape}} of every parameter, the readout's included."""
    shapes = {
        p.name: {q.name: system.parameter_shape(p, q) for q in p.component.parameters}
        for p in system.placements
        if p.component.parameters
    }
    if readout := _readout_parameters(system):
        shapes["readout"] = {p.name: shape for p, shape in readout}
    return shapes


def parameter_records(system: System) -> dict[str, dict[str, Parameter]]:
    """{placement: {name: Parameter}} of every parameter, the readout's included."""
    records = {p.name: {q.name: q for q in p.component.parameters} for p in system.placements if p.component.parameters}
    if readout := _readout_parameters(system):
        records["readout"] = {p.name: p for p, _ in readout}
    return records
