"""Pages of trajectories: printed updates evaluated along solved runs against the rules, and what the pages say."""

import re
from functools import cache, partial
from xml.etree import ElementTree

import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest
import sympy as sp
from page_reader import equations
from test_report_writers import Page, balanced
from trajectory_reader import TrajectoryReader, printed_changes

import physeq as pq
from physeq import learn
from physeq.report import Document, Math, Section, Table, Warning
from physeq.report._check import expressions, symbols_of
from physeq.report._relations import Change, InPhase
from physeq.report.notation import latex, symbol_latex

mechanical, electrical = pq.mechanical, pq.electrical
x, theta, v, y = mechanical.x, mechanical.theta, electrical.v, pq.target("y")
BETA = 0.2
PERIOD = 8.0


# Systems --------------------------------------------------------------------------------------------------------------


def row(nodes, edge, cost, *, size=3, **more):
    topology = pq.Topology.from_networkx(nx.path_graph(size))
    options = {"inputs": {"f": pq.Drive([0])}, "outputs": [size - 1], "cost": cost} | more
    return pq.System(topology, nodes={topology.groups[0].name: nodes}, edges=edge, **options)


def masses(*more, cost=(x - y) ** 2 / 2, spring=None, **options):
    heavy = mechanical.mass(1.0, trainable=True)
    return row([heavy, mechanical.anchor(2.0), *more], mechanical.spring(1.5, **(spring or {})), cost, **options)


def chain(**options):
    """Library masses, anchors and springs with a rest length that is trained."""
    return masses(spring={"length": 0.2, "trainable_length": True}, **options)


def shared(**options):
    """A chain whose couplings have one stiffness."""
    k = pq.parameter("k", positive=True, shared=True, initial=0.8)
    edge = pq.Edge("coupling", potential=k * (x.source - x.target) ** 2 / 2 + k * x.source * x.target / 9)
    return row([mechanical.mass(1.0), mechanical.anchor(2.0)], edge, (x.dot - y) ** 2 / 2, **options)


def duffing(**options):
    return masses(spring={"cubic": 0.7}, **options)


def pendula(**options):
    edge = mechanical.torsion_spring(0.6)
    return row(mechanical.pendulum(1.0, 1.2, gravity=3.0, trainable=True), edge, (theta - y) ** 2 / 2, **options)


def damped(**options):
    return masses(mechanical.drag(0.3, trainable=True), **options)


def circuit(*, losses, **options):
    """Coils in a row with a capacitor across the second one, trained."""
    graph = nx.MultiGraph()
    for a, b, kind in [(0, 1, "coil"), (1, 2, "coil"), (1, 2, "across"), (2, 0, "load")]:
        if kind != "load" or losses:
            graph.add_edge(a, b, component=kind)
    topology = pq.Topology.from_networkx(graph)
    edges = {"coil": electrical.inductor(0.7, trainable=True), "across": electrical.capacitor(0.3, trainable=True)}
    edges |= {"load": electrical.resistor(0.4)} if losses else {}
    ground = electrical.capacitor_to_ground(0.9, trainable=True)
    return pq.System(
        topology, nodes={topology.groups[0].name: ground}, edges=edges, ground=0,
        outputs=[2], cost=(v - y) ** 2 / 2, **({"inputs": {"i_in": pq.Drive([1])}} | options),
    )  # fmt: skip


PERIODIC = (pq.Periodic(PERIOD), pq.HarmonicBalance(4))
ENDS = (pq.TwoPoint({"nodes": [0.0, 0.1, 0.2]}, {"nodes": [0.3, 0.1, -0.2]}, duration=1.2), pq.Collocation(3, 2))
SYSTEMS = {
    "chain-ends": (chain, *ENDS),
    "shared": (shared, *PERIODIC),
    "duffing": (duffing, *ENDS),
    "pendula": (pendula, *PERIODIC),
    "lc": (partial(circuit, losses=False), *PERIODIC),
    "damped": (damped, *PERIODIC),
    "damped-rate": (partial(damped, cost=(x.dot - y) ** 2 / 2), *PERIODIC),
    "rlc": (partial(circuit, losses=True), *PERIODIC),
}


