"""Checks of the settings of frozen strategies: numbers in their range, objects of their kind."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import jax
import jax.numpy as jnp

from physeq.errors import ModelError


def finite(
    owner: str,
    name: str,
    value: Any,
    *,
    above: float | None = None,
    least: float | None = None,
    most: float | None = None,
    nonzero: bool = False,
) -> None:
    """Refuse what is not a finite number in the range. Traced values pass: audits run through many with one program.

    Raises:
        ModelError: `owner: name must be a finite number above 0, got ...`.

    >>> finite("Centered", "beta", 0.1, nonzero=True)
    """
    if isinstance(value, jax.core.Tracer):
        return
    scalar = isinstance(value, jax.Array) and value.ndim == 0 and jnp.isrealobj(value)
    number = scalar or (isinstance(value, Real) and not isinstance(value, bool))
    number = number and math.isfinite(value)
    inside = number and (
        (above is None or value > above)
        and (least is None or value >= least)
        and (most is None or value <= most)
        and not (nonzero and value == 0)
    )
    if not inside:
        wanted = [f"above {above:g}"] if above is not None else []
        wanted += [f"of at least {least:g}"] if least is not None else []
        wanted += [f"at most {most:g}"] if most is not None else []
        wanted += ["other than 0"] if nonzero else []
        text = " ".join(["a finite number", " and ".join(wanted)]).strip()
        raise ModelError(f"{owner}: {name} must be {text}, got {value!r}")


def whole(owner: str, name: str, value: Any, least: int, why: str = "") -> None:
    """Refuse what is not a whole number of at least `least`; `why` is added in the message.

    >>> whole("FixedPoint", "steps", 30, least=1)
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ModelError(f"{owner}: {name} must be a whole number of at least {least}{why}, got {value!r}")


def check_tolerance(owner: str, value: Any) -> None:
    """Refuse what is no tolerance: a number of at least 0, or None."""
    if value is not None:
        finite(owner, "tolerance", value, least=0)


def instance(owner: str, name: str, value: Any, kinds: tuple[type, ...], examples: str) -> None:
    """Refuse an object of another kind, with examples of what to pass."""
    if not isinstance(value, kinds):
        raise ModelError(f"{owner}: {name} must be {examples}, got {value!r}")
