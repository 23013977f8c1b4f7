"""Wiring: how instances of a bundle read nodes (gather) and write to them (scatter), one class per pattern.

Arrays of nodes are `(*batch, nodes)`; arrays of elements are `(*batch, *element shape)`, where the element shape is
`(instances,)`, or `(sources, targets)` for a dense bundle.
"""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.errors import InternalError
from physeq.graph import Dense, OneToOne, Pattern, Sparse


class Wiring(eqx.Module):
    """Connects the elements of one bundle with the nodes at its ports."""

    @abstractmethod
    def spread(self, x: Array, port: int) -> Array:
        """Node values seen by every element at a port."""

    @abstractmethod
    def collect(self, f: Array, port: int, size: int) -> Array:
        """Sum element values into the nodes at a port."""

    @abstractmethod
    def message(self, coefficient: Array, feature: Array | None, receiver: int, size: int) -> Array:
        """Σ over elements of coefficient·feature(sender) at each receiver; `feature` None means 1."""

    @abstractmethod
    def energy(self, coefficient: Array, source: Array | None, target: Array | None) -> Array:
        """Σ over elements of coefficient·source·target, one number per batch entry."""

    @abstractmethod
    def outer(self, source: Array | None, target: Array | None, weights: Array) -> Array:
        """Re Σ over the batch of weights·source⊗target, in the element shape: what a parameter's gradient is made of.

        Parameters are real, so the real part is all that a gradient needs of complex states and weights.
        """


def real_product(x: Array, matrix: Array) -> Array:
    """x·matrix of node values `(*batch, n)`; complex values meet a real matrix as twice the rows of one real product.

    XLA's complex products on the CPU take three times as long, and a real matrix would be made complex for them.
    """
    if not jnp.iscomplexobj(x) or jnp.iscomplexobj(matrix):
        return x @ matrix
    product = jnp.stack([x.real, x.imag]) @ matrix
    return jax.lax.complex(product[0], product[1])


def real_outer(a: Array, b: Array) -> Array:
    """Re Σ_rows a⊗b of `(rows, n)` and `(rows, m)`, as one real product."""
    if jnp.iscomplexobj(a) and jnp.iscomplexobj(b):
        return jnp.concatenate([a.real, -a.imag]).T @ jnp.concatenate([b.real, b.imag])
    return a.real.T @ b.real


def _batch_sum(weights: Array, x: Array | None) -> Array:
    """Re Σ_batch weights·x for one array of nodes (or of elements); None stands for ones."""
    if x is None:
        return jnp.sum(weights).real
    # Phases that x does not know are summed over first; a fused sum beats a product with one row.
    weights = weights.sum(tuple(range(weights.ndim - (x.ndim - 1))))
    return jnp.sum((weights[..., None] * x).real, tuple(range(weights.ndim)))


