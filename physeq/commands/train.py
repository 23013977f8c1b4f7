"""`physeq train`: run an experiment into a folder of its own."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from physeq.commands._arguments import AsJson, RuleOption, System, check_rule_name, load
from physeq.commands._shared import Precision, Result, WrongUse, command, note, out, set_precision, wrong_use


@command
def train(
    system: System,
    experiment: Annotated[
        str | None,
        typer.Option("--experiment", metavar="NAME|FILE.toml", help="An experiment beside the system, or a file."),
    ] = None,
    rule: RuleOption = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=0, help="Instead of the experiment's.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Instead of the experiment's.")] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="DIR", help="Go on with the run in this folder.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="The run's folder, by default a new one in ./runs.")
    ] = None,
    precision: Annotated[
        Precision | None, typer.Option("--precision", help="Floating-point type: single, or that of a resumed run.")
    ] = None,
    as_json: AsJson = False,
) -> Result:
    """Train a system as an experiment says; numbers, derived rules and pictures go into the run's folder."""
    from physeq.running import EXPERIMENT, new_folder, run_experiment, saved_environment

    if resume is not None:
        for name, value in (
            ("--experiment", experiment),
            ("--rule", rule),
            ("--seed", seed),
            ("--output", output),
            ("--precision", precision),
        ):
            if value is not None:
                raise WrongUse(f"{name} cannot be changed in a resumed run; leave it out (--epochs may be raised)")
    if rule is not None:
        check_rule_name(rule)
    saved = None
    if resume is not None:
        with wrong_use():
            saved = saved_environment(resume)
    set_precision(Precision(saved["precision"]) if saved else precision or Precision.SINGLE)
    found = load(system)
    if saved is not None and resume is not None:
        setting = dataclasses.replace(_read(resume / EXPERIMENT), name=saved["experiment"])
        if saved["system"] != found.name:
            raise WrongUse(f"{resume} is a run of {saved['system']}, not of {found.name}")
    else:
        setting = _experiment(found, experiment)
    if found.chosen is not None and setting.system != found.chosen:
        raise WrongUse(f"experiment {setting.name!r} is of the variant {setting.system!r}, not {found.chosen!r}")
    if rule is not None:
        setting = setting.changed(rule=_rule_table(rule, setting.table["rule"]))
    setting = setting.changed(epochs=epochs, seed=seed)
    folder = resume or output or new_folder(Path("runs"), found, setting)
    if resume is None and (folder / "checkpoint.eqx").exists():
        raise WrongUse(f"{folder} holds a run already; resume it with --resume, or choose another --output")
    note(f"{found.name}:{setting.system}, experiment {setting.name}: {setting.rule}\nrun folder: {folder}")
    run = run_experiment(found, setting, folder, resume=resume is not None)
    for text in run.notes:
        note(f"not drawn: {text}")
    if not as_json:
        _print(run.metrics)
    return Result(run.metrics)


def _read(path: Path) -> Any:
    from physeq.experiment import read_experiment

    return read_experiment(path)


def _experiment(system: Any, wanted: str | None) -> Any:
    """The experiment meant: a file, a name, or without either the one named digits or the only one that fits."""
    from physeq.registry import choose

    known = system.experiments()
    if wanted is not None:
        if wanted.endswith(".toml"):
            if not Path(wanted).is_file():
                raise WrongUse(f"there is no experiment file {wanted}")
            return _read(Path(wanted))
        with wrong_use():
            choose(f"experiment of {system.name!r}", wanted, known)
        return _read(known[wanted])
    fitting = {name: setting for name, path in known.items() if _fits(setting := _read(path), system)}
    if "digits" in fitting or len(fitting) == 1:
        return fitting.get("digits") or next(iter(fitting.values()))
    if fitting:
        raise WrongUse(f"{system.label} has several experiments; say --experiment with one of {', '.join(fitting)}")
    raise WrongUse(
        f"{system.label} has no experiment: {system.folder} holds no TOML file for it; write one, or give --experiment "
        "FILE.toml"
    )


def _fits(setting: Any, system: Any) -> bool:
    return system.chosen is None or setting.system == system.chosen


def _rule_table(name: str, table: Any) -> dict[str, Any]:
    """The table of another rule, with what it shares with the experiment's; its finder is that of the free phase."""
    from physeq.registry import registry

    old = {"name": table} if isinstance(table, str) else dict(table)
    if old.get("name") == name:
        return old
    fields = {f.name for f in dataclasses.fields(registry()["rule"][name])}
    kept = {key: value for key, value in old.items() if key in fields}
    if "finder" in fields and "free" in old:
        kept.setdefault("finder", old["free"])
    return {"name": name} | kept


def _print(metrics: dict[str, Any]) -> None:
    table = Table("", "train", "test", box=box.SIMPLE_HEAD)
    rows = ("cost", "error_percent", "best_error_percent", "best_cost", "best_epoch")
    for key in rows:
        if key in metrics["train"] or key in metrics["test"]:
            values = [metrics[part].get(key) for part in ("train", "test")]
            table.add_row(key.replace("_", " "), *("" if v is None else f"{v:.5g}" for v in values))
    console = out()
    console.print(table)
    seconds = metrics["seconds"]
    console.print(
        f"{metrics['epochs']} epochs, {metrics['parameters']} parameters, {seconds['total']:.1f} s "
        f"({seconds['per_epoch']:.3g} s an epoch); everything is in {metrics['run_folder']}, "
        "told by its report.html",
        markup=False,
        highlight=False,
    )