class Solved:
    """A model with parameters that all differ, one sample of data, and its runs as a reader takes them."""

    def __init__(self, name):
        self.name = name
        build, boundary, solver = SYSTEMS[name]
        self.system = build()
        self.model = self.system.trajectories(boundary, solver)
        drawn = self.model.init_parameters(jax.random.key(0))
        self.params = jax.tree.map(lambda p: p * (1 + 0.1 * jnp.arange(p.size).reshape(p.shape) / p.size), drawn)
        t = np.asarray(self.model.times)
        self.push = 0.3 * np.cos(2 * np.pi * t / PERIOD)[:, None]
        self.wanted = (0.2 * np.sin(2 * np.pi * t / PERIOD) + 0.1 * np.cos(4 * np.pi * t / PERIOD))[:, None]
        self.weights = np.asarray(self.model.solver.grid(self.model.boundary)[1])
        index = jnp.arange(len(t))[:, None]
        self.back = np.asarray(solver.reversed(index))[:, 0]
        self.free = self.model.solve(self.params, self.push).state

    def run(self, beta=0.0):
        """The trajectory at a nudge, from the free one."""
        if beta == 0:
            return named(self.model, self.free)
        target = jnp.asarray(self.wanted)
        return named(
            self.model, self.model.solve(self.params, self.push, target=target, beta=beta, start=self.free).state
        )

    def reader(self, page, runs, **more):
        outputs = self.model.cost.outputs
        last = max(int(i) for part in self.system.outputs.parts for i in part.indices)
        wanted = np.zeros((len(self.weights), last + 1))
        wanted[:, last] = self.wanted[:, outputs - 1]
        series = {"y": wanted} | more.pop("series", {})
        return TrajectoryReader(page, self.model, self.params, runs=runs, weights=self.weights,
                                back=self.back, series=series, rates=rates, **more)  # fmt: skip


def named(model, found):
    """States as {(group, coordinate, order): array}; rates of voltages by Fourier series."""
    result = {}
    for group, q in model.layout.variables:
        for order in (0, 1):
            if q.key(order) in found.get(group, {}):
                result[group, q.name, order] = np.asarray(found[group][q.key(order)])
        if (group, q.name, 1) in result:
            result[group, q.name, 2] = rates(result[group, q.name, 1])
    return result


def rates(values):
    """d/dt of a periodic series on an odd grid; not of others."""
    count = values.shape[0]
    numbers = np.fft.fftfreq(count, 1 / count)[:, None]
    return np.fft.ifft(2j * np.pi / PERIOD * numbers * np.fft.fft(values, axis=0), axis=0).real


@cache
def solved(name):
    return Solved(name)


def assert_descends(changes, gradients, tolerance=1e-10):
    """Printed changes at the rate 1 are minus the gradients, of every trained parameter."""
    size = max(float(np.abs(np.asarray(g)).max()) for own in gradients.values() for g in own.values())
    for (placement, name), change in changes.items():
        expected = -np.ravel(np.asarray(gradients[placement][name]))
        assert change == pytest.approx(expected, abs=tolerance * size, rel=tolerance), (placement, name)


def trained_of(model):
    return {(a, b) for a, own in model.trainable().items() for b, yes in own.items() if yes}


# LagrangianEP ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["chain-ends", "shared", "pendula", "lc"])
def test_printed_updates_of_lagrangian_ep_are_what_the_rule_descends(name):
    case = solved(name)
    rule = learn.LagrangianEP(nudging=learn.Centered(BETA))
    page = case.model.to_document(rule)
    reader = case.reader(page, {b: case.run(b) for b in (BETA, -BETA)}, numbers={r"\beta": BETA})
    gradients, _ = rule.gradient(case.model, case.params, case.push, case.wanted)
    changes = printed_changes(page, reader)
    assert set(changes) == trained_of(case.model)
    assert_descends(changes, gradients)


@pytest.mark.parametrize("nudging", [learn.OneSided(BETA), learn.OneSided(-BETA), learn.Holomorphic(BETA, 5)])
def test_printed_updates_of_other_nudges(nudging):
    case = solved("duffing")
    rule = learn.LagrangianEP(nudging=nudging)
    page = case.model.to_document(rule)
    if isinstance(nudging, learn.Holomorphic):
        nudges = [BETA * np.exp(2j * np.pi * k / 5) for k in range(5)]
        numbers = {"N": 5, "r": BETA}
    else:
        nudges, numbers = [0.0, nudging.beta], {r"\beta": BETA}
    reader = case.reader(page, {b: case.run(b) for b in nudges}, numbers=numbers)
    gradients, _ = rule.gradient(case.model, case.params, case.push, case.wanted)
    assert_descends(printed_changes(page, reader), gradients)


