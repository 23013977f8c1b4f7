"""What is shipped: the package and nothing else."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_only_physeq_goes_into_the_wheel():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert settings["tool"]["hatch"]["build"]["targets"]["wheel"] == {"packages": ["physeq"]}


def test_names_of_test_files_are_unique():
    """There are no packages under tests/, so two files of one name would shadow each other."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert len(names) == len(set(names)) > 20
