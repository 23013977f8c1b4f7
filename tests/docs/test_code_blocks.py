"""Every Python block of the README and the docs runs; the blocks of one page share their names."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page):
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda p: p.name)
def test_blocks_run(page, capsys):
    names = {"__name__": "__main__"}
    for number, block in enumerate(blocks(page), 1):
        exec(compile(block, f"{page.name} block {number}", "exec"), names)
    if page.name == "README.md":
        result = names["result"]
        assert len(blocks(page)[0].strip().splitlines()) < 40
        assert result.train["cost"] < 0.2 * result.history[0]["running_cost"]


def test_readme_test_command_is_what_ci_runs():
    (command,) = re.findall(r"^python3 -m venv \.venv-test .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert command in (ROOT / ".ci" / "run").read_text()
