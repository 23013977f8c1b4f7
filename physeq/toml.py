"""Writing TOML, which Python's standard library only reads."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from physeq.errors import ModelError


def write_toml(table: Mapping[str, Any]) -> str:
    """A TOML file of plain data (texts, numbers, truth values, lists, tables); None is left out.

    >>> print(write_toml({"seed": 0, "data": {"name": "digits"}, "optimizer": {"rates": {"a->b": 0.5}}}), end="")
    seed = 0
    <BLANKLINE>
    [data]
    name = "digits"
    <BLANKLINE>
    [optimizer.rates]
    "a->b" = 0.5
    """
    lines: list[str] = []
    _section(lines, (), table)
    return "\n".join(lines) + "\n"


def _section(lines: list[str], path: tuple[str, ...], table: Mapping[str, Any]) -> None:
    plain = {k: v for k, v in table.items() if not isinstance(v, Mapping) and v is not None}
    # Tables that name a strategy stay on one line, as they are usually written by hand.
    inline = {k: v for k, v in table.items() if isinstance(v, Mapping) and path and "name" in v}
    nested = {k: v for k, v in table.items() if isinstance(v, Mapping) and k not in inline}
    if path and (plain or inline or not nested):
        lines += ["", f"[{'.'.join(map(_key, path))}]"]
    lines += [f"{_key(k)} = {_value(v)}" for k, v in (plain | inline).items()]
    for key, value in nested.items():
        _section(lines, (*path, key), value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _text(key)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    raise ModelError(f"cannot be written as TOML: {value!r}")
