"""The examples in docstrings run and print what they say."""

import doctest
import importlib.util
import pkgutil
from pathlib import Path

import pytest
from sympy.core.cache import clear_cache

import physeq


def has_examples(name):
    """Whether a module has some; templates are files of systems to be, and no modules."""
    path = importlib.util.find_spec(name).origin
    return not name.startswith("physeq.templates.") and ">>> " in Path(path).read_text(encoding="utf-8")


MODULES = [found.name for found in pkgutil.walk_packages(physeq.__path__, "physeq.") if has_examples(found.name)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name, capsys):
    clear_cache()
    found = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert not found.failed, capsys.readouterr().out
