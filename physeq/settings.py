"""Checks of the settings of frozen strategies: numbers in their range, objects of their kind."""

from __future__ import annotations

import dataclasses
import inspect
import math
import types
import typing
from collections.abc import Mapping
from enum import Enum
from functools import cache
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


def check_kinds(strategy: Any) -> None:
    """Refuse fields of a frozen record that are not of the kind that their annotations say; ranges are not looked at.

    Raises:
        ModelError: `Owner: field must be ..., got ...`, with the objects that the annotation allows.

    >>> from physeq.solve import FixedPoint
    >>> check_kinds(FixedPoint(30))
    """
    owner: Any = type(strategy)
    for name, annotation in _annotations(owner).items():
        value, options = getattr(strategy, name), _options(annotation)
        if isinstance(value, jax.core.Tracer) or any(_is_kind(value, option) for option in options):
            continue
        wanted = ", ".join(dict.fromkeys(_worded(option) for option in options))
        wanted = " or".join(wanted.rsplit(",", 1))
        hint = f"; call it: {_call(value)}" if isinstance(value, type) and dataclasses.is_dataclass(value) else ""
        raise ModelError(f"{owner.__name__}: {name} must be {wanted}, got {value!r}{hint}")


@cache
def _annotations(owner: type) -> dict[str, Any]:
    """{field: annotation} of the fields that are given; none where a name in them cannot be looked up."""
    try:
        hints = typing.get_type_hints(owner)
    except NameError:  # a class made inside a function, of names that are known there alone
        return {}
    return {f.name: hints[f.name] for f in dataclasses.fields(owner) if f.init}


def _options(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return tuple(option for part in typing.get_args(annotation) for option in _options(part))
    return (annotation,)


def _is_kind(value: Any, option: Any) -> bool:
    option = typing.get_origin(option) or option
    if option is Any or not isinstance(option, type):  # Any is a class
        return True
    if option is float:
        scalar = isinstance(value, jax.Array) and value.ndim == 0 and jnp.isrealobj(value)
        return scalar or (isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value))
    if option is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    return isinstance(value, option)


def _worded(option: Any) -> str:
    option = typing.get_origin(option) or option
    plain = {float: "a finite number", int: "a whole number", bool: "True or False", types.NoneType: "None"}
    if option in plain or issubclass(option, Mapping):
        return plain.get(option, "a dict")
    if issubclass(option, Enum):
        return ", ".join(map(str, option))
    if not inspect.isabstract(option):
        return _call(option)
    examples = [_call(cls) for cls in option.__subclasses__() if not inspect.isabstract(cls)]
    return f"a {option.__name__} such as {' and '.join(examples[:2])}"


def _call(cls: type) -> str:
    """How an object of a dataclass is made, with what it needs: Newton(), Centered(beta)."""
    missing = dataclasses.MISSING
    needed = [f.name for f in dataclasses.fields(cls) if f.init and f.default is missing is f.default_factory]
    return f"{cls.__name__}({', '.join(needed)})"
