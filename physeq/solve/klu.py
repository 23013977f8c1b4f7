"""KLU, a sparse LU factorisation for circuit matrices, as JAX operations (the optional package klujax, on the CPU).

Davis and Palamadai Natarajan 2010, "Algorithm 907: KLU". klujax keeps the numeric factors outside JAX, as addresses
that nobody frees inside a compiled function. Two ways are safe, and this file offers no other:

- one call factorises, solves and frees (`solve`);
- factors live inside one opaque operation that makes them, solves with them and frees them (`opaque`, `factor`,
  `solve_factored`, `release`). No transformation of JAX may look into it: taken apart, the part that frees could be
  dropped, or run before the part that solves. XLA in turn keeps calls with side effects as they stand.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive, jaxpr_as_fun
from jax.interpreters import batching, mlir
from jaxtyping import Array
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from physeq.errors import ModelError
from physeq.solve.sparse_matrix import SparsityPattern


@cache
def klujax() -> Any:
    """The module klujax, with JAX's settings left as they were: importing it alone turns on double precision.

    Raises:
        ModelError: it is not installed.
    """
    settings = {name: jax.config.values[name] for name in ("jax_enable_x64", "jax_platform_name")}
    try:
        module = importlib.import_module("klujax")
    except ImportError as error:
        raise ModelError('KLU() needs klujax: pip install "physeq[sparse]", or use DenseLU()') from error
    finally:
        for name, value in settings.items():
            jax.config.update(name, value)
    native = importlib.import_module("klujax_cpp")
    if hasattr(native, "free_numeric"):
        jax.ffi.register_ffi_target("physeq_klu_free_numeric", native.free_numeric(), platform="cpu")
    return module


def installed() -> bool:
    """Whether klujax can be imported."""
    return importlib.util.find_spec("klujax") is not None


@cache
def can_release() -> bool:
    """Whether this klujax has an operation that frees factors, so that the stages of a step may share them."""
    klujax()
    return hasattr(importlib.import_module("klujax_cpp"), "free_numeric")


class Analysis:
    """The symbolic analysis of one pattern; compiled programs hold its address, so that it lives for ever.

    Raises:
        ModelError: the matrix is singular whatever its values.
    """

    def __init__(self, pattern: SparsityPattern):
        self.rows, self.columns, self.size = pattern.rows, pattern.columns, pattern.size
        shape = (self.size, self.size)
        graph = csr_array((np.ones(len(self.rows)), (self.rows, self.columns)), shape)
        partner = maximum_bipartite_matching(graph, perm_type="column")
        if (partner < 0).any():
            raise ModelError(
                f"KLU(): the pattern is singular for all values (row {int(np.flatnonzero(partner < 0)[0])} has no "
                "pivot); add the missing entries, or remove the redundant equation"
            )
        # A permutation matrix on the pattern, in the place of matrices that KLU would stop at.
        self.regular = (partner[self.rows] == self.columns).astype(np.float64)
        with jax.ensure_compile_time_eval():
            self.owner = klujax().analyze(jnp.asarray(self.rows), jnp.asarray(self.columns), self.size)
        self.address = np.uint64(self.owner.raw)


@cache
def analysis(pattern: SparsityPattern) -> Analysis:
    """The analysis of a pattern without duplicates, made once."""
    return Analysis(pattern)


def _call(target: str, shape: tuple[int, ...], dtype: Any, *operands: Any, effect: bool = False) -> Array:
    return jax.ffi.ffi_call(target, jax.ShapeDtypeStruct(shape, dtype), has_side_effect=effect)(*operands)


def _solve(values: Array, right: Array, *, of: Analysis, transpose: bool) -> Array:
    target = "tsolve_with_symbol_f64" if transpose else "solve_with_symbol_f64"
    return _call(target, right.shape, right.dtype, of.rows, of.columns, values, right, of.address)


def _factor(values: Array, *, of: Analysis) -> Array:
    return _call("factor_f64", values.shape[:1], jnp.uint64, of.rows, of.columns, values, of.address, effect=True)


def _solve_factored(factors: Array, right: Array, *, of: Analysis) -> Array:
    return _call("solve_with_numeric_f64", right.shape, right.dtype, of.address, factors, right)


def _release(factors: Array, last: Array) -> Array:
    # XLA orders calls by their data alone, and drops barriers when it compiles: the addresses must read the last
    # solution. Half of 0 or 1 is nothing, which the simplifier does not see.
    after = (last[0, 0, 0] > 0).astype(jnp.uint64) >> 1
    done = _call("physeq_klu_free_numeric", (1,), jnp.int32, factors + after, effect=True)
    return (done[0] >> 1).astype(last.dtype)


def _primitive(name: str, function: Callable, shape: Callable) -> Primitive:
    """An operation on (one per matrix, (matrices, n, right-hand sides)) that batches by more of either."""
    primitive = Primitive(name)
    primitive.def_impl(lambda *operands, **static: jax.jit(partial(function, **static))(*operands))
    primitive.def_abstract_eval(lambda *operands, **_: jax.core.ShapedArray(*shape(*operands)))
    mlir.register_lowering(primitive, mlir.lower_fun(function, multiple_results=False), platform="cpu")

    def batch(operands, axes, **static):
        count = next(x.shape[a] for x, a in zip(operands, axes, strict=True) if a is not None)
        if axes[0] is None:
            # One matrix, many right-hand sides.
            first, right = operands[0], jnp.moveaxis(operands[1], axes[1], -1)
            out = primitive.bind(first, right.reshape(*right.shape[:2], -1), **static)
            return (jnp.moveaxis(out.reshape(right.shape), -1, 0), 0) if out.ndim else (out, None)
        full = [
            jnp.broadcast_to(x, (count, *x.shape)) if a is None else jnp.moveaxis(x, a, 0)
            for x, a in zip(operands, axes, strict=True)
        ]
        out = primitive.bind(*(x.reshape(-1, *x.shape[2:]) for x in full), **static)
        return (out.reshape(count, -1, *out.shape[1:]), 0) if out.ndim else (out, None)

    batching.primitive_batchers[primitive] = batch
    return primitive


_solve_p = _primitive("klu_solve", _solve, lambda values, right: (right.shape, right.dtype))
_factor_p = _primitive("klu_factor", _factor, lambda values: (values.shape[:1], jnp.uint64))
_solve_factored_p = _primitive("klu_solve_factored", _solve_factored, lambda factors, right: (right.shape, right.dtype))
_release_p = _primitive("klu_release", _release, lambda factors, last: ((), last.dtype))


def finite(values: Array, of: Analysis) -> tuple[Array, Array]:
    """The values, or those of a permutation where one is not finite, and 0 or NaN to add to what is solved with them.

    KLU finds no pivot among numbers that are not finite, and an operation that fails ends the whole program.
    """
    good = jnp.isfinite(values).all()
    return jnp.where(good, values, of.regular), jnp.where(good, 0.0, jnp.nan)


def solve(values: Array, right: Array, of: Analysis, transpose: bool = False) -> Array:
    """A⁻¹·right or A⁻ᵀ·right, `(n,)`: factorise, solve and free in one call."""
    return _solve_p.bind(values[None], right[None, :, None], of=of, transpose=transpose)[0, :, 0]


def factor(values: Array, of: Analysis) -> Array:
    """The address of new factors; inside `opaque` only, and each to be given to `release`."""
    return _factor_p.bind(values[None], of=of)


def solve_factored(factors: Array, right: Array, of: Analysis) -> Array:
    """A⁻¹·right with factors of `factor`."""
    return _solve_factored_p.bind(factors, right[None, :, None], of=of)[0, :, 0]


def release(factors: Array, last: Array, result: Array) -> Array:
    """Free the factors when `last`, the last solution made with them, is there; `result` unchanged, but after that."""
    return result + _release_p.bind(factors, last[None, :, None])


_opaque_p = Primitive("klu_opaque")
_opaque_p.multiple_results = True
_opaque_p.def_impl(lambda *operands, jaxpr: jax.jit(jaxpr_as_fun(jaxpr))(*operands))
_opaque_p.def_abstract_eval(lambda *_, jaxpr: jaxpr.out_avals)
mlir.register_lowering(
    _opaque_p,
    mlir.lower_fun(lambda *operands, jaxpr: jaxpr_as_fun(jaxpr)(*operands), multiple_results=True),
    platform="cpu",
)


def _batch_opaque(operands, axes, *, jaxpr):
    mapped = jax.vmap(jaxpr_as_fun(jaxpr), in_axes=axes, out_axes=0)
    out = _opaque_p.bind(*operands, jaxpr=jax.make_jaxpr(mapped)(*operands))
    return out, [0] * len(out)


batching.primitive_batchers[_opaque_p] = _batch_opaque


def opaque(function: Callable[..., Array], *operands: Any) -> Array:
    """function(*operands) as one operation that no transformation splits; it has no derivative of its own."""
    leaves, tree = jax.tree.flatten(operands)
    jaxpr = jax.make_jaxpr(lambda *flat: function(*jax.tree.unflatten(tree, flat)))(*leaves)
    (out,) = _opaque_p.bind(*leaves, jaxpr=jaxpr)
    return out
