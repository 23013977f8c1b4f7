"""The command line: `physeq COMMAND`. Exit status 0 done, 1 the check or run failed, 2 wrong use."""

from __future__ import annotations

from typing import Annotated

import typer

from physeq.commands.check import check
from physeq.commands.data import data
from physeq.commands.derive import derive
from physeq.commands.docs import docs
from physeq.commands.listing import list_
from physeq.commands.netlist import netlist
from physeq.commands.new import new
from physeq.commands.reproduce import reproduce
from physeq.commands.simulate import simulate
from physeq.commands.train import train

app = typer.Typer(
    name="physeq",
    help="Write the physics once, in symbols: get the simulator, the learning rule, its audit and its documentation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a fault of physeq's own is reported with its whole traceback
    rich_markup_mode=None,
)
app.command("derive")(derive)
app.command("docs")(docs)
app.command("simulate")(simulate)
app.command("check")(check)
app.command("train")(train)
app.command("reproduce")(reproduce)
app.add_typer(netlist, name="netlist")
app.command("list")(list_)
app.command("data")(data)
app.command("new")(new)


def _version(wanted: bool) -> None:
    if wanted:
        from physeq import __version__

        print(f"physeq {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Write the physics once, in symbols: get the simulator, the learning rule, its audit and its documentation."""


def main() -> None:
    """The entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