def _align(weights: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Put the weights on one factor, first summed over leading axes (phases) that the other factor lacks."""
    if a.ndim > b.ndim:
        b, a = _align(weights, b, a)
        return a, b
    weights = weights.sum(tuple(range(weights.ndim - (b.ndim - 1))))
    weighted = weights[..., None] * b
    return a, weighted.sum(tuple(range(b.ndim - a.ndim)))


def _flat(x: Array) -> Array:
    return x.reshape(-1, x.shape[-1])


class DenseWiring(Wiring):
    """Every source with every target: matrix products."""

    sources: int = eqx.field(static=True)
    targets: int = eqx.field(static=True)

    def spread(self, x, port):
        return x[..., :, None] if port == 0 else x[..., None, :]

    def collect(self, f, port, size):
        f = jnp.broadcast_to(f, (*jnp.shape(f)[:-2], self.sources, self.targets))
        return f.sum(-1) if port == 0 else f.sum(-2)

    def message(self, coefficient, feature, receiver, size):
        if jnp.ndim(coefficient) == 0:
            others = self.sources if receiver == 1 else self.targets
            total = others if feature is None else feature.sum(-1, keepdims=True)
            return jnp.broadcast_to(coefficient * total, (*jnp.shape(total)[:-1], size))
        if feature is None:
            return coefficient.sum(0 if receiver == 1 else 1)
        return real_product(feature, coefficient if receiver == 1 else coefficient.T)

    def energy(self, coefficient, source, target):
        if jnp.ndim(coefficient) == 0:
            a = self.sources if source is None else source.sum(-1)
            b = self.targets if target is None else target.sum(-1)
            return coefficient * a * b
        if source is None and target is None:
            return coefficient.sum()
        if source is None:
            return target @ coefficient.sum(0)
        if target is None:
            return source @ coefficient.sum(1)
        return jnp.sum(real_product(source, coefficient) * target, -1)

    def outer(self, source, target, weights):
        if source is None or target is None:
            a, b = _batch_sum(weights, source), _batch_sum(weights, target)
            total = a[:, None] if source is not None else (b[None, :] if target is not None else a)
            return jnp.broadcast_to(total, (self.sources, self.targets))
        a, b = _align(weights, source, target)
        return real_outer(_flat(a), _flat(b))


class IndexedWiring(Wiring):
    """Instance k touches node `indices[p][k]` at port p: gather and scatter-add."""

    indices: tuple[Array, ...]

    def spread(self, x, port):
        return x[..., self.indices[port]]

    def collect(self, f, port, size):
        f = jnp.broadcast_to(f, (*jnp.shape(f)[:-1], *self.indices[port].shape))
        return jnp.zeros((*f.shape[:-1], size), f.dtype).at[..., self.indices[port]].add(f)

    def message(self, coefficient, feature, receiver, size):
        value = coefficient if feature is None else coefficient * self.spread(feature, 1 - receiver)
        return self.collect(jnp.atleast_1d(value), receiver, size)

    def energy(self, coefficient, source, target):
        return _element_product(self, coefficient, source, target).sum(-1)

    def outer(self, source, target, weights):
        shape = self.indices[0].shape
        return jnp.broadcast_to(_element_outer(self, source, target, weights), shape)


class AlignedWiring(Wiring):
    """Instance k touches node k at every port."""

    size: int = eqx.field(static=True)

    def spread(self, x, port):
        return x

    def collect(self, f, port, size):
        return jnp.broadcast_to(f, (*jnp.shape(f)[:-1], size))

    def message(self, coefficient, feature, receiver, size):
        value = coefficient if feature is None else coefficient * feature
        return jnp.broadcast_to(value, (*jnp.shape(value)[:-1], size))

    def energy(self, coefficient, source, target):
        value = _element_product(self, coefficient, source, target)
        return jnp.broadcast_to(value, (*value.shape[:-1], self.size)).sum(-1)

    def outer(self, source, target, weights):
        return jnp.broadcast_to(_element_outer(self, source, target, weights), (self.size,))


def _element_product(wiring: Wiring, coefficient, source, target) -> Array:
    value = jnp.atleast_1d(coefficient)
    for port, x in enumerate((source, target)):
        if x is not None:
            value = value * wiring.spread(x, port)
    if isinstance(wiring, IndexedWiring):
        value = jnp.broadcast_to(value, (*value.shape[:-1], *wiring.indices[0].shape))
    return value


def _element_outer(wiring: Wiring, source, target, weights) -> Array:
    a = None if source is None else wiring.spread(source, 0)
    b = None if target is None else wiring.spread(target, 1)
    if a is None or b is None:
        return _batch_sum(weights, a if b is None else b)
    a, b = _align(weights, a, b)
    if jnp.iscomplexobj(a) or jnp.iscomplexobj(b):
        return jnp.sum((_flat(a) * _flat(b)).real, 0)
    return jnp.einsum("be,be->e", _flat(a), _flat(b))


def wire(pattern: Pattern, sizes: tuple[int, ...]) -> Wiring:
    """The wiring of a pattern between groups of these sizes."""
    if isinstance(pattern, Dense):
        return DenseWiring(*sizes)
    if isinstance(pattern, OneToOne):
        return AlignedWiring(sizes[0])
    if isinstance(pattern, Sparse):
        return IndexedWiring(tuple(jnp.asarray(column) for column in pattern.indices.T))
    raise InternalError(f"no wiring for pattern {pattern!r}")
