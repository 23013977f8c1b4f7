"""The table of systems × rules: what is measured, what is kept, how it is shown; the README shows the record."""

import json
from pathlib import Path

import pytest
from cli_runner import shell  # noqa: F401 - a fixture

from physeq.errors import ModelError
from physeq.gradient_table import read_record
from physeq.gradient_table_page import BEGIN, END, block, markdown, short, table, with_block

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "docs/results/gradient-errors.json"


@pytest.fixture(scope="module")
def record():
    return json.loads(RECORD.read_text())


# The record of the project -----------------------------------------------------------------------------------------


def test_the_readme_and_the_page_show_the_record(record):
    assert with_block((ROOT / "README.md").read_text(), record, "README.md") == (ROOT / "README.md").read_text()
    assert RECORD.with_suffix(".md").read_text() == markdown(record)


def test_the_record_holds_every_system_without_a_fault(record):
    systems = {name.partition(":")[0] for name in record["variants"]}
    assert systems == {path.parent.name for path in (ROOT / "systems").glob("*/model.py")}
    assert (record["precision"], record["seed"]) == ("double", 0)
    learning = [v for v in record["variants"].values() if v["kind"] != "motion"]
    assert all(not v["faults"] and v["error"] is None for v in record["variants"].values()) and len(learning) >= 8
    # Centered and exact rules reach rounding wherever they are admitted and not biased.
    for found in learning:
        for one in found["rules"]:
            tight = one["order"] == 2 or one["rule"] in ("dyadic-ep", "time-reversed-nudge", "holomorphic-ep")
            if tight and not one["refused"] and not one["bias"]:
                assert one["relative_error"] < 1e-8, one["label"]


# Rendering ----------------------------------------------------------------------------------------------------------


def rule(name, error=None, **more):
    base = {"rule": name, "nudging": None, "nudge": None, "relative_error": error, "refused": None, "bias": None,
            "fault": None, "objective": "cost"}  # fmt: skip
    return base | more


def variant(kind, *rules, **more):
    return {"kind": kind, "rules": list(rules), "error": None, "motion": None, "exact": None, "seconds": 1.0,
            "physeq": "0", "faults": []} | more  # fmt: skip


@pytest.fixture
def small():
    """Two systems of equilibria, one of trajectories, one that only moves."""
    return {
        "precision": "double",
        "seed": 3,
        "variants": {
            "b:two": variant(
                "equilibria", rule("dyadic-ep", 1.26e-16), rule("vector-field-ep", 0.5, bias="no symmetry")
            ),
            "a:one": variant(
                "equilibria",
                rule("equilibrium-propagation", 2e-11, nudging="centered"),
                rule("dyadic-ep", refused="it has bounds"),
                rule("coupled-learning", 1e-3, fault="too large", objective="other"),
            ),
            "c:orbits": variant("paths", rule("lagrangian-ep", None, nudging="holomorphic")),
            "d:pendulum": variant("motion", motion=3e-16),
        },
    }


def test_cells_say_what_was_found(small):
    lines = table({name: small["variants"][name] for name in ("a:one", "b:two")}).splitlines()
    assert lines[0] == "| rule | a: one | b: two |" and lines[1] == "|---|---|---|"
    assert set(lines[2:]) == {
        "| EP, centered | 2e-11 | – |",
        "| dyadic EP | – | 1e-16 |",
        "| coupled learning | **1e-03** | – |",
        "| vector-field EP | – | (0.5) |",
    }
    page = markdown(small)
    assert "- dyadic EP (a:one): it has bounds" in page and "- vector-field EP (b:two): no symmetry" in page
    assert "- coupled learning (a:one): too large" in page and "- coupled learning: other" in page
    assert "| Lagrangian EP, holomorphic | ? |" in page and "| d: pendulum | 3e-16 |" in page
    assert "seed 3" in page and "? no estimate settled" in page


def test_many_variants_get_a_table_per_system(small):
    found = {f"{s}:{k}": variant("equilibria", rule("dyadic-ep", 1e-9)) for s in "pq" for k in range(5)}
    shown = block({**small, "variants": found})
    assert shown.count("| rule |") == 2 and "| rule | p: 0 | p: 1 | p: 2 | p: 3 | p: 4 |" in shown


def test_a_block_is_written_between_its_marks(small):
    text = f"above\n{BEGIN}\nold\n{END}\nbelow\n"
    new = with_block(text, small, "README.md")
    assert new.startswith(f"above\n{BEGIN}\n") and new.endswith(f"{END}\nbelow\n") and "\nold\n" not in new
    assert "| EP, centered | 2e-11 | – |" in new and with_block(new, small, "README.md") == new
    for bad in ("nothing", f"{END}\n{BEGIN}", f"{text}{text}"):
        with pytest.raises(ModelError, match=r"notes\.md: needs the lines"):
            with_block(bad, small, "notes.md")


def test_names_of_rules_are_short():
    assert (
        short(rule("equilibrium-propagation", nudging="one-sided", nudge="outside")) == "EP, one-sided, nudge outside"
    )
    assert short(rule("jacobian-homeostasis")) == "Jacobian homeostasis"


# The command --------------------------------------------------------------------------------------------------------


def test_the_command_measures_what_is_missing(shell):  # noqa: F811
    found = shell.json("check", "small:linear", "--table", "errors.md", "--json")
    assert found["measured"] == ["small:linear"] and found["passed"]
    own = found["record"]["variants"]["small:linear"]
    centered = next(one for one in own["rules"] if one["label"] == "equilibrium-propagation, centered")
    assert centered["relative_error"] < 1e-8 and own["kind"] == "equilibria" and not own["faults"]
    saved = json.loads((shell.folder / "errors.json").read_text())
    assert saved["variants"].keys() == {"small:linear"}
    readme = shell.folder / "README.md"
    readme.write_text(f"# Mine\n\n{BEGIN}\n{END}\n")
    again = shell.json("check", "small:linear", "--table", "errors.md", "--readme", "README.md", "--json")
    assert again["measured"] == [] and again["record"] == saved
    assert readme.read_text() == f"# Mine\n\n{block(saved)}\n"
    assert (shell.folder / "errors.md").read_text() == markdown(saved)
    shell("check", "small:linear", "--table", "errors.md", "--seed", "1", status=2)


def test_options_that_would_be_ignored_are_refused(shell):  # noqa: F811
    for arguments, words in (
        (["check", "small", "--all-variants"], "--all-variants has no meaning with no --table"),
        (["check", "small", "--table", "t.md", "--rule", "dyadic-ep"], "--rule has no meaning with --table"),
        (["check"], "name one system"),
        (["check", "small", "--table", "t.txt"], "ends in .md"),
        (["check", "small", "--table", "t.md", "--readme", "absent.md"], "absent.md"),
    ):
        assert words in shell(*arguments, status=2).stderr.replace("\n", " ")


def test_a_record_of_something_else_is_refused(tmp_path):
    path = tmp_path / "errors.json"
    assert read_record(path, "double", 0)["variants"] == {}
    path.write_text('{"rows": []}')
    with pytest.raises(ModelError, match="is no record of gradient errors"):
        read_record(path, "double", 0)
    path.write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        read_record(path, "double", 0)
