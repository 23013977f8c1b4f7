"""What an equilibrium finder is, and helpers that all finders share."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.errors import ModelError
from physeq.settings import check_kinds
from physeq.solve.result import State


@dataclass(frozen=True)
class Finder(ABC):
    """Base class of equilibrium finders: frozen settings, two functions.

    To write your own, subclass it: `check` refuses what it cannot solve, `find` solves. A finder that takes a fixed
    number of steps tells it as `budget`; backpropagation through time goes through it. Fields are checked against their
    annotations; a `__post_init__` of your own checks ranges and calls this one.
    """

    def __post_init__(self):
        check_kinds(self)

    def stepper(self, problem: Any) -> Callable[[State], State] | None:
        """The map old free state → new that the finder iterates, for finders that are one; None otherwise.

        Noise is drawn from the problem's key: fold the number of the step into it before every step.
        """
        return None

    @property
    def noise(self) -> Any:
        """The `GaussianNoise` of the finder's dynamics; None where there is none. With noise, problems need a key."""
        return None

    @property
    def budget(self) -> int | None:
        """The fixed number of steps; None where a tolerance decides."""
        return None

    @property
    def unrolled(self) -> bool:
        """Whether reverse-mode differentiation goes through `find`: a loop of a fixed number of steps."""
        return self.budget is not None

    @abstractmethod
    def check(self, model: Any) -> None:
        """Raise `ModelError`, naming the component and an alternative, where the finder does not fit the model."""

    def check_complex(self, model: Any) -> None:
        """Raise `ModelError` where the finder does not solve for complex states, as holomorphic nudging asks."""
        raise ModelError(
            f"{type(self).__name__} does not solve for complex states; use Newton, FixedPoint, EulerSteps or "
            "Continuation"
        )

    @abstractmethod
    def find(self, problem: Any, free: State) -> tuple[State, Array, Array, Array]:
        """(free state, residual per batch entry, steps, outcome per batch entry) from a starting free state."""


def residual_of(problem: Any, free: State, force: State | None = None) -> Array:
    """The natural residual max |x − clip(x + f)| per batch entry."""
    force = problem.force(free) if force is None else force
    worst = [jnp.max(jnp.abs(r), -1) for r in residuals(problem, free, force)]
    return (
        jnp.broadcast_to(jnp.stack(jnp.broadcast_arrays(*worst)).max(0), problem.batch)
        if worst
        else jnp.zeros(problem.batch)
    )


def residuals(problem: Any, free: State, force: State) -> list[Array]:
    """x − clip(x + f) of every array of unknowns, up to its sign, in the order of flat vectors."""
    result = []
    for group, key, x in entries(free):
        f = force[group][key]
        if key in problem.bounds.get(group, {}):
            # The plain force where no bound acts: x + f − x would lose the digits of a small force.
            moved = problem.clip(group, key, x + f)
            f = problem.mask(group, key, jnp.where(moved == x + f, f, moved - x))
        result.append(f)
    return result


def largest_change(new: State, old: State, batch: tuple[int, ...]) -> Array:
    """max |new − old| per batch entry."""
    changes = [jnp.max(jnp.abs(new[g][k] - old[g][k]), -1) for g in new for k in new[g]]
    return jnp.broadcast_to(jnp.stack(jnp.broadcast_arrays(*changes)).max(0), batch)


def entries(free: State) -> list[tuple[str, str, Array]]:
    """(group, key, values) in the order of flat vectors: by name, as JAX sorts dicts when they pass a "
    "transformation."""
    return [(group, key, free[group][key]) for group in sorted(free) for key in sorted(free[group])]


def flatten(free: State) -> Array:
    """All free unknowns as one vector per batch entry."""
    return jnp.concatenate([x for _, _, x in entries(free)], -1)


def unflatten(vector: Array, like: State) -> State:
    """The inverse of `flatten`."""
    result: State = {}
    at = 0
    for group, key, x in entries(like):
        result.setdefault(group, {})[key] = vector[..., at : at + x.shape[-1]]
        at += x.shape[-1]
    return result


def held_mask(problem: Any, free: State) -> Array:
    """Flat mask of the entries whose value is held."""
    parts = [
        jnp.broadcast_to(problem.clamps[g][k][0], x.shape[-1:])
        if k in problem.clamps.get(g, {})
        else jnp.zeros(x.shape[-1:], bool)
        for g, k, x in entries(free)
    ]
    return jnp.concatenate(parts)


