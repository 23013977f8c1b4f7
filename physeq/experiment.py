"""Experiments: TOML files beside a system that say what is built, trained on what, and how. Parsed, never executed."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from physeq.data import Dataset, load
from physeq.errors import ModelError
from physeq.interface import Model, System, TrajectoryModel
from physeq.learn import LearningRule
from physeq.names import name_of
from physeq.optimizer import OptimizerSettings
from physeq.registry import build, check_keys, checked
from physeq.solve import Finder
from physeq.toml import write_toml
from physeq.variant import Variant

_SCALARS = {"system": str, "description": str, "seed": int, "epochs": int, "batch_size": int}
_TABLES = ("build", "data", "encode", "trajectories", "rule", "optimizer", "evaluation")
_DATA = {"name": str, "train": int | None, "test": int | None, "holdout": float | None, "directory": str | None}


@dataclass(frozen=True)
class DataSettings:
    """Which data set, and how much of it.

    Attributes:
        name: one of `physeq list`.
        train, test: how many of the first rows of each part; None keeps all.
        holdout: share of the training rows that replaces the test part, to choose hyper-parameters on.
        directory: where the files of sets that are files lie.
    """

    name: str
    train: int | None = None
    test: int | None = None
    holdout: float | None = None
    directory: str | None = None

    def load(self, seed: int = 0) -> Dataset:
        """The data set, cut down."""
        data = load(self.name, self.directory).take(self.train, self.test)
        return data if self.holdout is None else data.holdout(self.holdout, seed=seed)


@dataclass(frozen=True)
class Experiment:
    """One training run in words.

    Attributes:
        name: of the file, without its suffix.
        system: the variant that is built.
        build, encode, trajectories: options of the variant's functions of these names.
        optimizer: None for rules with rates of their own.
        evaluation: finder of predictions and scores, `finder` of the table `[evaluation]`; None for the rule's own.
        table: the parsed file, with what the command line changed.
        source: the file, for messages.
    """

    name: str
    system: str
    description: str
    seed: int
    epochs: int
    batch_size: int
    data: DataSettings
    rule: LearningRule
    optimizer: OptimizerSettings | None
    evaluation: Finder | None
    build: Mapping[str, Any]
    encode: Mapping[str, Any]
    trajectories: Mapping[str, Any]
    table: Mapping[str, Any]
    source: str

    def build_system(self, variant: Variant) -> System:
        """The variant built with this experiment's options."""
        return variant.build(**function_options(variant.build, self.build, f"{self.source}: build"))

    def build_model(self, variant: Variant) -> Model | TrajectoryModel:
        """What is trained: the compiled system, or its trajectories."""
        system = self.build_system(variant)
        if variant.trajectories is None:
            if self.trajectories:
                raise ModelError(f"{self.source}: [trajectories] has options, but {self.system!r} learns equilibria")
            return variant.compile(system)
        where = f"{self.source}: trajectories"
        return variant.compile(system, **function_options(variant.trajectories, self.trajectories, where, skip=1))

    def load_data(self, variant: Variant) -> Dataset:
        """The data as the variant wants them."""
        data = self.data.load()
        if variant.encode is None:
            if self.encode:
                raise ModelError(f"{self.source}: [encode] has options, but the variant {self.system!r} has no encode")
            return data
        return variant.encode(data, **function_options(variant.encode, self.encode, f"{self.source}: encode", skip=1))

    def changed(self, **values: Any) -> Experiment:
        """A copy with other top-level values (`epochs`, `seed`, `rule`, ...); those that are None stay."""
        kept = {key: value for key, value in values.items() if value is not None}
        return parse_experiment({**self.table, **kept}, self.name, self.source)

    def to_toml(self) -> str:
        """The experiment as used, as a TOML file."""
        return write_toml(self.table)