@pytest.mark.parametrize("name", ["shared", "pendula"])
def test_printed_nudged_equations_hold_along_nudged_trajectories(name):
    """Residual of the output's equation at β, where the cost sees the rate (shared) and the coordinate (pendula)."""
    case = solved(name)
    page = case.model.to_document(learn.LagrangianEP(nudging=learn.Centered(BETA)))
    forces = np.zeros((len(case.weights), 3))
    forces[:, 0] = case.push[:, 0]
    [nudged] = [e for e in equations(page, "Nudged") if e.label.startswith("output")]
    for beta, small in ((BETA, True), (BETA / 2, False)):
        reader = case.reader(page, {0.0: case.run(BETA)}, series={"f": forces}, numbers={r"\beta": beta})
        gaps = []
        for step in range(len(case.weights)):
            reader.step = step
            gaps.append(reader.value(nudged.lhs, {"i": 2}) - reader.value(nudged.rhs, {"i": 2}))
        assert (np.abs(gaps).max() < 1e-11) == small


# TimeReversedNudge ----------------------------------------------------------------------------------------------------


def backwards_run(case, error):
    """What a force −error(T − t) on the output adds to the motion, solved as a second input of the same system."""
    driven, observed = (
        [case.system.label(part.group, int(i)) for part in nodes.parts for i in part.indices]
        for nodes in (case.system.inputs[0].nodes, case.system.outputs)
    )
    build, boundary, solver = SYSTEMS[case.name]
    again = build(inputs={"push": pq.Drive(driven), "error": pq.Drive(observed)}).trajectories(boundary, solver)
    found = again.solve(case.params, {"push": case.push, "error": -error[case.back]}).state
    free, second = case.run(), named(again, found)
    return {key: second[key] - free[key] for key in free}


@pytest.mark.parametrize("name", ["damped", "damped-rate", "rlc"])
def test_printed_updates_of_the_time_reversed_nudge_are_what_the_rule_descends(name):
    case = solved(name)
    rule = learn.TimeReversedNudge()
    page = case.model.to_document(rule)
    free = case.run()
    [output] = [int(i) for part in case.system.outputs.parts for i in part.indices]
    [(group, q)] = [key for key in case.model.layout.variables if key[0] == "nodes"]
    low = 0 if (group, q.name, 0) in free else 1
    seen = free[group, q.name, 0 if name == "damped" else 1][:, output, None] - case.wanted
    # e = ∂ℓ/∂x − d/dt ∂ℓ/∂ẋ; of voltages ∂ℓ/∂v.
    error = -rates(seen) if name == "damped-rate" else seen
    [printed] = [e for e in equations(page, "Learning") if (e.label or "").startswith("error")]
    reader = case.reader(page, {0.0: free})
    for reader.step in (0, 3):
        assert reader.value(printed.rhs, {"i": output}) == pytest.approx(error[reader.step, 0], rel=1e-10)
    answer = backwards_run(case, error)
    series = {r"\mu": answer[group, q.name, low]}
    if low == 0:
        series[r"\dot{\mu}"] = answer[group, q.name, 1]
    reader = case.reader(page, {0.0: free}, series=series)
    gradients, _ = rule.gradient(case.model, case.params, case.push, case.wanted)
    changes = printed_changes(page, reader)
    assert set(changes) == trained_of(case.model)
    assert_descends(changes, gradients)
    exact, _ = learn.ContinuousAdjoint().gradient(case.model, case.params, case.push, case.wanted)
    assert_descends(changes, exact, 1e-8)


# HamiltonianEcho ------------------------------------------------------------------------------------------------------


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


# Pages ----------------------------------------------------------------------------------------------------------------

INITIAL = pq.InitialValue({"nodes": [0.4, 0.1, -0.2]}, duration=1.5)
BOTH = pq.TrajectoryCost(running=(x - y) ** 2 / 2 + x.dot**2, terminal=(x - y) ** 2)
RULES = {
    "default": None,
    "centered": learn.LagrangianEP(),
    "random sign": learn.LagrangianEP(nudging=learn.RandomSign(0.1)),
    "holomorphic": learn.LagrangianEP(nudging=learn.Holomorphic(0.1, 6)),
    "reversed": learn.TimeReversedNudge(),
    "adjoint": learn.ContinuousAdjoint(),
    "equilibria": learn.EquilibriumPropagation(),
}
REFUSED = {
    **{(s, r): "dissipates" for s in ("damped", "rlc") for r in ("centered", "random sign", "holomorphic")},
    **{(s, "reversed"): "is not linear" for s in ("duffing", "pendula")},
    **{(s, "equilibria"): "learns equilibria" for s in ("duffing", "pendula", "damped", "rlc")},
}


