"""The table of layers in the design: who may import whom, read off the source, transitively within the package."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "physeq"

NEVER = {
    "symbolic": {"jax", "jaxlib", "equinox", "diffrax", "optimistix", "lineax", "optax"},
    "graph": {"jax", "jaxlib", "equinox", "diffrax", "optimistix", "lineax", "optax", "sympy"},
    "data": {"jax", "jaxlib", "sympy"},
    "library": {"jax", "jaxlib"},
}
NEVER_DIRECTLY = {
    "solve": {"sympy", "physeq.symbolic", "physeq.learn", "physeq.report"},
    "learn": {"sympy", "physeq.symbolic", "physeq.report"},
    "compile": {"physeq.solve", "physeq.learn", "physeq.report"},
    "symbolic": {"physeq.compile", "physeq.solve", "physeq.learn", "physeq.report"},
    "graph": {"physeq.symbolic", "physeq.compile", "physeq.solve", "physeq.learn"},
}


def imports(path):
    """Absolute names of the modules that a file imports, at any depth of its code."""
    found = set()
    package = ["physeq", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def file_of(module):
    path = PACKAGE.parent.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def reached(layer):
    """All modules that a layer's files import, followed through physeq's own files (its top `__init__` aside)."""
    waiting, files, modules = list((PACKAGE / layer).rglob("*.py")), set(), set()
    while waiting:
        path = waiting.pop()
        if path in files or path == PACKAGE / "__init__.py":
            continue
        files.add(path)
        for module in imports(path):
            modules.add(module)
            if module.startswith("physeq.") and (found := file_of(module)) is not None:
                waiting.append(found)
    return modules


def within(module, root):
    return module == root or module.startswith(root + ".")


@pytest.mark.parametrize(("layer", "forbidden"), NEVER.items())
def test_never_imports(layer, forbidden):
    assert not {m for m in reached(layer) for root in forbidden if within(m, root)}


@pytest.mark.parametrize(("layer", "forbidden"), NEVER_DIRECTLY.items())
def test_never_imports_directly(layer, forbidden):
    files = list((PACKAGE / layer).rglob("*.py"))
    assert files
    assert not {(p.name, m) for p in files for m in imports(p) for root in forbidden if within(m, root)}
