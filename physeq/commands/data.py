"""`physeq data`: obtain and verify a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from physeq.commands._arguments import AsJson
from physeq.commands._shared import SCHEMA, Result, command, out, wrong_use


@command
def data(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A data set; `physeq list` has their names.")],
    directory: Annotated[
        Path | None, typer.Option("--directory", help="Where its files go, instead of the cache.")
    ] = None,
    as_json: AsJson = False,
) -> Result:
    """Obtain a data set, verify it, and say where it is."""
    from physeq.data import datasets, load, obtain
    from physeq.registry import choose

    with wrong_use():
        choose("data set", name, datasets())
    folder = obtain(name, directory)
    found = load(name, directory)
    if not as_json:
        out().print(repr(found), markup=False, highlight=False)
        if folder is not None:
            out().print(f"verified in {folder}", markup=False, highlight=False)
    return Result(
        {
            "schema": SCHEMA,
            "name": name,
            "folder": None if folder is None else str(folder),
            "train": len(found.train_inputs),
            "test": len(found.test_inputs),
            "features": found.features,
            "outputs": found.outputs,
            "classes": found.classes,
            "source": found.source,
        }
    )
