"""The formulas of pages, read from the document model and evaluated, against brute force and closed forms."""

from functools import cache

import jax
import numpy as np
import pytest
import zoo
from brute_force import forces, random_parameters, random_state, scalar_sum
from page_reader import Reader, equations

import physeq as pq
from physeq.report import Document, Equation, Section, derivation_page
from physeq.report._relations import Change, Slope
from physeq.report.notation import latex, symbol_latex
from physeq.symbolic.reduction import clamped_mask

NAMES = list(zoo.SYSTEMS)
BETA = 0.25


@cache
def page_of(name):
    return derivation_page(pq.derive(zoo.system(name)), pq.EquilibriumPropagation(pq.Centered(BETA)))


class Case:
    """A system of the zoo with random numbers, read through its page."""

    def __init__(self, name, page=None):
        self.system, self.model = zoo.system(name), zoo.compiled(name)
        self.derivation = self.model.derivation
        self.page = page or page_of(name)
        rng = np.random.default_rng(3)
        self.params = random_parameters(self.system, rng)
        if self.system.readout is not None:
            drawn = self.model.init_parameters(jax.random.key(0))["readout"]
            self.params["readout"] = {k: np.asarray(v) + 0.3 for k, v in drawn.items()}
        low = 0.1 if name == "prototypical" else -0.8
        self.states = [random_state(self.system, rng, low) for _ in range(3)]
        inputs, self.target = zoo.data(name)
        self.inputs = inputs
        named = inputs if isinstance(inputs, dict) else {e.name: inputs for e in self.system.inputs}
        self.signals, drives = {}, {}
        self.drive_forces = {}
        for entry in self.system.inputs:
            if isinstance(entry.kind, pq.Feed):
                self.signals.setdefault(entry.kind.placement, {})[entry.kind.signal.name] = named[entry.name]
            elif isinstance(entry.kind, pq.Drive):
                [part] = entry.nodes.parts
                v = self.derivation.node_variable(part.group, entry.kind.coordinate, entry.name)
                array = np.zeros(v.size)
                array[part.indices] = named[entry.name][part.columns]
                drives["u"] = array
                self.drive_forces[part.group, v.key] = array
        self.reader = Reader(
            self.page,
            self.derivation,
            self.params,
            self.states[0],
            target=self.target,
            drives=drives,
            signals=self.signals,
            beta=BETA,
            phases={BETA: self.states[1], -BETA: self.states[2]},
        )

    def free(self, v):
        if v.internal:
            return range(v.size)
        held = clamped_mask(self.system, v.group, v.coordinate)
        return [i for i in range(v.size) if not held[i]]

    def expected(self):
        found = forces(self.system, self.params, self.states[0], self.signals)
        for (group, key), array in self.drive_forces.items():
            found[group][key] = found[group][key] + array
        return found

    def places(self, v):
        """(node number, indices, element) of every equation of an unknown."""
        for i in self.free(v):
            if v.internal:
                row = self.reader.elements[v.group][i]
                yield i, dict(zip(self.reader.letters, row, strict=False)), {v.group: i}
            else:
                yield i, {self.reader.letters[0]: i}, {}


def check_motion(case):
    """At rest, right − left of every printed equation of motion is the brute-force force, on every free node."""
    expected, printed = case.expected(), iter(equations(case.page, "Equations of motion"))
    for v in case.derivation.variables.values():
        if v.group in case.derivation.held:
            continue
        equation = next(printed)
        for n, at, element in case.places(v):
            value = case.reader.value(equation.rhs - equation.lhs, at, element)
            assert value == pytest.approx(expected[v.group][v.key][n], rel=1e-9, abs=1e-9), (v.group, n)
    assert next(printed, None) is None


def check_energy(case):
    """The printed energy is the brute-force sum of V + R, less drives, where no force hides in it; and the model's."""
    [equation] = [e for e in equations(case.page, "Energy") if symbol_latex(e.lhs) == "E"]
    value = case.reader.value(equation.rhs)
    if not any(p.component.force for p in case.system.placements):
        total = scalar_sum(
            case.system, lambda c: c.potential + c.dissipation, case.params, case.states[0], case.signals
        )
        drive = sum(np.sum(a * case.states[0][g][k]) for (g, k), a in case.drive_forces.items())
        assert value == pytest.approx(total - drive)


def check_messages(case):
    """H, put into the printed local force, gives the brute-force force."""
    expected = case.expected()
    found = equations(case.page, "As executed")
    for equation in found:
        base = symbol_latex(getattr(equation.lhs, "base", equation.lhs))
        if base.startswith("H"):
            numbers = tuple(int(i) for i in equation.lhs.indices[:-1])
            case.reader.messages[(base, *numbers) if numbers else base] = equation.rhs
            case.reader.messages.setdefault(base, equation.rhs)
    fs = [e for e in found if symbol_latex(getattr(e.lhs, "base", e.lhs)).startswith("f")]
    variables = [v for v in case.derivation.variables.values() if v.group in case.derivation.locals]
    assert len(fs) == len(variables)
    for v, equation in zip(variables, fs, strict=True):
        for n, at, element in case.places(v):
            value = case.reader.value(equation.rhs, at, element)
            assert value == pytest.approx(expected[v.group][v.key][n], rel=1e-9, abs=1e-9), (v.group, n)


