"""`physeq derive`, `list`, `data`, `new`, `--version`, and wrong use of the command line."""

import json
import subprocess
import sys

import pytest
from cli_runner import shell  # noqa: F401 - a fixture

import physeq as pq
from physeq.commands._shared import to_json


def test_version(shell):  # noqa: F811
    assert shell("--version").stdout == f"physeq {pq.__version__}\n"


def test_help_lists_the_commands(shell):  # noqa: F811
    text = shell("--help").stdout
    for name in ("derive", "check", "train", "list", "data", "new"):
        assert name in text


@pytest.mark.parametrize(
    ("format", "start"), [("md", "# Small"), ("tex", "\\documentclass"), ("html", "<!DOCTYPE html>")]
)
def test_derive_writes_pages(shell, format, start):  # noqa: F811
    printed = shell("derive", "small", "--format", format)
    assert printed.stdout.lower().startswith(start.lower())
    assert "a model may print" in printed.stderr and "small:linear" in printed.stderr
    file = shell.folder / "pages" / f"page.{format}"
    silent = shell("derive", "small:smooth", "-o", str(file))
    assert silent.stdout == ""
    beside = {path.name for path in file.parent.iterdir()} - {file.name}
    if format == "md":  # the file shows its picture, which lies beside it
        assert beside == {"page-network.svg"} and "](page-network.svg)" in file.read_text()
        assert ".svg" not in printed.stdout and "picture is in the HTML" in printed.stdout
    else:
        assert not beside and file.read_text() == printed.stdout


@pytest.mark.parametrize(
    ("system", "rule", "formula"),
    [
        ("small:smooth", "continual-ep", r"s^{\mathrm{hidden}}_{i}\left(t + 1\right)"),
        ("small:smooth", "holomorphic-ep", r"\beta_{n} = r \exp\left(\frac{2"),
        ("small:directed", "asymmetric-ep", r"a^{\mathrm{hidden}}_{i} ="),
        ("small:directed", "dyadic-ep", r"\dot{d}^{\mathrm{hidden}}_{i} ="),
        ("small:directed", "vector-field-ep", "**Warning.** Biased on this system"),
        ("small:linear", "coupled-learning", r"\frac{\mathbf{e}^{\top} \mathbf{K} \mathbf{e}}{2}"),
    ],
)
def test_derive_prints_the_key_formula_of_a_rule(shell, system, rule, formula):  # noqa: F811
    assert formula in shell("derive", system, "--rule", rule).stdout


def test_derive_follows_the_dynamics_where_no_map_has_a_closed_form(shell):  # noqa: F811
    model = shell.folder / "systems/small/model.py"
    text = model.read_text().replace("potential=s**2 / 2 - b * s,", "potential=s**2 / 2 + s**4 / 9 + s**6 / 9 - b * s,")
    model.write_text(text)
    page = shell("derive", "small:linear", "--rule", "continual-ep").stdout
    assert "of EulerSteps" in page and "Refused" not in page


SWING = """
import physeq as pq

x, y = pq.mechanical.x, pq.target("y")


def chain(friction=None):
    parts = [pq.mechanical.mass(), pq.mechanical.anchor()]
    parts += [] if friction is None else [pq.mechanical.drag(friction)]
    options = {"inputs": {"push": pq.Drive([0])}, "outputs": [1], "cost": (x.dot - y) ** 2 / 2}
    return pq.System(pq.complete(2), nodes={"nodes": parts}, edges=pq.mechanical.spring(), **options)


def periodic(system):
    return system.trajectories(pq.Periodic(5.0), pq.HarmonicBalance(2))


variants = {
    "free": pq.Variant(chain, "without friction", trajectories=periodic),
    "damped": pq.Variant(lambda friction=0.3: chain(friction), "in a medium", trajectories=periodic),
}
"""


@pytest.mark.parametrize(
    ("variant", "rule", "words"),
    [
        ("free", None, ["# System: trajectories", "## Learning: Lagrangian EP", r"A_{\beta} = \int_{0}^{T}"]),
        ("free", "time-reversed-nudge", ["## Learning: time reversed nudge", r"\mu_{i}\left(T - t\right)"]),
        ("free", "hamiltonian-echo", ["Refused for these trajectories: HamiltonianEcho starts from an InitialValue"]),
        ("damped", "lagrangian-ep", ["component 'drag' in 'nodes.drag' dissipates", "`time-reversed-nudge`"]),
    ],
)
def test_derive_prints_trajectories_of_variants_that_have_some(shell, variant, rule, words):  # noqa: F811
    folder = shell.folder / "systems/swing"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(SWING)
    page = shell("derive", f"swing:{variant}", *(["--rule", rule] if rule else [])).stdout
    assert [w for w in words if w not in page] == []
    found = shell.json("derive", f"swing:{variant}", "--format", "json")
    assert found["title"] == "System: trajectories" and found["variant"] == variant


def test_derive_json_is_the_document(shell):  # noqa: F811
    found = shell.json("derive", "small:linear", "--format", "json", "--rule", "equilibrium-propagation")
    assert {"title", "blocks", "symbols"} <= set(found)
    assert (found["system"], found["variant"]) == ("small", "linear")


