"""Strategies by name: the one list that experiment files, `physeq list` and the documentation read.

Nothing is listed by hand: rules and finders are the classes that `physeq.learn` and `physeq.solve` export, and what a
field of theirs may hold (nudgings, nudge modes, linear methods, minimisers) is read off its annotation.
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import types
import typing
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import cache
from typing import Any

from physeq import learn, solve
from physeq.errors import ModelError
from physeq.names import kebab


def _exported(module: types.ModuleType, base: type) -> tuple[type, ...]:
    found = [x for x in vars(module).values() if isinstance(x, type) and issubclass(x, base)]
    return tuple(dict.fromkeys(cls for cls in found if not inspect.isabstract(cls)))


@cache
def registry() -> dict[str, dict[str, type]]:
    """{kind: {name: class}} of everything that can be named in an experiment.

    >>> sorted(registry()["nudging"])
    ['centered', 'holomorphic', 'one-sided', 'random-sign']
    """
    kinds = {
        "rule": _exported(learn, learn.LearningRule),
        "finder": _exported(solve, solve.Finder),
        "nudging": _choices(learn.LagrangianEP, "nudging"),
        "trajectory solver": _exported(solve, solve.TrajectorySolver),
        "nudge mode": _choices(solve.FixedPoint, "nudge"),
        "linear method": _choices(solve.LinearSolve, "method"),
        "minimiser": _choices(solve.Minimise, "method"),
        "relaxation method": _choices(solve.Relaxation, "method"),
        "noise": _choices(solve.FixedPoint, "noise"),
    }
    return {kind: {kebab(cls.__name__): cls for cls in classes} for kind, classes in kinds.items()}


def build(kind: str, table: Any, where: str = "") -> Any:
    """Build a frozen strategy from plain data.

    Args:
        kind: a kind of `registry()`.
        table: a name, or a table {"name": name, field: value, ...} whose values may be tables of strategies.
        where: what messages start with, such as the file and the table's place in it.

    Raises:
        ModelError: an unknown name or key (with those that exist), a value of another type, a missing key, or what the
            strategy itself refuses.

    >>> build("nudging", {"name": "centered", "beta": 0.1})
    Centered(beta=0.1)
    """
    return _build(registry()[kind], kind, table, where or kind)


def choose(what: str, name: Any, known: Iterable[str]) -> str:
    """`name`, if it is one of `known`; ModelError naming the alternatives and the closest of them otherwise."""
    names = list(known)
    if isinstance(name, str) and name in names:
        return name
    raise ModelError(f"{what} {name!r} is not known.{suggestion(name, names)} Known: {', '.join(names) or 'none'}.")


def suggestion(name: Any, known: Iterable[str]) -> str:
    """The words " Did you mean ...?" with the closest known name, or nothing."""
    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def check_keys(where: str, table: Mapping[str, Any], allowed: Iterable[str]) -> None:
    """ModelError for the first key of a table that is not allowed."""
    for key in table:
        choose(f"{where}: key", key, allowed)


def checked(where: str, value: Any, annotation: Any) -> Any:
    """A plain value converted to what an annotation asks for (whole numbers to floats, lists to tuples, tables).

    Raises:
        ModelError: the value is of another type.

    >>> checked("beta", 1, float), checked("steps", None, int | None)
    (1.0, None)
    """
    options = _options(annotation)
    classes: list[type] = [cls for cls in options if isinstance(cls, type) and dataclasses.is_dataclass(cls)]
    if classes and isinstance(value, Mapping | str):
        named = {kebab(c.__name__): c for cls in classes for c in _concrete(cls)}
        return _build(named, where.rpartition(".")[2], value, where)
    for option in options:
        if typing.get_origin(option) is Mapping and isinstance(value, Mapping):
            entry = typing.get_args(option)[1]
            return {key: checked(f'{where}."{key}"', found, entry) for key, found in value.items()}
        if (result := _as(value, option)) is not _MISMATCH:
            return result
    wanted = [_wording(option) for option in options if option is not type(None) and option not in classes]
    if classes:
        names = ", ".join(kebab(c.__name__) for cls in classes for c in _concrete(cls))
        wanted.append(f'a name or a table {{ name = "...", ... }} with a name among {names}')
    raise ModelError(f"{where} must be {' or '.join(dict.fromkeys(wanted))}, got {value!r}")


_MISMATCH = object()


def _as(value: Any, option: Any) -> Any:
    origin = typing.get_origin(option) or option
    if option is type(None):
        return None if value is None else _MISMATCH
    if isinstance(option, type) and issubclass(option, Enum):
        return next((member for member in option if member.value == value), _MISMATCH)
    if origin is tuple:
        return tuple(value) if isinstance(value, list | tuple) else _MISMATCH
    if option is float:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return float(value) if whole or isinstance(value, float) else _MISMATCH
    if option in (int, bool, str):
        return value if type(value) is option else _MISMATCH
    return _MISMATCH


def _wording(option: Any) -> str:
    if isinstance(option, type) and issubclass(option, Enum):
        return "one of " + ", ".join(repr(member.value) for member in option)
    origin = typing.get_origin(option) or option
    words: dict[Any, str] = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    words |= {tuple: "a list", Mapping: "a table"}
    return words.get(origin, str(option))


def _build(named: Mapping[str, type], kind: str, table: Any, where: str) -> Any:
    table = {"name": table} if isinstance(table, str) else table
    if not isinstance(table, Mapping):
        raise ModelError(f'{where} must be a name or a table {{ name = "...", ... }}, got {table!r}')
    if "name" not in table and len(named) > 1:
        raise ModelError(f"{where} has no key 'name'; give it one of {', '.join(named)}")
    cls = named[choose(f"{where}: {kind}", table.get("name", next(iter(named))), named)]
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}
    check_keys(where, table, ["name", *fields])
    values = {key: checked(f"{where}.{key}", value, hints[key]) for key, value in table.items() if key != "name"}
    for key, f in fields.items():
        if key not in values and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise ModelError(f"{where}: {kebab(cls.__name__)} needs the key {key!r}")
    try:
        return cls(**values)
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from None


def _options(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return tuple(option for part in typing.get_args(annotation) for option in _options(part))
    return (annotation,)


def _concrete(cls: type) -> tuple[type, ...]:
    """A concrete class itself; of an abstract one, what the packages export."""
    if not inspect.isabstract(cls):
        return (cls,)
    return _exported(solve, cls) + _exported(learn, cls)


def _choices(owner: type, name: str) -> tuple[type, ...]:
    options: tuple[type, ...] = _options(typing.get_type_hints(owner)[name])
    return tuple(c for option in options if dataclasses.is_dataclass(option) for c in _concrete(option))
