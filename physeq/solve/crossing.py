"""Events that end a motion: a quantity that reaches a level, and the search for the time at which it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx
from jaxtyping import Array

from physeq.compile.motion import BoundMotion
from physeq.compile.motion_observe import observe, quantity
from physeq.errors import ModelError
from physeq.solve.rest import rates


@dataclass(frozen=True)
class Crossing:
    """An event that ends a motion: a quantity reaches a level.

    Attributes:
        name: of the quantity, as in `Solution`; one number (of one node or element).
        level: where it ends.
        rising: True for upward crossings alone, False for downward ones, None for both.

    >>> Crossing("out.v", 0.5)
    Crossing(name='out.v', level=0.5, rising=None)
    """

    name: str
    level: float = 0.0
    rising: bool | None = None


def crossing_value(bound: BoundMotion, event: Crossing, t: Array, y: Array) -> Array:
    """The quantity of an event in the state y.

    Raises:
        ModelError: it has one value per node or element of several.
    """
    wanted = quantity(bound, event.name)
    value = observe(bound, wanted, t, y, rates(bound, t, y) if wanted.needs_rates else jnp.zeros_like(y))
    if value.size != 1:
        raise ModelError(
            f"Crossing: {event.name!r} has {value.size} values, and one of them must end the motion; name that node or "
            "element"
        )
    return value.reshape(())


def direction(bound: BoundMotion, event: Crossing, t: Array, y: Array) -> Array:
    """Where the quantity goes from here: its first derivative in time along the motion, where that is 0 its second."""

    def slope(value: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
        return lambda t, y: jax.jvp(value, (t, y), (jnp.ones_like(t), rates(bound, t, y)))[1]

    first = slope(lambda t, y: crossing_value(bound, event, t, y))
    return jnp.where((speed := first(t, y)) == 0, slope(first)(t, y), speed)


class _Bracket(eqx.Module):
    """Times between which the quantity crosses, upwards where it `rises`; `first` is their first distance."""

    low: Array
    high: Array
    rises: Array
    first: Array


class Bisection(optx.AbstractRootFinder):
    """Halve the step in which a quantity crosses its level, down to rounding, whatever the units and the precision.

    Needs the options `lower` and `upper`, which diffrax gives.
    """

    rtol: float  # not used: rounding ends the search
    atol: float
    norm: Callable = jnp.abs

    def init(self, fn, y, args, options, f_struct, aux_struct, tags) -> _Bracket:
        low, high = (jnp.asarray(options[end], y.dtype) for end in ("lower", "upper"))
        return _Bracket(low, high, fn(low, args)[0] < fn(high, args)[0], high - low)

    def step(self, fn, y, args, options, state: _Bracket, tags) -> tuple[Array, _Bracket, Any]:
        middle = state.low + (state.high - state.low) / 2
        value, aux = fn(middle, args)
        before = (value < 0) == state.rises
        low, high = jnp.where(before, middle, state.low), jnp.where(before, state.high, middle)
        return high, _Bracket(low, high, state.rises, state.first), aux

    def terminate(self, fn, y, args, options, state: _Bracket, tags) -> tuple[Array, optx.RESULTS]:
        rounding = jnp.finfo(state.low.dtype).eps * jnp.maximum(state.first, jnp.abs(state.high))
        done: Any = optx.RESULTS.successful
        return state.high - state.low <= rounding, done

    def postprocess(self, fn, y, aux, args, options, state, tags, result) -> tuple[Array, Any, dict[str, Any]]:
        return y, aux, {}
