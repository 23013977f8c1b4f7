"""Every Python block of the README and the docs runs; the blocks of one page share their names.

Blocks are ```` ```python ```` in pages and ```` ```{code-cell} ```` in notebooks, whose cells run here as plain Python.
"""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOTEBOOKS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
BLOCK = re.compile(r"^```(?:python|\{code-cell\})[^\n]*\n(?P<code>.*?)^```", re.DOTALL | re.MULTILINE)
OPTIONS = re.compile(r"\A(?::[\w-]+:.*\n)+")


def blocks(page):
    return [OPTIONS.sub("", found["code"]) for found in BLOCK.finditer(page.read_text(encoding="utf-8"))]


def run(page):
    names = {"__name__": "__main__"}
    for number, block in enumerate(blocks(page), 1):
        exec(compile(block, f"{page.name} block {number}", "exec"), names)
    return names


@pytest.mark.quick("README.md", "components.md", "getting-started.md", "index.md", "netlists.md")
@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda p: p.name)
def test_blocks_run(page, capsys):
    names = run(page)
    plt.close("all")
    if page.name == "README.md":
        result = names["result"]
        assert len(blocks(page)[0].strip().splitlines()) <= 30
        assert result.train["cost"] < 0.2 * result.history[0]["running_cost"]


@pytest.mark.parametrize("notebook", [p for p in NOTEBOOKS if blocks(p)], ids=lambda p: p.stem)
def test_notebooks_are_executed_by_the_build_and_check_their_numbers(notebook):
    text = notebook.read_text(encoding="utf-8")
    assert text.startswith("---\nfile_format: mystnb\nkernelspec:\n")
    assert sum("assert " in block for block in blocks(notebook)) >= 2
    for number, block in enumerate(blocks(notebook), 1):
        compile(block, f"{notebook.name} block {number}", "exec")


@pytest.mark.slow  # the strict build of the site executes them too
@pytest.mark.parametrize("notebook", [p for p in NOTEBOOKS if blocks(p)], ids=lambda p: p.stem)
def test_notebooks_run_and_label_their_pictures(notebook, capsys):
    """Cells assert their own numbers; every axis with curves says what it shows."""
    try:
        run(notebook)
        figures = [plt.figure(number) for number in plt.get_fignums()]
        assert figures
        for axis in (axis for figure in figures for axis in figure.axes if axis.lines):
            assert axis.get_ylabel() and (axis.get_xlabel() or axis.get_shared_x_axes().get_siblings(axis)[1:])
    finally:
        plt.close("all")


def test_readme_test_command_is_what_ci_runs():
    (command,) = re.findall(r"^python3 -m venv \.venv-test .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert command in (ROOT / ".ci" / "run").read_text()