def read_experiment(path: str | Path) -> Experiment:
    """Read an experiment file.

    Raises:
        ModelError: no such file, not TOML, an unknown key or name, a missing key or a value of another type; the
            message names the file and the key.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{path}: is not TOML: {error}") from None
    return parse_experiment(table, path.stem, str(path))


def parse_experiment(table: Mapping[str, Any], name: str, source: str) -> Experiment:
    """Make an experiment of a parsed file; `source` is what messages start with.

    Raises:
        ModelError: as `read_experiment`.

    >>> e = parse_experiment({"system": "layered", "epochs": 2, "data": {"name": "digits"}, "optimizer": {"rate": 0.1},
    ...                       "rule": {"name": "equilibrium-propagation"}}, "small", "small.toml")
    >>> e.seed, e.batch_size, e.optimizer.default
    (0, 20, 0.1)
    """
    check_keys(source, table, [*_SCALARS, *_TABLES])
    scalars = {k: checked(f"{source}: {k}", table[k], kind) for k, kind in _SCALARS.items() if k in table}
    for key in _TABLES:
        if not isinstance(table.get(key, {}), Mapping):
            raise ModelError(f"{source}: {key} must be a table, written [{key}], got {table[key]!r}")
    for key in ("system", "epochs", "data", "rule"):
        if key not in table:
            raise ModelError(f"{source}: needs {'the key' if key in _SCALARS else 'a table'} {key!r}")
    for key, least in (("epochs", 0), ("batch_size", 1), ("seed", 0)):
        if scalars.get(key, least) < least:
            raise ModelError(f"{source}: {key} must be at least {least}, got {scalars[key]}")
    rule = build("rule", table["rule"], f"{source}: rule")
    if rule.moves_weights == ("optimizer" in table):
        raise ModelError(
            f"{source}: {name_of(rule)} has learning rates of its own, under [rule]; leave [optimizer] out"
            if rule.moves_weights
            else f"{source}: needs a table 'optimizer'"
        )
    return Experiment(
        name=name,
        system=scalars["system"],
        description=scalars.get("description", ""),
        seed=scalars.get("seed", 0),
        epochs=scalars["epochs"],
        batch_size=scalars.get("batch_size", 20),
        data=_data(table["data"], f"{source}: data"),
        rule=rule,
        optimizer=(
            OptimizerSettings.parse(table["optimizer"], f"{source}: optimizer") if "optimizer" in table else None
        ),
        evaluation=_evaluation(table.get("evaluation"), f"{source}: evaluation"),
        build=MappingProxyType(dict(table.get("build", {}))),
        encode=MappingProxyType(dict(table.get("encode", {}))),
        trajectories=MappingProxyType(dict(table.get("trajectories", {}))),
        table=MappingProxyType(dict(table)),
        source=source,
    )


def _evaluation(table: Mapping[str, Any] | None, where: str) -> Finder | None:
    if table is None:
        return None
    check_keys(where, table, ["finder"])
    if "finder" not in table:
        raise ModelError(f"{where}: needs the key 'finder'")
    found = build("finder", table["finder"], f"{where}.finder")
    assert isinstance(found, Finder)
    return found


def _data(table: Mapping[str, Any], where: str) -> DataSettings:
    check_keys(where, table, _DATA)
    if "name" not in table:
        raise ModelError(f"{where}: needs the key 'name'")
    return DataSettings(**{key: checked(f"{where}.{key}", value, _DATA[key]) for key, value in table.items()})


def function_options(function: Callable, options: Mapping[str, Any], where: str, skip: int = 0) -> dict[str, Any]:
    """Options for a function, checked against its parameters (the first `skip` aside) and the types of their defaults.

    Raises:
        ModelError: an unknown option, or a value of another type than the default.

    >>> def build(sizes=(6, 8, 3), scale=1.0): ...
    >>> function_options(build, {"sizes": [64, 10], "scale": 2}, "digits.toml: build")
    {'sizes': (64, 10), 'scale': 2.0}
    """
    parameters = list(inspect.signature(function).parameters.values())[skip:]
    known = {p.name: p.default for p in parameters if p.kind is not p.VAR_KEYWORD}
    if len(known) == len(parameters):
        check_keys(where, options, known)
    found = {}
    for key, value in options.items():
        default = known.get(key, inspect.Parameter.empty)
        found[key] = _like(f"{where}.{key}", value, default)
    return found


def _like(where: str, value: Any, default: Any) -> Any:
    kind = type(default)
    if kind not in (bool, int, float, str, tuple):
        return _frozen(value)
    value = checked(where, _frozen(value), kind)
    kinds = {type(entry) for entry in default} if kind is tuple else set()
    if len(kinds) == 1 and (entry := kinds.pop()) in (bool, int, float, str):
        return tuple(checked(f"{where}[{i}]", v, entry) for i, v in enumerate(value))
    return value


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value
