"""docs/command-line.md: the experiment in it is one, and it names every key and every command that there is."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from physeq import experiment, result_tables
from physeq.experiment import parse_experiment
from physeq.loading import load_system

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "command-line.md").read_text(encoding="utf-8")
sys.path.insert(0, str(DOCS / "_ext"))
EXAMPLE = TEXT.split("```toml\n")[1].split("```")[0]


def test_the_experiment_is_whole_and_fits_its_system():
    table = tomllib.loads(EXAMPLE)
    assert set(table) == {*experiment._SCALARS, *experiment._TABLES} - {"trajectories"}
    assert "`[trajectories]`" in TEXT
    assert set(table["data"]) == set(experiment._DATA)
    found = parse_experiment(table, "example", "docs/command-line.md")
    model = found.build_model(load_system("systems/hopfield").variants[found.system])
    found.optimizer.build().build(model, 1)  # every rate names a placement or a parameter
    for finder in (found.rule.free, found.rule.nudged, found.evaluation):
        finder.check(model)


def test_every_key_of_a_table_is_there():
    section = TEXT.split("## Tables of results")[1]
    named = set(re.findall(r"`\[*([a-z_]+)\]*`", section))
    assert {*result_tables._TEXTS, *result_tables._ROW, "compared", "seeds", "precision", "overrides", "rows"} <= named


def test_every_command_and_option_gets_a_row():
    pytest.importorskip("sphinx")
    import command_line

    found = command_line.commands()
    assert {"physeq derive", "physeq train", "physeq reproduce", "physeq netlist export"} <= set(found)
    for path, command in found.items():
        lines = command_line.section(path, command)
        rows = [line for line in lines if line.startswith("| `")]
        assert len(rows) == len([p for p in command.params if p.name != "help"])
        assert all(cell.strip() for row in rows for cell in re.split(r"(?<!\\)\|", row)[1:-1]), path
