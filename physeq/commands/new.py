"""`physeq new`: a system folder to start from."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from physeq.commands._arguments import AsJson
from physeq.commands._shared import SCHEMA, Result, WrongUse, command, out

FILES = ("model.py", "facts.py", "digits.toml")


@command
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A new name under ./systems.")],
    as_json: AsJson = False,
) -> Result:
    """Make a system folder that runs: a model, its closed forms, and an experiment on digits."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name) is None:
        raise WrongUse(f"the name must be letters, digits, - and _, starting with a letter; got {name!r}")
    folder = Path("systems") / name
    if folder.exists():
        raise WrongUse(f"{folder} exists already; choose another name")
    folder.mkdir(parents=True)
    template = resources.files("physeq") / "templates" / "system"
    for file in FILES:
        text = (template / file).read_text(encoding="utf-8").replace("SYSTEM_NAME", name)
        (folder / file).write_text(text, encoding="utf-8")
    if not as_json:
        console = out()
        console.print(f"made {folder} with {', '.join(FILES)}; now try", markup=False, highlight=False)
        for line in (f"derive {name}", f"check {name}", f"train {name}"):
            console.print(f"  physeq {line}", markup=False, highlight=False)
    return Result({"schema": SCHEMA, "name": name, "folder": str(folder), "files": list(FILES)})
