"""The progress bar of a training run, on stderr."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress


class Progress:
    """A bar with the last epoch's figures; does nothing when not wanted."""

    def __init__(self, epochs: int, wanted: bool, done: int = 0):
        self._bar = RichProgress(
            TextColumn("epoch"),
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not wanted,
        )
        self._task = self._bar.add_task("", total=epochs, completed=done)

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._bar.stop()

    def show(self, record: dict) -> None:
        """Advance by one epoch."""
        parts = [f"cost {_format(record['running_cost'])}"]
        if "test_error_percent" in record:
            parts.append(f"test error {_format(record['test_error_percent'])} %")
        elif "test_cost" in record:
            parts.append(f"test cost {_format(record['test_cost'])}")
        if record.get("left_basin_percent"):
            parts.append(f"[red]{record['left_basin_percent']:.0f} % of nudged phases left their basin: lower β[/red]")
        self._bar.update(self._task, advance=1, description=", ".join(parts))


def _format(value: Any) -> str:
    return " ".join(f"{v:.4g}" for v in value) if isinstance(value, list) else f"{value:.4g}"