def learning_of(page):
    [found] = [b for b in page.blocks if isinstance(b, Section) and b.title.startswith("Learning")]
    return found


def assert_whole(page):
    """Every format is written, and the symbol table has what occurs, once, and nothing else."""
    page.check()
    drawn = Document(page.title, page.blocks)
    used = {symbol_latex(s) for e in expressions(drawn) for s in symbols_of(e)}
    used |= {symbol_latex(i) for e in page.symbols for i in getattr(e.symbol, "indices", ())}
    table = [symbol_latex(getattr(e.symbol, "base", e.symbol)) for e in page.symbols]
    assert set(table) == used and len(table) == len(set(table))
    html = page.to_html()
    parsed = Page(html)
    assert not parsed.open and not parsed.faults
    for formula in re.findall(r"<math.*?</math>", html, re.DOTALL):
        ElementTree.fromstring(formula)
    source = page.to_latex()
    assert balanced(source) and "U+" not in source
    assert not re.search(r"\b(nan|None|zoo)\b", page.to_markdown())
    assert page.to_dict()["title"] == page.title


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ["duffing", "pendula", "damped", "rlc"])
def test_pages_are_whole_and_rules_that_do_not_hold_say_why(name, rule):
    model = modelled(name)
    page = model.to_document(RULES[rule])
    assert_whole(page)
    first = learning_of(page).blocks[0]
    refused = isinstance(first, Warning) and "".join(map(str, first.text)).startswith("Refused")
    assert refused == ((name, rule) in REFUSED)
    if refused:
        assert REFUSED[name, rule] in page.to_markdown()
    changes = [e for e in equations(page, "Learning") if isinstance(e.lhs, Change)]
    assert bool(changes) != (refused or rule == "adjoint")
    assert bool(equations(page, "Nudged")) == (rule in ("centered", "random sign", "holomorphic", "default")
                                               and name in ("duffing", "pendula"))  # fmt: skip
    conservative = name in ("duffing", "pendula")
    assert ("There is no action" in page.to_markdown()) != conservative
    assert bool([e for e in equations(page, "Lagrangian") if e.label == "nudged action"]) == conservative


@cache
def modelled(name):
    build, boundary, solver = SYSTEMS[name]
    return build().trajectories(boundary, solver)


@pytest.mark.parametrize(
    ("rule", "solver", "words"),
    [
        (None, pq.Leapfrog(5), ["Learning: Hamiltonian echo", "nothing of the forward run", "momenta flipped"]),
        (learn.HamiltonianEcho(learn.OneSided(0.1)), pq.Leapfrog(5), ["free echo", "2 running integrals"]),
        (learn.HamiltonianEcho(learn.RandomSign(0.1)), pq.Leapfrog(5), ["is drawn anew for every batch"]),
        (learn.LagrangianEP(accept_boundary_term=True), pq.Collocation(2, 2), ["Biased on these trajectories",
         "the estimate is off by a boundary term at $T$", "an initial value holds one"]),
        (learn.LagrangianEP(), pq.Collocation(2, 2), ["Refused", "leaves the boundary term",
         "Rules that hold for these trajectories: `continuous-adjoint`."]),
        (learn.BackpropagationThroughTime(pq.Leapfrog(5)), pq.Leapfrog(5), ["computes the exact gradient"]),
    ],
)  # fmt: skip
def test_pages_of_initial_values(rule, solver, words):
    page = duffing().trajectories(INITIAL, solver).to_document(rule)
    assert_whole(page)
    text = page.to_markdown()
    assert [w for w in words if w not in text] == []
    assert "| positions | nodes | 0.4, 0.1, -0.2 |" in text


def test_duffing_with_losses_has_its_exact_gradient_alone():
    system = masses(mechanical.drag(0.3), spring={"cubic": 0.7})
    model = system.trajectories(*PERIODIC)
    page = model.to_document()
    assert_whole(page)
    assert learning_of(page).title == "Learning: continuous adjoint"
    for rule, why in ((learn.LagrangianEP(), "'drag' in 'nodes.drag' dissipates"),
                      (learn.TimeReversedNudge(), "'spring' in 'edges' is not linear in the states")):  # fmt: skip
        refused = learning_of(model.to_document(rule))
        told = "".join(str(part) for block in refused.blocks for part in getattr(block, "text", ()))
        assert told.startswith("Refused") and why in told
    assert not equations(page, "Nudged") and "There is no action" in page.to_markdown()