def check_updates(case):
    """Every printed update is −(1/2β) (∂F/∂p at +β less at −β) of the compiled model, element by element."""
    inputs, target = case.inputs, case.target
    plus = case.model.parameter_gradient(case.params, case.states[1], inputs, target, BETA)
    minus = case.model.parameter_gradient(case.params, case.states[2], inputs, target, -BETA)
    # The model clamps inputs; the page is read at a state with the same values.
    problem = case.model.problem(case.params, inputs, target)
    for nudge, state in zip((BETA, -BETA), case.states[1:], strict=True):
        case.reader.phases[nudge] = jax.tree.map(np.asarray, problem.full(problem.start(state)))
    updates = [e for e in equations(case.page, "Learning") if isinstance(e.lhs, Change)]
    seen = set()
    for equation in updates:
        target_symbol = equation.lhs.args[0]
        name = symbol_latex(getattr(target_symbol, "base", target_symbol))
        placement, array = case.reader.own[name]
        key = next(
            k for k in case.params[placement] if name == case.reader._name(_latex(case.system, placement, k), placement)
        )
        seen.add((placement, key))
        slope = -(np.asarray(plus[placement][key]) - np.asarray(minus[placement][key])) / (2 * BETA)
        for flat, value in enumerate(slope.ravel()):
            at, element = _where(case, placement, array, flat, target_symbol)
            assert case.reader.value(equation.rhs, at, element) == pytest.approx(value, rel=1e-8, abs=1e-10), name
    for placement, own in plus.items():
        for key, value in own.items():
            change = np.abs(np.asarray(value) - np.asarray(minus[placement][key])).max(initial=0)
            if (placement, key) not in seen:
                assert change < 1e-12, f"no update of {key} of {placement} is printed"


def _latex(system, placement, key):
    if placement == "readout":
        symbols = system.readout.drive.free_symbols | {system.readout.bias}
        return next(s.latex_name for s in symbols if s.name == key)
    return system.placement(placement).component.parameter(key).latex_name


def _where(case, placement, array, flat, symbol):
    indices = getattr(symbol, "indices", ())
    if placement == "readout":
        numbers = np.unravel_index(flat, array.shape)
        return {symbol_latex(i): n for i, n in zip(indices, numbers, strict=True)}, {}
    row = case.reader.elements[placement][flat]
    names = [symbol_latex(i) for i in indices]
    local = len(case.system.placement(placement).component.ports) == 1
    return dict(zip(names, row, strict=False)), {} if local else {placement: flat}


@pytest.mark.parametrize("name", NAMES)
def test_equations_of_motion_are_the_forces_of_the_declared_terms(name):
    check_motion(Case(name))


@pytest.mark.parametrize("name", NAMES)
def test_the_energy_is_the_sum_of_the_declared_terms(name):
    check_energy(Case(name))


@pytest.mark.parametrize("name", NAMES)
def test_messages_and_local_forces_are_the_forces_of_the_declared_terms(name):
    check_messages(Case(name))


@pytest.mark.parametrize("name", [n for n in NAMES if n != "directed"])
def test_updates_of_every_parameter_are_those_of_the_model(name):
    check_updates(Case(name))


# A deliberate sign error ----------------------------------------------------------------------------------------------


def spoiled(page, choose):
    """The page with the first sum of each chosen equation's right side negated."""

    def blocks(old):
        made = []
        for block in old:
            if isinstance(block, Section):
                block = Section(block.title, blocks(block.blocks))
            elif isinstance(block, Equation) and block.rhs is not None and choose(block):
                block = Equation(block.lhs, -block.rhs, block.label, block.note)
            made.append(block)
        return made

    return Document(page.title, blocks(page.blocks), page.symbols)


@pytest.mark.parametrize(
    ("check", "choose"),
    [
        (check_motion, lambda e: e.label is None and e.rhs != 0),
        (check_energy, lambda e: symbol_latex(e.lhs) == "E"),
        (check_messages, lambda e: symbol_latex(e.lhs).startswith("H")),
        (check_updates, lambda e: isinstance(e.lhs, Change)),
    ],
)
def test_a_wrong_sign_is_caught(check, choose):
    page = page_of("layered")
    check(Case("layered", page))
    with pytest.raises(AssertionError):
        check(Case("layered", spoiled(page, choose)))


# Closed forms ---------------------------------------------------------------------------------------------------------