def test_list(shell):  # noqa: F811
    found = shell.json("list", "--json")
    assert list(found["systems"]) == ["small"]
    assert list(found["systems"]["small"]["variants"]) == ["smooth", "linear", "directed"]
    assert list(found["systems"]["small"]["experiments"]) == ["moons"]
    assert {"equilibrium-propagation", "implicit-differentiation"} <= set(found["rules"])
    assert {"fixed-point", "node-descent"} <= set(found["finders"]) and "digits" in found["data"]
    assert set(found["optimisers"]) == {"sgd", "adam", "adamw", "rmsprop"}
    text = shell("list").stdout
    assert "small:smooth" in text and "--experiment moons" in text and "one-sided" in text


def test_list_names_a_broken_system(shell):  # noqa: F811
    broken = shell.folder / "systems" / "broken"
    broken.mkdir()
    (broken / "model.py").write_text("1 / 0\n")
    assert "ZeroDivisionError" in shell.json("list", "--json")["systems"]["broken"]["error"]


def test_data(shell):  # noqa: F811
    found = shell.json("data", "two-moons", "--json")
    assert (found["train"], found["test"], found["features"], found["classes"]) == (400, 200, 2, 2)
    assert "400 training" in shell("data", "two-moons").stdout
    assert "Did you mean 'digits'" in shell("data", "digit", status=2).stderr
    assert "reads no files" in shell("data", "two-moons", "--directory", "x", status=1).stderr


def test_new_makes_a_system_that_derives(shell):  # noqa: F811
    found = shell.json("new", "springs", "--json")
    assert found["files"] == ["model.py", "facts.py", "digits.toml"]
    assert "springs" in shell("derive", "springs").stdout.lower()
    assert "exists already" in shell("new", "springs", status=2).stderr
    assert "letters" in shell("new", "../up", status=2).stderr


def test_the_new_system_agrees_with_its_closed_forms(shell):  # noqa: F811
    import importlib.util

    import jax
    import numpy as np

    shell("new", "springs")
    spec = importlib.util.spec_from_file_location("springs_facts", shell.folder / "systems/springs/facts.py")
    facts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(facts)
    from physeq.loading import load_system

    model = load_system("springs").variants["layered"].build(sizes=(3, 1)).compile()
    params = model.init_parameters(jax.random.key(0))
    params["output"]["b"] = params["output"]["b"] + 0.3
    x, y = np.array([0.2, -0.7, 1.5]), np.array([0.4])
    w, b = params["input->output"]["w"][:, 0], params["output"]["b"][0]
    state = model.equilibrium(params, x)
    assert np.allclose(state["output"]["s"], facts.unit_state(x @ w + b), atol=1e-10)
    gradients, _ = pq.ImplicitDifferentiation().gradient(model, params, x, y)
    by_weight, by_bias = facts.single_output_gradient(w, b, x, y)
    assert np.allclose(gradients["input->output"]["w"][:, 0], by_weight, atol=1e-9)
    assert np.allclose(gradients["output"]["b"], by_bias, atol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("derive", "smal"), "Did you mean 'small'"),
        (("derive", "small:smoth"), "Did you mean 'smooth'"),
        (("derive", "small", "--rule", "equilibrium-prop"), "Did you mean 'equilibrium-propagation'"),
        (("derive", "small", "-o", "page.pdf"), "--format"),
        (("derive", "small", "--format", "pdf"), "pdf"),
        (("derive",), "SYSTEM"),
        (("check", "small", "--rule", "none"), "'none'"),
        (("check", "small", "--precision", "half"), "half"),
        (("train", "small", "--experiment", "none"), "moons"),
        (("train", "small", "--experiment", "none.toml"), "none.toml"),
        (("train", "small:linear"), "no experiment"),
        (("train", "small", "--epochs", "-1"), "epochs"),
        (("train", "small", "--resume", "nowhere"), "nothing to resume"),
        (("train", "small", "--resume", "nowhere", "--seed", "1"), "--seed cannot be changed"),
        (("fly", "small"), "fly"),
    ],
)
def test_wrong_use_is_status_2_and_leaves_no_output(shell, arguments, words):  # noqa: F811
    result = shell(*arguments, status=2)
    assert words in result.stderr and result.stdout == ""
    assert "Traceback" not in result.stderr
    assert not (shell.folder / "runs").exists()


def test_a_fault_of_the_model_is_status_1_without_a_traceback(shell):  # noqa: F811
    (shell.folder / "systems/small/model.py").write_text("import physeq as pq\npq.parameter('w', bounds=(1, 0))\n")
    result = shell("derive", "small", status=1)
    assert result.stderr.startswith("error: ") and "Traceback" not in result.stderr and result.stdout == ""


def test_errors_are_json_too(shell):  # noqa: F811
    assert "Did you mean 'small'" in shell.json("check", "smal", "--json", status=2)["error"]


def test_json_has_no_nan():
    assert json.loads(to_json({"a": float("nan"), "b": [float("inf"), 1.5], "c": {"d": True}})) == {
        "a": None,
        "b": [None, 1.5],
        "c": {"d": True},
    }


def test_the_module_runs_as_a_program(shell):  # noqa: F811
    command = [sys.executable, "-m", "physeq.cli", "derive", "small:linear", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=shell.folder, timeout=300)
    assert done.returncode == 0 and json.loads(done.stdout)["variant"] == "linear"
    assert "a model may print" in done.stderr
