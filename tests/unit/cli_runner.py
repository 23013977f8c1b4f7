"""Running the command line in this process, in a folder with one small system, with the precision put back after."""

import json
from pathlib import Path

import jax
import pytest
from small_system import write_system
from typer.testing import CliRunner

from physeq.cli import app


class Shell:
    """Runs commands; `json` also checks that standard output is one JSON object and nothing else."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __call__(self, *arguments: str, status: int = 0):
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == status, result.stderr
        return result

    def json(self, *arguments: str, status: int = 0) -> dict:
        found = json.loads(self(*arguments, status=status).stdout)
        assert isinstance(found, dict) and found["schema"] == 1
        return found


def shell_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell whose current folder has systems/small."""
    if not (folder / "systems").exists():
        write_system(folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    return Shell(folder)


@pytest.fixture
def shell(tmp_path, monkeypatch):
    yield shell_in(tmp_path, monkeypatch)
    jax.config.update("jax_enable_x64", True)