def test_the_update_of_a_conductance_is_the_rule_on_independently_solved_circuits():
    """Kirchhoff's equations are solved with numpy, the printed update read off the page; the rule must agree."""
    v, target = pq.electrical.v, pq.target("y")
    pairs = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)]
    network = pq.System(
        pq.from_edges(*zip(*pairs, strict=True), size=4),
        edges=pq.electrical.resistor(),
        ground=0,
        inputs=[1],
        outputs=[3],
        cost=(v - target) ** 2 / 2,
    )
    beta, x, y = 0.1, 1.0, 0.6
    g = np.array([1.0, 2.0, 0.5, 1.5, 0.7])
    laplacian = np.zeros((4, 4))
    for value, (a, b) in zip(g, pairs, strict=True):
        laplacian[[a, b], [a, b]] += value
        laplacian[[a, b], [b, a]] -= value

    def solve(nudge):
        matrix, right = laplacian.copy(), np.zeros(4)
        matrix[3, 3] += nudge
        right[3] += nudge * y
        for node, level in ((0, 0.0), (1, x)):
            matrix[node], right[node] = np.eye(4)[node], level
        return np.linalg.solve(matrix, right)

    rule = pq.EquilibriumPropagation(pq.Centered(beta))
    derivation = network.derive()
    page = derivation.to_document(rule)
    [name] = derivation.placed
    params = {name: {"g": g}}
    phases = {nudge: {"nodes": {"v": solve(nudge)}} for nudge in (beta, -beta)}
    reader = Reader(page, derivation, params, phases[beta], beta=beta, phases=phases)
    [update] = [e for e in equations(page, "Learning") if isinstance(e.lhs, Change)]
    printed = [reader.value(update.rhs, {"i": a, "j": b}, {name: k}) for k, (a, b) in enumerate(pairs)]
    estimate, _ = rule.gradient(
        network.compile(), jax.tree.map(jax.numpy.asarray, params), np.array([[x]]), np.array([[y]])
    )
    np.testing.assert_allclose(printed, -estimate[name]["g"], rtol=1e-7, atol=1e-12)
    drops = [[phases[n]["nodes"]["v"][a] - phases[n]["nodes"]["v"][b] for a, b in pairs] for n in (beta, -beta)]
    np.testing.assert_allclose(printed, -(np.square(drops[0]) - np.square(drops[1])) / (4 * beta), rtol=1e-9)


def test_the_page_of_a_hopfield_network_holds_the_known_expressions():
    page = page_of("layered")
    slopes = {symbol_latex(e.lhs.args[1].base): e.rhs for e in equations(page, "Learning") if isinstance(e.lhs, Slope)}
    shown = {name: latex(expr) for name, expr in slopes.items()}
    assert shown[r"b^{\mathrm{output}}"] == r"- \tanh{\left(s^{\mathrm{output}}_{i} \right)}"
    assert shown[r"w^{\mathrm{hidden\to output}}"] == (
        r"- \tanh{\left(s^{\mathrm{hidden}}_{i} \right)} \tanh{\left(s^{\mathrm{output}}_{j} \right)}"
    )


def test_a_damped_chain_of_masses_moves_by_newtons_law():
    """m q̈ = −Σ forces, summed by hand over springs and dampers with random accelerations and rates."""
    q = pq.coordinate("q")
    m, k, length = (pq.parameter(name, positive=True) for name in ("m", "k", "l"))
    c = pq.parameter("c", positive=True, shared=True)
    mass = pq.Node("mass", kinetic=m * q.dot**2 / 2)
    spring = pq.Edge(
        "spring",
        potential=k * (q.source - q.target - length) ** 2 / 2,
        dissipation=c * (q.source.dot - q.target.dot) ** 2 / 2,
    )
    pairs = [(0, 1), (1, 2), (2, 3), (3, 1)]
    chain = pq.System(pq.from_edges(*zip(*pairs, strict=True), size=4), nodes=mass, edges=spring, ground=0)
    derivation = chain.derive()
    rng = np.random.default_rng(0)
    params = random_parameters(chain, rng)
    [name] = [p.name for p in chain.placements if len(p.component.ports) == 2]
    position, rate, acceleration = rng.normal(size=(3, 4))
    page = derivation.to_document()
    rates = {("nodes", 1): rate, ("nodes", 2): acceleration}
    reader = Reader(page, derivation, params, {"nodes": {"q": position}}, rates=rates)
    [equation] = equations(page, "Equations of motion")
    own, force = params[name], np.zeros(4)
    for e, (a, b) in enumerate(pairs):
        pull = own["k"][e] * (position[a] - position[b] - own["l"][e]) + own["c"] * (rate[a] - rate[b])
        force[a] -= pull
        force[b] += pull
    for i in (1, 2, 3):
        assert reader.value(equation.lhs, {"i": i}) == pytest.approx(params["nodes"]["m"][i] * acceleration[i])
        assert reader.value(equation.rhs, {"i": i}) == pytest.approx(force[i])