def default_tolerance(dtype: Any) -> float:
    """ε^(2/3) of a floating type: 4e-11 in double, 2e-5 in single precision."""
    return float(jnp.finfo(dtype).eps) ** (2 / 3)


def stiffness(problem: Any, free: State) -> Array:
    """|∂f_i/∂x_i| of every unknown of one sample, or the median of all that are not held, where that is larger.

    What a residual force is judged by: a steep unknown (a saturated unit, a conducting junction) must not loosen what
    the others are held to, and one whose curvatures happen to cancel keeps the scale of the rest.
    """
    own = jnp.abs(flatten(problem.curvature(free)))
    judged = jnp.isfinite(own) & (own > 0)
    middle = jnp.nanmedian(jnp.where(judged & ~held_mask(problem, free), own, jnp.nan))
    middle = jnp.where(jnp.isfinite(middle), middle, 1.0)
    return jnp.where(judged, jnp.maximum(own, middle), middle)


# Matrices of a batch that are kept at once have at most so many entries: 256 MiB in double precision.
_DENSE_ENTRIES = 2**25


def per_sample(problem: Any, free: State, function: Callable, dense: bool = False) -> Any:
    """Map a one-sample function (problem, free) → pytree over the batch of a problem.

    A `dense` function makes a matrix of all unknowns: large batches of large systems then go in parts.
    """
    if not problem.batch:
        return function(problem, free)
    single, mapped = samples(problem, free)
    count, size = math.prod(problem.batch), flatten(free).shape[-1]
    part = max(1, _DENSE_ENTRIES // max(size, 1) ** 2)

    def one(leaves):
        return function(*single(leaves))

    if dense and part < count:
        # Parts of one size where that costs little: an odd last part would be compiled as a program of its own.
        even = max(k for k in range(1, part + 1) if count % k == 0)
        result = jax.lax.map(one, mapped, batch_size=even if 2 * even > part else part)
    else:
        result = jax.vmap(one)(mapped)
    return jax.tree.map(lambda x: x.reshape(*problem.batch, *x.shape[1:]), result)


def samples(problem: Any, free: State) -> tuple[Callable, Any]:
    """(function leaves of one sample → (problem, free), leaves with the batch flattened to one leading axis)."""
    batch = problem.batch

    def spread(x, trailing):
        shape = jnp.shape(x)[jnp.ndim(x) - trailing :]
        return jnp.broadcast_to(x, (*batch, *shape)).reshape(-1, *shape)

    def tree(values, trailing=1):
        return jax.tree.map(lambda x: spread(x, trailing), values)

    mapped = (
        tree(problem.held),
        tree({g: {k: c[1] for k, c in own.items()} for g, own in problem.clamps.items()}),
        tree(problem.drives),
        {name: tree(own, problem.element_axes(name)) for name, own in problem.signals.items()},
        None if problem.target is None else spread(problem.target, 1),
        spread(problem.beta, 0),
        tree(problem.static_messages),
        tree(free),
        None if problem.key is None else jax.random.split(problem.key, math.prod(batch)),
        {name: tree(state) for name, state in problem.companions.items()},
    )

    def single(leaves):
        held, clamps, drives, signals, target, beta, static, start, key, companions = leaves
        one = dataclasses.replace(
            problem,
            held=held,
            clamps={g: {k: (problem.clamps[g][k][0], c) for k, c in own.items()} for g, own in clamps.items()},
            drives=drives,
            signals=signals,
            target=target,
            beta=beta,
            static_messages=static,
            batch=(),
            key=key,
            **companions,
        )
        return one, start

    return single, mapped


def refuse_bounds(model: Any, name: str) -> None:
    """Refuse a model with bounds, naming the component."""
    bounded = model.derivation.structure.bounded
    if bounded:
        raise ModelError(
            f"{name} cannot honour the bounds of {bounded[0]!r}; use NodeDescent, Newton, FixedPoint or Relaxation"
        )


def require_energy(model: Any, name: str) -> None:
    """Refuse a model that is not conservative, naming the certificate."""
    structure = model.derivation.structure
    if not structure.conservative:
        why = structure.certificates[0] if structure.certificates else None
        reason = f": {why.component!r} in {why.placement!r} is not reciprocal, {why.formula}" if why else ""
        raise ModelError(
            f"{name} needs an energy, and this system has none{reason}; use Newton, FixedPoint or Relaxation"
        )
