"""Reproducing a table of results: its missing entries trained one after the other, resumable."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from physeq.errors import ModelError, SolveError
from physeq.loading import load_system
from physeq.result_record import CHECKPOINT, FAILURE, Places, collect, epochs_done, take_up, without_end
from physeq.result_tables import ResultTable
from physeq.running import run_experiment


@dataclass
class Stop:
    """Says, when called, whether training is to end after the current epoch: time is over, or a signal came.

    Attributes:
        seconds: how long from now; None for no limit.
        asked: set by who wants to stop.

    >>> Stop()(), Stop(seconds=0.0)()
    (False, True)
    """

    seconds: float | None = None
    asked: bool = False
    begin: float = field(default_factory=time.monotonic)

    def __call__(self) -> bool:
        return self.asked or (self.seconds is not None and time.monotonic() - self.begin >= self.seconds)


def run_missing(
    table: ResultTable,
    places: Places,
    *,
    rows: Sequence[str] | None = None,
    seeds: int | None = None,
    epochs: int | None = None,
    stop: Stop | None = None,
    progress: bool = True,
    say: Callable[[str], None] = print,
    after: Callable[[], None] = lambda: None,
) -> dict[str, str]:
    """Train what is missing, seed by seed through all rows, each entry from its last epoch on.

    The state is that of the run folder or one that was handed on (`Places.kept`); without either, training begins anew.

    Args:
        table, places: what, and where.
        rows: names of rows; by default all.
        seeds: how many, from 0; by default the table's.
        epochs: train entries no further than this.
        stop: asked after every epoch; the first entry is trained for one epoch at least.
        progress: a progress bar on standard error.
        say: is told what begins and what cannot be run.
        after: called after every entry, finished or not.

    Returns:
        {row or "row, seed k": why it failed}.

    Raises:
        ModelError: an unknown row; runs or a record made with other settings.
    """
    chosen = table.rows if rows is None else tuple(table.row(name) for name in rows)
    stop = Stop() if stop is None else stop
    record = collect(table, places)
    failures: dict[str, str] = {}
    begun = False
    for seed, row in ((seed, row) for seed in range(seeds or table.seeds) for row in chosen):
        goal = row.experiment.epochs if epochs is None else min(epochs, row.experiment.epochs)
        folder = places.run(table, row.name, seed)
        if row.name in failures or (epochs_done(record, row.name, seed) >= goal and not without_end(folder, goal)):
            continue
        if begun and stop():
            break
        with _claimed(folder) as free:
            done = epochs_done(collect(table, places), row.name, seed) >= goal
            if not free or (done and not without_end(folder, goal)):
                say(f"{row.name}, seed {seed}: another process has it")
                continue
            begun = True
            take_up(places.kept(table, row.name, seed), folder)
            resume = (folder / CHECKPOINT).is_file()
            say(f"{table.name}: {row.name}, seed {seed}, {goal} epochs{' (resumed)' if resume else ''}: {folder}")
            (folder / FAILURE).unlink(missing_ok=True)
            setting = row.experiment.changed(seed=seed, epochs=goal)
            try:
                run_experiment(load_system(row.system), setting, folder, resume=resume, progress=progress, stop=stop)
            except SolveError as error:
                failures[f"{row.name}, seed {seed}"] = str(error)
                (folder / FAILURE).write_text(f"{error}\n", encoding="utf-8")
            except ModelError as error:  # every seed of the row would say the same
                failures[row.name] = str(error)
                say(f"{row.name}: {error}")
        after()
    return failures


@contextlib.contextmanager
def _claimed(folder: Path) -> Iterator[bool]:
    """Hold a run folder; False where another process does. Systems without `fcntl` have no such check."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:
        yield True
        return
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
