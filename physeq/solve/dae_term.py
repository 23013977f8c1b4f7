"""Systems M·ẏ = f(t, y) with a constant, possibly singular mass matrix, as a term for diffrax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from physeq.errors import ModelError
from physeq.solve.linear_backend import LinearBackend
from physeq.solve.sparse_matrix import SparsityPattern, static_pattern


class DAETerm(diffrax.ODETerm):
    """M·ẏ = f(t, y, args): rows of M that are zero are algebraic equations 0 = f_i (index 1 at most).

    ∂f/∂y and M have their values on a `SparsityPattern` each, so that M/(hγ) − ∂f/∂y, which Rosenbrock methods solve
    with, costs what its entries cost. `Rodas5P` integrates such a term; other solvers are refused.

    Args:
        vector_field: f, `(t, y, args) -> (n,)`; y is one flat vector.
        mass: `(args) -> values` of M on `mass_pattern`; by default the identity.
        jacobian: `(t, y, args) -> values` of ∂f/∂y on `pattern`; by default found from f by forward derivatives, one
            for each group of columns that share no row.
        pattern: the places where ∂f/∂y may be other than zero; by default all.
        mass_pattern: the places of the values of M; by default those of `pattern`, and the diagonal without `mass`.
        backend: `DenseLU()` or `KLU()`; by default `default_backend(n)`.

    Raises:
        ModelError: a pattern of another kind.

    A source of 1 V charges 2 F through 1 Ω; the current y₁ is algebraic, 0 = 1 − y₀ − y₁:

    >>> import diffrax, jax.numpy as jnp
    >>> from physeq.solve.rodas5p import Rodas5P
    >>> term = DAETerm(
    ...     lambda t, y, args: jnp.stack([y[1], 1 - y[0] - y[1]]),
    ...     mass=lambda args: jnp.array([2.0]),
    ...     pattern=SparsityPattern([0, 0, 1, 1], [0, 1, 0, 1], 2),
    ...     mass_pattern=SparsityPattern([0], [0], 2),
    ... )
    >>> tolerance = diffrax.PIDController(rtol=1e-6, atol=1e-6)
    >>> start = jnp.array([0.0, 1.0])
    >>> solved = diffrax.diffeqsolve(term, Rodas5P(), 0.0, 2.0, None, start, stepsize_controller=tolerance)
    >>> round(float(solved.ys[0, 0]), 4)
    0.6321
    """

    mass: Callable[[Any], Array] | None
    jacobian: Callable[[Any, Array, Any], Array] | None
    pattern: SparsityPattern | None = eqx.field(static=True)
    mass_pattern: SparsityPattern | None = eqx.field(static=True)
    backend: LinearBackend | None = eqx.field(static=True)

    def __init__(
        self,
        vector_field: Callable[[Any, Array, Any], Float[Array, " n"]],
        *,
        mass: Callable[[Any], Array] | None = None,
        jacobian: Callable[[Any, Array, Any], Array] | None = None,
        pattern: SparsityPattern | None = None,
        mass_pattern: SparsityPattern | None = None,
        backend: LinearBackend | None = None,
    ):
        super().__init__(vector_field)
        self.mass, self.jacobian, self.backend = mass, jacobian, backend
        self.pattern = None if pattern is None else static_pattern(pattern, "DAETerm: pattern")
        self.mass_pattern = None if mass_pattern is None else static_pattern(mass_pattern, "DAETerm: mass_pattern")

    def prod(self, vf: Any, control: Any) -> Any:
        """Refused: what diffrax's own solvers would integrate is ẏ = f, without the mass matrix."""
        raise ModelError("DAETerm has a mass matrix, which this solver does not know; use Rodas5P()")

    def patterns(self, size: int) -> tuple[SparsityPattern, SparsityPattern]:
        """The patterns of ∂f/∂y and of M for n = `size` unknowns.

        Raises:
            ModelError: they are for another number of unknowns.
        """
        pattern = SparsityPattern.dense(size) if self.pattern is None else self.pattern
        places = SparsityPattern.diagonal(size) if self.mass is None else self.mass_pattern or pattern
        for name, own in (("pattern", pattern), ("mass_pattern", places)):
            if own.size != size:
                raise ModelError(f"DAETerm: {name} is for {own.size} unknowns and the state has {size}; make them one")
        return pattern, places

    def mass_values(self, args: Any, size: int, dtype: Any) -> Array:
        """The values of M on its pattern."""
        return jnp.ones(size, dtype) if self.mass is None else jnp.asarray(self.mass(args), dtype)

    def jacobian_values(self, t: Any, y: Array, args: Any) -> Array:
        """The values of ∂f/∂y on `pattern`."""
        if self.jacobian is not None:
            return jnp.asarray(self.jacobian(t, y, args), y.dtype)
        return self.patterns(y.size)[0].jacobian(lambda x: self.vf(t, x, args), y)
