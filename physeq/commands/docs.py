"""`physeq docs`: the pages of systems and of the rules that hold for them, as a site to open from a folder."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from physeq.commands._arguments import AsJson, load
from physeq.commands._shared import SCHEMA, Precision, Result, WrongUse, command, err, note, set_precision


@command
def docs(
    systems: Annotated[
        list[str] | None, typer.Argument(metavar="[SYSTEM[:VARIANT]]...", help="By default all under ./systems.")
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Where the site goes; made where it is missing.")
    ] = Path("site"),
    as_json: AsJson = False,
) -> Result:
    """Write the pages of systems as HTML, Markdown and LaTeX: the physics, and every rule that holds.

    DIR then holds these systems: what an earlier build wrote there and this one does not is deleted.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from physeq.loading import system_folders
    from physeq.report._words import counted
    from physeq.site import build_site

    if output.exists() and not output.is_dir():
        raise WrongUse(f"{output}: is a file; name a folder")
    specs = systems or [str(folder) for folder in system_folders().values()]
    if not specs:
        raise WrongUse("there are no systems in ./systems here; name one, or make one with `physeq new NAME`")
    started = time.perf_counter()
    set_precision(Precision.DOUBLE)
    found = [load(spec) for spec in specs]
    console = err()
    columns = (TextColumn("pages"), MofNCompleteColumn(), BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=sum(len(system.selected()) for system in found))
        site = build_site(found, output, lambda *names: bar.update(task, advance=1, description=":".join(names)))
    seconds = time.perf_counter() - started
    pages = sum(len(entry.pages) for variants in site.values() for entry in variants.values())
    variants = sum(map(len, site.values()))
    size = f"{counted(pages, 'page')} of {counted(variants, 'variant')}"
    note(f"wrote {size} in {seconds:.1f} s: {output / 'index.html'}")
    return Result({"schema": SCHEMA, "output": str(output), "systems": _plain(site), "seconds": seconds})


def _plain(site: Any) -> dict[str, Any]:
    return {
        name: {
            variant: {
                "pages": list(entry.pages),
                "pictures": list(entry.pictures),
                "rules": list(entry.rules),
                "refused": dict(entry.refused),
            }
            for variant, entry in variants.items()
        }
        for name, variants in site.items()
    }
