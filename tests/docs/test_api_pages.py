"""Every public name is on a page of the reference, with words."""

import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

import physeq

ROOT = Path(__file__).parents[2]
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in [ROOT / "docs/api.md", *(ROOT / "docs/api").glob("*.md")])
MODULES = re.findall(r"^\.\. automodule:: (physeq\S*)$", TEXT, re.MULTILINE)
ALONE = set(re.findall(r"^\.\. (?:autoclass|autofunction|py:data):: (physeq\S*)$", TEXT, re.MULTILINE))
# What belongs to the command line, and what pages are made with, is no interface for programs.
INTERNAL = {"commands", "page_verification", "summaries", "templates"}
IMPORT = re.compile(r"^from \S+ import \w+ as (\w+)$", re.MULTILINE)


def exported(module):
    """Names that a package offers: those that it imports `as` themselves, and of a module its own."""
    path = Path(module.__file__)
    if path.name == "__init__.py":
        names = IMPORT.findall(path.read_text(encoding="utf-8"))
        # The packages of components list what they offer in other ways too.
        return set(names) or {name for name in vars(module) if not name.startswith("_")}
    own = {name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    return {name for name in own if not name.startswith("_")}


def shown(module_name, name):
    """Whether autodoc shows a name of a module that a page documents: its own, with a docstring of its own."""
    value = getattr(importlib.import_module(module_name), name)
    described = inspect.isclass(value) or inspect.isroutine(value) or hasattr(value, "__wrapped__")
    below = f"{getattr(value, '__module__', '')}.".startswith(f"{module_name}.")
    return described and below and bool(vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__)


def test_every_public_package_has_a_page():
    packages = {path.parent.name for path in (ROOT / "physeq").glob("[a-z]*/__init__.py")} - INTERNAL
    assert packages <= {name.split(".")[1] for name in MODULES}


@pytest.mark.parametrize("module_name", sorted(MODULES))
def test_every_name_of_a_package_is_on_its_page(module_name):
    module = importlib.import_module(module_name)
    names = {name for name in exported(module) if not isinstance(getattr(module, name), ModuleType)}
    lost = {name for name in names if f"{module_name}.{name}" not in ALONE and not shown(module_name, name)}
    assert not lost


def test_every_name_of_physeq_is_on_a_page():
    names = {name for name in exported(physeq) if not isinstance(getattr(physeq, name), ModuleType)}
    places = [(importlib.import_module(module), module) for module in MODULES]
    lost = {
        name
        for name in names
        if f"physeq.{name}" not in ALONE
        and not any(
            getattr(place, name, None) is not None and (f"{module}.{name}" in ALONE or shown(module, name))
            for place, module in places
        )
    }
    assert not lost
    assert len(names) > 150
