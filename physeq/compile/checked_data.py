"""What is refused in what a user hands over: data that are no finite numbers, parameters and states that do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.errors import ModelError


def checked_data(values: Array, what: str) -> Array:
    """The values as they are; NaN and infinities can be seen in concrete data alone.

    Raises:
        ModelError: no sample in the batch, or the first element that is not finite.

    >>> checked_data(np.ones((4, 3)), "target").shape
    (4, 3)
    """
    if 0 in values.shape:
        raise ModelError(f"{what}: shape {values.shape} has no samples; give at least one")
    _check_finite(values, what, "remove or replace NaN and infinite data")
    return values


def _check_finite(values: Any, what: str, mend: str) -> None:
    if not isinstance(values, jax.core.Tracer) and not np.isfinite(np.asarray(values)).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(np.asarray(values)))[0])
        raise ModelError(f"{what}: element {at} is {np.asarray(values)[at]}; {mend}")


def real_array(values: Any, what: str) -> Array:
    """The values as an array of real numbers.

    Raises:
        ModelError: text, objects, rows of several lengths, or complex numbers.

    >>> real_array([[1, 2]], "target").shape
    (1, 2)
    """
    try:
        array = jnp.asarray(values)
    except (TypeError, ValueError):
        raise ModelError(f"{what}: must be an array of numbers, got {type(values).__name__}: {values!r:.60}") from None
    if jnp.iscomplexobj(array):
        raise ModelError(f"{what}: holds complex numbers; give real ones")
    return array


def check_parameters(params: Any, shapes: Mapping[str, Mapping[str, tuple[int, ...]]], floating: bool = False) -> None:
    """Compare names and shapes of parameters with those of a model, {placement: {parameter: shape}}.

    With `floating`, whole numbers are refused too, which have no derivatives.

    Raises:
        ModelError: no dicts, a name that is not known or is missing, an array of another shape, NaN in concrete ones.

    >>> check_parameters({"edges": {"g": np.ones(3)}}, {"edges": {"g": (3,)}})
    """
    _check_names("params", params, shapes)
    for name, own in shapes.items():
        _check_names(f"params[{name!r}]", params[name], own)
        for key, shape in own.items():
            if jnp.shape(params[name][key]) != shape:
                raise ModelError(
                    f"params[{name!r}][{key!r}]: must have shape {shape}, got {jnp.shape(params[name][key])}"
                )
            if floating and not jnp.issubdtype(jnp.result_type(params[name][key]), jnp.floating):
                raise ModelError(
                    f"params[{name!r}][{key!r}]: must hold floating numbers, got {jnp.result_type(params[name][key])}; "
                    "write 1.0 for 1, or pass dtype=float"
                )
            _check_finite(params[name][key], f"params[{name!r}][{key!r}]", "start from model.init_parameters(key)")


def _check_names(what: str, given: Any, known: Mapping) -> None:
    if not isinstance(given, Mapping):
        raise ModelError(
            f"{what}: must be a dict with {_listed(known)}, as model.init_parameters(key) makes it; got {given!r:.60}"
        )
    # An entry without parameters says nothing wrong.
    if unknown := [
        name for name, own in given.items() if name not in known and not (isinstance(own, Mapping) and not own)
    ]:
        raise ModelError(f"{what}: {unknown[0]!r} is not known; there are {_listed(known)}")
    if missing := [name for name in known if name not in given]:
        raise ModelError(f"{what}: {missing[0]!r} is missing; take all of model.init_parameters(key) and change some")


def _listed(names: Mapping) -> str:
    return ", ".join(map(repr, names)) or "none"


def started(values: Any, what: str, size: int, batch: tuple[int, ...]) -> Array:
    """Values to start an unknown of one group from, checked against its nodes and the batch.

    Raises:
        ModelError: no numbers, or a shape that does not fit.

    >>> started([0.0, 1.0], "start", 2, (5,)).shape
    (2,)
    """
    try:
        x = jnp.asarray(values)
        fits = jnp.broadcast_shapes(x.shape[:-1], batch) == batch
    except (TypeError, ValueError):
        x, fits = None, False
    if x is None or not fits or x.shape[-1:] not in ((), (size,)):
        got = repr(values)[:60] if x is None and not hasattr(values, "shape") else f"shape {jnp.shape(values)}"
        raise ModelError(f"{what}: must have shape ({size},){f' or {(*batch, size)}' if batch else ''}, got {got}")
    return x
