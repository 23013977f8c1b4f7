"""`physeq check` and `physeq train` on systems that learn trajectories."""

import dataclasses
import json

import jax
import numpy as np
import pytest
from cli_runner import shell_in

import physeq as pq
from physeq.checked_rules import rules_for
from physeq.checking import LIMITS, VariantCheck, drawn_setting
from physeq.learn.trajectory_setting import orbits_over_points
from physeq.loading import load_system
from physeq.trajectory_checking import TrajectoryFacts, adjoint_difference

MODEL = """
from dataclasses import replace

import numpy as np

import physeq as pq

x, y = pq.coordinate("x"), pq.target("y")
k, c = pq.parameter("k", initial=pq.Uniform(4.0, 6.0)), pq.parameter("c", initial=pq.Uniform(0.2, 0.4))


def swing(cubic=1.0, friction=False):
    unit = pq.Node(
        "mass", kinetic=x.dot**2 / 2, potential=k * x**2 / 2 + cubic * x**4 / 4,
        dissipation=c * x.dot**2 / 2 if friction else 0,
    )
    return pq.System(
        pq.complete(1), nodes=unit, inputs={"push": pq.Drive("nodes")}, outputs=[0], cost=(x - y) ** 2 / 2, name="swing"
    )


def periodic(system, harmonics=3):
    return system.trajectories(pq.Periodic(2 * np.pi), pq.HarmonicBalance(harmonics))


def started(system, steps=20):
    return system.trajectories(pq.InitialValue({"nodes": [0.5]}, duration=4.0), pq.Leapfrog(steps))


def encode(dataset, harmonics=3):
    t = np.linspace(0, 2 * np.pi, 2 * harmonics + 2)[:-1]

    def waves(rows, size):
        return (size * rows[:, :1] * np.cos(t) + size * rows[:, 1:2] * np.sin(t)).astype(np.float32)

    return replace(
        dataset,
        train_inputs=waves(dataset.train_inputs, 1.0), test_inputs=waves(dataset.test_inputs, 1.0),
        train_targets=waves(dataset.train_targets, 0.3), test_targets=waves(dataset.test_targets, 0.3),
    )


def probe(count):
    def draw(system, seed):
        t = np.linspace(0, 2 * np.pi, count + 1)[:-1, None]
        return np.stack([np.cos(t), np.sin(t)]), 0.4 * np.stack([np.cos(t), np.cos(t)])

    return draw


variants = {
    "lossless": pq.Variant(swing, "a hardening spring", encode, probe(7), trajectories=periodic),
    "damped": pq.Variant(
        lambda: swing(0.0, True), "a spring and a dashpot", encode, probe(7), trajectories=periodic
    ),
    "started": pq.Variant(swing, "from an initial value", trajectories=started),
}
"""
EXPERIMENT = """
system = "lossless"
epochs = 3
batch_size = 4

[data]
name = "tones"
train = 8
test = 5

[trajectories]
harmonics = 4

[encode]
harmonics = 4

[rule]
name = "lagrangian-ep"
nudging = { name = "centered", beta = 0.01 }

[optimizer]
name = "sgd"
rate = 1.0
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = tmp_path_factory.mktemp("trajectories")
    system = base / "systems" / "swing"
    system.mkdir(parents=True)
    (system / "model.py").write_text(MODEL)
    (system / "waves.toml").write_text(EXPERIMENT)
    return base


@pytest.fixture
def shell(folder, monkeypatch):
    yield shell_in(folder, monkeypatch)
    jax.config.update("jax_enable_x64", True)


@pytest.fixture(scope="module")
def variants(folder):
    return load_system(folder / "systems" / "swing").variants


@pytest.mark.slow
def test_a_lossless_motion_is_audited(shell, tmp_path):
    found = shell.json("check", "swing:lossless", "--rule", "lagrangian-ep", "--plots", str(tmp_path), "--json")
    assert found["passed"] is True and found["structure"]["class"] == "second order"
    [variant] = found["variants"]
    facts = variant["trajectories"]
    assert (facts["boundary"], facts["solver"]) == ("periodic", "harmonic-balance")
    assert facts["structure"]["extremal of an action"] == "yes" and facts["structure"]["driven"] == "input 'push'"
    assert facts["adjoint_vs_finite_differences"] <= 1e-6 and variant["motion_vs_autodiff"] <= 1e-12
    centered, one_sided, circle = found["audits"]
    for audit, order in ((centered, 2), (one_sided, 1)):
        assert audit["order"] == order and abs(audit["slope"] - order) <= 0.1
        assert audit["reference"] == "continuous-adjoint" and audit["fault"] is None
    assert centered["best"]["relative_error"] <= 1e-6
    points = {p["points"]: p["relative_error"] for p in circle["holomorphic"]["points"]}
    assert circle["nudging"] == "holomorphic" and circle["best"]["relative_error"] <= 1e-10
    # Geometric in N: from 2 to 4 points the error falls by about the factor that it has with two points.
    assert points[4] < 3 * points[2] ** 2 and points[16] < 1e-10 and 0 < circle["holomorphic"]["ratio"] < 0.5
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == {"lossless-errors.svg", "lossless-points.svg", "lossless-trajectories.svg"}


def test_what_a_damped_motion_refuses_is_said(shell):
    printed = shell("check", "swing:damped").stdout
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    drag = "component 'mass' in 'nodes' dissipates"
    for rule in ("lagrangian-ep, centered", "hamiltonian-echo, centered"):
        assert any(line.startswith(f"refused: {rule}: ") and drag in line for line in lines)
    assert any(line.startswith("time-reversed-nudge cost") and line.endswith("ok") for line in lines)
    assert any(line.startswith("refused: backpropagation-through-time: ") and "Leapfrog" in line for line in lines)
    assert any(line.startswith("time reversal (H even in momenta) no: component 'mass'") for line in lines)
    assert "trajectories: periodic, harmonic-balance" in printed and "passed" in printed


def test_echoes_are_audited_from_an_initial_value(shell):
    found = shell.json("check", "swing:started", "--json")
    audits = {(a["rule"], a["nudging"]): a for a in found["audits"]}
    echo = audits["hamiltonian-echo", "centered"]
    assert echo["fault"] is None and abs(echo["slope"] - 2) <= 0.1 and echo["best"]["relative_error"] <= 1e-6
    assert audits["backpropagation-through-time", None]["best"]["relative_error"] <= 1e-10
    assert "InitialValue leaves the boundary term" in audits["lagrangian-ep", "centered"]["reason"]
    assert found["variants"][0]["trajectories"]["solver"] == "leapfrog" and found["passed"] is True


def test_rules_of_equilibria_and_of_trajectories_keep_apart(variants):
    swing = drawn_setting(variants["damped"], variants["damped"].build(), 0).model
    [(rule, reason)] = rules_for(swing, ("equilibrium-propagation",))
    assert isinstance(rule, pq.EquilibriumPropagation) and "learns equilibria" in reason
    kinds = {type(rule) for rule, _ in rules_for(swing, ("all",))}
    expected = {pq.LagrangianEP, pq.HamiltonianEcho, pq.TimeReversedNudge, pq.BackpropagationThroughTime}
    assert kinds == expected
    [(rule, reason)] = rules_for(pq.System(pq.complete(2), edges=pq.electrical.resistor(), ground=0).compile(),
                                 ("lagrangian-ep",))  # fmt: skip
    assert isinstance(rule, pq.LagrangianEP) and reason is None  # its own check refuses it


def test_a_wrong_adjoint_is_seen(variants, monkeypatch):
    setting = drawn_setting(variants["damped"], variants["damped"].build(), 0)
    assert adjoint_difference(setting, 0) <= 1e-8
    right = pq.ContinuousAdjoint.gradient

    def wrong(self, *arguments, **options):
        gradient, info = right(self, *arguments, **options)
        return jax.tree.map(lambda g: 1.01 * g, gradient), info

    monkeypatch.setattr(pq.ContinuousAdjoint, "gradient", wrong)
    found = adjoint_difference(setting, 0)
    assert found > 1e-4
    facts = TrajectoryFacts("periodic", "harmonic-balance", (), found)
    check = VariantCheck("v", {}, None, (), LIMITS["double"], motion=0.0, trajectories=facts)
    [fault] = check.faults
    assert "adjoint" in fault and not check.passed
    assert dataclasses.replace(check, trajectories=dataclasses.replace(facts, adjoint=1e-9)).passed


@pytest.mark.slow
def test_orbits_that_are_lost_are_not_compared(variants):
    variant = variants["lossless"]
    setting = drawn_setting(variant, variant.build(), 0)
    assert setting.free  # found with all the steps that it needs
    hasty = pq.HarmonicBalance(3, newton=pq.OrbitNewton(steps=1))
    setting.exact(pq.LagrangianEP().objective)
    setting.model = setting.model.system.trajectories(setting.model.boundary, hasty)
    assert orbits_over_points(setting, pq.LagrangianEP(pq.Holomorphic(2.0, 8))) is None


@pytest.mark.slow
def test_training_leaves_its_pictures(shell):
    found = shell.json("train", "swing", "--precision", "double", "--output", "run", "--json")
    assert (found["rule"], found["parameters"], found["epochs"]) == ("lagrangian-ep", 1, 3)
    files = {path.name for path in (shell.folder / "run").iterdir()}
    assert (
        files >= {"learning_curve.svg", "trajectories.svg", "rules.html", "metrics.json"} and "graph.svg" not in files
    )
    picture = (shell.folder / "run" / "trajectories.svg").read_text()
    assert "prediction, test samples" in picture and "target" in picture
    costs = [json.loads(line)["test_cost"] for line in (shell.folder / "run" / "log.jsonl").read_text().splitlines()]
    assert costs[2] < costs[0]
    exact = shell.json(
        "train", "swing", "--rule", "continuous-adjoint", "--precision", "double", "--output", "exact", "--json"
    )
    assert exact["rule"] == "continuous-adjoint"
    assert exact["train"]["cost"] == pytest.approx(found["train"]["cost"], rel=1e-3)


def test_series_that_do_not_fit_are_refused(tmp_path):
    from physeq.plot import predictions, to_file

    t = np.linspace(0, 1, 5)
    for values, target, word in (
        (np.zeros((2, 4, 1)), None, "values"),
        (np.zeros((2, 5, 1)), np.zeros((2, 5, 2)), "target"),
    ):
        with pytest.raises(pq.ModelError, match=f"predictions: {word}"):
            to_file(tmp_path / "p.svg", predictions, t, values, target)
    path = to_file(tmp_path / "p.svg", predictions, t, np.zeros((5, 5, 2)), np.ones((5, 1, 2)), label="what it does")
    assert "what it does" in path.read_text() and path.read_text().count("sample ") == 4