def test_costs_of_the_path_and_of_its_end():
    page = duffing().trajectories(INITIAL, pq.Collocation(2, 2), cost=BOTH).to_document()
    assert_whole(page)
    [whole] = [latex(e.rhs) for e in equations(page, "Cost") if e.label == "cost"]
    assert whole == (
        r"\int_{0}^{T} \sum_{i \in \mathcal{O}} \ell_{i} \, \mathrm{d} t + \sum_{i \in \mathcal{O}} c_{i}\left(T\right)"
    )
    assert "the terminal cost sees the last entry" in page.to_markdown()


def test_trajectories_without_cost_have_pages():
    system = duffing(cost=None, outputs=None)
    model = system.trajectories(*ENDS)
    page = model.to_document()
    assert_whole(page)
    text = page.to_markdown()
    assert "there is nothing to learn" in text and r"A = \int_{0}^{T} L" in text


def test_equations_say_what_is_held_at_the_ends():
    given = [" = ".join(map(latex, e.sides)) for e in equations(modelled("duffing").to_document(), "Boundary")]
    assert given == [r"x_{i}\left(0\right) = a_{i}", r"x_{i}\left(T\right) = b_{i}"]
    periodic = [" = ".join(map(latex, e.sides)) for e in equations(modelled("rlc").to_document(), "Boundary")]
    # The rate of a coil's flux is no unknown: its own equation gives it.
    assert periodic == [
        r"v_{i}\left(t + T\right) = v_{i}\left(t\right)",
        r"\psi_{ij}\left(t + T\right) = \psi_{ij}\left(t\right)",
    ]


def test_locality_says_what_is_measured_integrated_and_kept():
    def rows(page):
        [section] = [b for b in learning_of(page).blocks if isinstance(b, Section) and b.title.startswith("Locality")]
        [table] = [b for b in section.blocks if isinstance(b, Table)]
        shown = [["".join(latex(c.expr) if isinstance(c, Math) else str(c) for c in cell) for cell in row]
                 for row in table.rows]  # fmt: skip
        return {row[0]: row[1:] for row in shown}

    conservative = rows(modelled("chain-ends").to_document())
    assert conservative[r"k^{\mathrm{edges}}_{ij}"] == [
        "2", r"x_{i} - x_{j}, \mathrm{length}_{ij} (own parameter)", "source, target", "positive and negative",
        "0 … T", "2 running integrals, one per phase",
    ]  # fmt: skip
    lossy = rows(modelled("rlc").to_document())
    measured, where, phases, _, kept = lossy["L_{ij}"][1:]
    assert measured == (r"\psi_{ij}, \mu_{i}\left(T - t\right), \mu_{j}\left(T - t\right), L_{ij} (own parameter)")
    assert (where, phases) == ("inside the element, source, target", "free, and error backwards")
    assert kept == "the whole record of the free run, 1 running integral"
    echoes = duffing().trajectories(INITIAL, pq.Leapfrog(4)).to_document()
    assert rows(echoes)["m_{i}"][-1] == (
        "2 running integrals, one per echo; nothing of the forward run, where the echoes end, and the rate at the start"
    )


def test_updates_are_read_in_words():
    text = modelled("chain-ends").to_markdown()
    assert (
        "the square of the difference of position along x across the element from its value at rest, integrated over "
        "time: positive less negative" in text
    )
    assert "the square of the rate of position along x, integrated over time" in text


def test_structure_is_a_table_with_reasons():
    page = modelled("damped").to_document()
    [table] = [b.blocks[0] for b in page.blocks if isinstance(b, Section) and b.title == "Structure of the motion"]
    found = {row[0][0]: (row[1][0], row[2][0]) for row in table.rows}
    assert found["extremal of an action"][0] == "no" and "'drag' in 'nodes.drag'" in found["extremal of an action"][1]
    assert found["linear"] == ("yes", "–") and found["driven"] == ("yes", "input 'f'")


def test_models_print_themselves():
    model = modelled("pendula")
    text = str(model)
    assert text.splitlines()[0] == (
        "system: 3 nodes, 2 elements in 1 bundle, 8 trained parameters; extremals of an action, Periodic, 9 times"
    )
    assert "Δκ[i, j] = -η/(4 β) ∫[0 … T] ((θ[i] - θ[j])²|(β) - (θ[i] - θ[j])²|(-β)) dt" in text
    assert "linear: no (component 'pendulum' in 'nodes' is not linear in the states)" in text
    assert model._repr_markdown_() == model.to_markdown() and "<iframe srcdoc=" in model._repr_html_()
    assert model.to_latex().startswith("\\documentclass") and "<!DOCTYPE html>" in model.to_html()
