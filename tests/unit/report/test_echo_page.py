"""The equations of echoes on a page, run step by step, and its updates, against `HamiltonianEcho`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from page_reader import equations
from trajectory_reader import TrajectoryReader, printed_changes
from trajectory_systems import (
    BETA,
    assert_descends,
    masses,
    mechanical,
    row,
    trained_of,
    x,
    y,
)

import physeq as pq
from physeq import learn
from physeq.report._relations import InPhase
from physeq.report.notation import symbol_latex


def echoing(joined):
    """Masses that are trained, pulled by a force that grows in time; `joined` adds inertia between neighbours."""
    pull = pq.parameter("h", initial=0.4)
    lever = pq.Node("lever", force={x: pull * pq.time})
    if not joined:
        return masses(lever, spring={"cubic": 0.4})
    inertia = pq.parameter("mu", positive=True, initial=0.3)
    spring = (x.source - x.target) ** 4 / 4 + (x.source - x.target) ** 2 / 2
    rod = pq.Edge("rod", kinetic=inertia * (x.source.dot + x.target.dot) ** 2 / 2, potential=spring)
    return row([mechanical.mass(1.0, trainable=True), mechanical.anchor(2.0), lever], rod, (x - y) ** 2 / 2)


class PrintedSteps:
    """Half a drift, a kick, half a drift with the equations of a page, as `Leapfrog` takes them with the compiled ones.

    Grid points are doubled: quantities at a kick are read with the rates before and after it.
    """

    def __init__(self, model, params, push, wanted, rule):
        self.page, self.steps = model.to_document(rule), len(model.times)
        times = np.repeat(np.asarray(model.times), 2)
        self.h = model.boundary.duration / self.steps
        self.size = model.layout.size // 2
        series = {"f": np.zeros((len(times), self.size)), "y": np.zeros((len(times), self.size))}
        series["f"][:, 0], series["y"][:, -1] = np.repeat(push[:, 0], 2), np.repeat(wanted[:, 0], 2)
        self.reader = TrajectoryReader(
            self.page, model, params, runs={}, weights=np.full(len(times), self.h / 2),
            back=np.arange(len(times))[::-1], series=series, times=times, numbers={"T": model.boundary.duration},
        )  # fmt: skip
        self.reader.keys["p"] = "p"
        self.inverse = self._inverse_mass()

    def equation(self, section, label):
        [equation] = [e for e in equations(self.page, section) if (e.label or "").startswith(label)]
        return equation

    def values(self, expr):
        return np.array([self.reader.value(expr, {"i": i}) for i in range(self.size)])

    def columns(self, expr, key):
        """The matrix of an expression that is linear in a quantity of every node."""
        found = []
        self.reader.step = 0
        for unit in np.eye(self.size):
            self.reader.runs = {0.0: {key: unit[None]}}
            found.append(self.values(expr))
        return np.array(found).T

    def _inverse_mass(self):
        labels = {(e.label or "").split(",")[0]: e for e in equations(self.page, "Forward")}
        if "rate" in labels:
            return self.columns(labels["rate"].rhs, "p")
        return np.linalg.inv(self.columns(labels["momentum"].rhs, ("nodes", "x", 1)))

    def march(self, q, p, section, beta=0.0):
        """(run on the doubled grid, q and p at the end), with the printed forces of a section."""
        run = {("nodes", "x", order): np.zeros((2 * self.steps, self.size)) for order in (0, 1)}
        self.reader.scalars[r"\beta"], self.reader.runs = beta, {0.0: run}
        forces = [e for e in equations(self.page, section) if (e.label or "").startswith("force")]
        for k in range(self.steps):
            q = q + self.h / 2 * self.inverse @ p
            run["nodes", "x", 0][2 * k : 2 * k + 2] = q
            run["nodes", "x", 1][2 * k] = self.inverse @ p
            self.reader.step = 2 * k
            kick = self.values(forces[0].rhs)
            if len(forces) > 1:  # the output is the last mass
                kick[-1] = self.reader.value(forces[1].rhs, {"i": self.size - 1})
            p = p + self.h * kick
            run["nodes", "x", 1][2 * k + 1] = self.inverse @ p
            q = q + self.h / 2 * self.inverse @ p
        return run, q, p

    def gradient(self, q, rate, beta):
        """{(placement, parameter): printed change} of a forward run and two echoes."""
        reader = self.reader
        _, far, p = self.march(q, np.linalg.solve(self.inverse, rate), "Forward")
        ends = {("nodes", "x", 0): [q, far], ("nodes", "x", 1): [rate, self.inverse @ p], "p": [None, p]}
        reader.ends = {0.0: ends}
        kicked = self.equation("Momentum flip", "displacement")
        [name] = {symbol_latex(e.base) for e in kicked.lhs.atoms(sp.Indexed)} & {
            symbol_latex(e.symbol.base) for e in self.page.symbols if str(e.meaning[0]).startswith("displacement")
        }
        reader.keys[name] = "kick"
        right = np.zeros(self.size)
        right[-1] = reader.value(kicked.rhs, {"i": self.size - 1})
        reader.defined[name] = np.linalg.solve(self.columns(kicked.lhs, "kick"), right)
        del reader.keys[name]
        place, turned, pushed = (e.rhs for e in equations(self.page, "Momentum flip") if isinstance(e.lhs, InPhase))
        runs = {}
        for nudge in (beta, -beta):
            reader.scalars[r"\beta"], reader.runs = nudge, {0.0: {}}
            begin, back = self.values(place), self.values(turned)
            back[-1] = reader.value(pushed, {"i": self.size - 1})
            runs[nudge], home, _ = self.march(begin, back, "Echo", nudge)
            reader.ends[nudge] = {("nodes", "x", 0): [begin, home]}
        reader.scalars[r"\beta"], reader.runs = beta, runs
        apart = self.equation("Learning", "ends of the echoes")
        reader.defined[symbol_latex(apart.lhs.base)] = self.values(apart.rhs)
        return printed_changes(self.page, reader)


@pytest.mark.parametrize("joined", [False, True])
def test_printed_echo_equations_and_updates_are_what_the_rule_runs(joined):
    """Forward run, momentum flip, nudged echoes and updates, all from the page, against HamiltonianEcho."""
    cost = pq.TrajectoryCost(running=(x - y) ** 2 / 2, terminal=x.dot**2 / 3 + x**2)
    start = pq.InitialValue({"nodes": [0.4, 0.1, -0.2]}, {"nodes": [0.1, 0.3, 0.2]}, duration=1.5)
    model = echoing(joined).trajectories(start, pq.Leapfrog(6), cost=cost)
    drawn = model.init_parameters(jax.random.key(0))
    params = jax.tree.map(lambda p: p * (1 + 0.1 * jnp.arange(p.size).reshape(p.shape) / p.size), drawn)
    t = np.asarray(model.times)[:, None]
    push, wanted = 0.3 * np.cos(t), 0.2 * np.sin(2 * t)
    rule = learn.HamiltonianEcho(nudging=learn.Centered(BETA))
    steps = PrintedSteps(model, params, push, wanted, rule)
    changes = steps.gradient(np.array([0.4, 0.1, -0.2]), np.array([0.1, 0.3, 0.2]), BETA)
    gradients, _ = rule.gradient(model, params, push, wanted)
    assert set(changes) == trained_of(model)
    assert_descends(changes, gradients)
