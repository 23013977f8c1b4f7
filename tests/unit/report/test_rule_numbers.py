"""The formulas on pages of learning rules, evaluated at random states, against the functions that run."""

import re
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import one_way_systems
import pytest
import zoo
from page_reader import equations
from rule_reader import Drawn, after, update
from test_page_numbers import spoiled

import physeq as pq
from physeq.compile import Problem, force_parameter_gradient
from physeq.learn import (
    AsymmetricEP,
    Centered,
    ContinualEP,
    ContinualVectorFieldEP,
    DyadicEP,
    ForceResponse,
    JacobianHomeostasis,
    MapResponse,
    OneSided,
    VectorFieldEP,
)
from physeq.learn.response import response_gradient
from physeq.report._relations import Change
from physeq.report.notation import symbol_latex
from physeq.solve import EulerSteps, FixedPoint
from physeq.solve.finder import flatten, unflatten
from physeq.solve.response import transported_error, transposed_response
from physeq.symbolic.reduction import clamped_mask

BETA = 0.25
s, r, y = zoo.s, pq.coordinate("r"), zoo.y
w, u, k = pq.parameter("w"), pq.parameter("u"), pq.parameter("k", bounds=(0.1, 2.0))


@cache
def two_ways():
    """Prototypical units with separate weights there and back."""
    free = pq.layered([3, 4, 2], bidirected=True)
    topology = pq.Topology(free.groups, tuple(b for b in free.bundles if b.groups[1] != "input"))
    units = {"hidden": zoo.LOGISTIC, "output": zoo.LOGISTIC}
    edge = pq.Edge("arrow", force={s.target: w * s.source})
    system = pq.System(topology, nodes=units, edges=edge, inputs="input", **zoo.UNIT_COST)
    return system, system.compile()


@cache
def twisted():
    """Forces without an energy inside nodes with two unknowns, across edges of two kinds, and a shared parameter."""
    node = pq.Node(
        "pair",
        potential=s**2 + r**2 + s**4 / 12,
        force={s: k * r + zoo.b, r: -u * s * r / 3},
        dissipation=s.dot**2 / 2 + r.dot**2 / 2,
    )
    q = pq.parameter("q", shared=True)
    edge = pq.Edge("cross", potential=-w * s.source * r.target / 5, force={s.target: q * r.source * s.target / 3})
    return_path = [[0, 1], [1, 2], [2, 3], [3, 0], [0, 2], [1, 1]]
    options = {"nodes": node, "inputs": pq.Clamp([0], coordinate="s"), "outputs": [3, 2], "cost": (s - y) ** 2 / 2}
    system = zoo._graph(4, (edge, return_path), **options)
    return system, system.compile()


BUILT = {"two ways": two_ways, "twisted": twisted, **one_way_systems.BUILT}


def drawn(name, rule):
    return Drawn(BUILT[name]() if name in BUILT else name, rule, beta=BETA)


# Continual rules ------------------------------------------------------------------------------------------------------


def one_step(case):
    """(θ after one step from the first to the second drawn state, as the rule has it)."""
    change = case.rule.changes(case.problem, case.free[0], case.free[1], jnp.ones(()))
    rates = case.rule.rate_tree(case.model)

    def moved(name, key):
        return np.asarray(case.params[name][key]) - rates[name][key] / BETA * np.asarray(change[name][key])

    return {name: {key: moved(name, key) for key in own} for name, own in rates.items() if name != "readout"}


def check_step(case):
    path = [(case.full[0], case.params), (case.full[1], case.params)]
    reader = case.reader(path=path)
    moved, start = one_step(case), case.params
    change = {n: {p: value - np.asarray(start[n][p]) for p, value in own.items()} for n, own in moved.items()}
    seen = case.compare(reader, moved, after("t + 1"))
    assert seen
    case.silent(change, seen)


CONTINUAL = {
    "prototypical": FixedPoint(3),
    "layered": EulerSteps(0.1, 3),
    "resistors": FixedPoint(3),
    "readout": EulerSteps(0.1, 3),
    "signals": EulerSteps(0.1, 3),
    "patterns": EulerSteps(0.1, 3),
}


@pytest.mark.parametrize("name", CONTINUAL)
def test_continual_steps_are_those_of_the_rule(name):
    check_step(drawn(name, ContinualEP(default=1.0, nudging=OneSided(BETA), free=CONTINUAL[name])))


@pytest.mark.parametrize("weighting", [ForceResponse(), MapResponse()])
@pytest.mark.parametrize("name", ["prototypical", "resistors", "two ways", "directed"])
def test_continual_vector_field_steps_are_those_of_the_rule(name, weighting):
    finder = FixedPoint(3) if name in ("prototypical", "resistors", "two ways") else EulerSteps(0.1, 3)
    case = drawn(name, ContinualVectorFieldEP(default=1.0, nudging=OneSided(BETA), free=finder, weighting=weighting))
    if weighting == MapResponse():
        at_rest = rest_of(case.problem)
        # The map of step t leads, without the nudge, where the updates of that step read the curvature.
        curvature = curvature_at(at_rest, finder.stepper(at_rest)(case.free[0]))
        case.reader = lambda reader=case.reader, **more: reader(beside={"h": curvature}, **more)
    check_step(case)


def rest_of(problem):
    """The problem without its nudge."""
    return Problem(**{f: getattr(problem, f) for f in problem.__dataclass_fields__} | {"target": None})


def curvature_at(rest, state):
    """1/ρ′ of every unknown, the curvature by which the map divides the forces."""
    return jax.tree.map(np.asarray, rest.curvature(state))


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("prototypical", ContinualEP(default=1.0, nudging=OneSided(BETA), free=FixedPoint(20), nudged=FixedPoint(5))),
        ("two ways", ContinualVectorFieldEP(default=1.0, nudging=OneSided(BETA), free=FixedPoint(20))),
    ],
)
def test_the_telescoped_change_is_what_a_whole_phase_leaves(name, rule):
    case = drawn(name, rule)
    inputs, target = case.problem.held["input"]["s"], case.target
    params = jax.tree.map(jnp.asarray, case.params)
    path = rule.trajectory(case.model, params, inputs, target)
    state, moving, _ = path.run()
    _, moved = path.outcome(state, moving)
    full = [jax.tree.map(np.asarray, path.problem.full(x)) for x in (path.free[0], state)]
    reader = case.reader(path=[(full[0], case.params), (full[1], moved)])
    seen = case.compare(reader, moved, after("K"))
    bundles = {key for key in seen if "->" in key[0]}
    assert bundles == (
        {("input->hidden", "w")} if name == "two ways" else {("input->hidden", "w"), ("hidden->output", "w")}
    )


def test_a_readout_moves_once_by_the_slope_of_the_cost():
    case = drawn("readout", ContinualEP(default=1.0, nudging=OneSided(BETA), free=EulerSteps(0.1, 3)))
    slope = case.problem.cost_evaluator.parameter_gradient(
        case.problem.full(case.free[1]), case.problem.params, case.problem.target, jnp.ones(())
    )
    reader = case.reader(path=[(case.full[0], case.params), (case.full[1], case.params)])
    seen = case.compare(reader, {"readout": jax.tree.map(jnp.negative, slope)}, update)
    assert {key for _, key in seen} == set(case.params["readout"])


# Responses ------------------------------------------------------------------------------------------------------------


def check_response(case):
    betas, weights, _ = case.rule.nudging.betas(None, jnp.float64)
    states = [case.free[1], case.free[2]][: len(betas)]
    moved = [jax.tree.map(jnp.subtract, x, case.free[0]) for x in states]
    response = jax.tree.map(lambda *x: sum(a * b for a, b in zip(weights, x, strict=True)), *moved)
    rest = rest_of(case.problem)
    weighed = case.rule.weigh(rest, case.free[0], response)
    gradient = response_gradient(case.problem, case.free[0], weighed)
    phases = {0: case.full[0], **{float(b): case.full[n + 1] for n, b in enumerate(betas)}}
    beside = {"r": jax.tree.map(np.asarray, response), "h": curvature_at(rest, case.free[0])}
    reader = case.reader(phases=phases, beside=beside)
    change = jax.tree.map(lambda g: -np.asarray(g), gradient)
    seen = case.compare(reader, change, update)
    assert seen
    case.silent(change, seen)
    for equation in equations(case.page, "Learning"):
        base = symbol_latex(getattr(equation.lhs, "base", equation.lhs))
        if base in reader.per_unknown and base[0] in "rh":
            v, arrays = reader.per_unknown[base]
            for n in range(v.size):
                if v.internal or clamped_mask(case.system, v.group, v.coordinate)[n]:
                    continue
                printed = reader.value(equation.rhs, {reader.letters[0]: n})
                assert printed == pytest.approx(float(arrays[v.group][v.key][n]), rel=1e-12, abs=1e-12)


RESPONSES = [
    "prototypical", "layered", "resistors", "directed", "two ways", "twisted", "readout", "signals", "shared signals",
    "internal", "triple",
]  # fmt: skip


@pytest.mark.parametrize("name", RESPONSES)
def test_vector_field_updates_are_those_of_the_rule(name):
    check_response(drawn(name, VectorFieldEP(Centered(BETA))))


@pytest.mark.parametrize("name", ["prototypical", "resistors", "directed", "two ways"])
@pytest.mark.parametrize("nudging", [OneSided(BETA), Centered(BETA)])
def test_updates_with_the_weighting_of_the_map_are_those_of_the_rule(name, nudging):
    check_response(drawn(name, VectorFieldEP(nudging, weighting=MapResponse())))


def jacobian(problem, free):
    """J of the forces without nudge, zero on held entries, as a dense matrix."""
    rest = rest_of(problem)
    held = jnp.concatenate(
        [
            jnp.broadcast_to(rest.clamps.get(g, {}).get(q, (jnp.zeros((), bool),))[0], free[g][q].shape)
            for g in sorted(free)
            for q in sorted(free[g])
        ]
    )
    full = jax.jacfwd(lambda x: flatten(rest.force(unflatten(x, free))))(flatten(free))
    return jnp.where(held[:, None] | held[None, :], 0.0, full)


ASYMMETRIC = ["directed", "two ways", "twisted"]


@pytest.mark.quick("directed", "twisted")
@pytest.mark.parametrize("name", ASYMMETRIC)
def test_the_printed_correction_transposes_the_jacobian(name):
    case = drawn(name, AsymmetricEP(Centered(BETA)))
    matrix = jacobian(case.problem, case.free[0])
    moved = flatten(jax.tree.map(jnp.subtract, case.free[1], case.free[0]))
    expected = unflatten((matrix.T - matrix) @ moved, case.free[0])
    run = transposed_response(case.problem, case.free[0]).cost_pull(case.free[1])
    pull = case.problem.cost_pull(case.free[1])
    reader = case.reader(phases={0: case.full[0]}, beside={"a": expected})
    reader.state = case.full[1]
    seen = 0
    for equation in equations(case.page, "Learning"):
        base = symbol_latex(getattr(equation.lhs, "base", equation.lhs))
        if base not in reader.per_unknown:
            continue
        v, arrays = reader.per_unknown[base]
        held, seen = clamped_mask(case.system, v.group, v.coordinate), seen + 1
        for n in (n for n in range(v.size) if not held[n]):
            printed = reader.value(equation.rhs, {reader.letters[0]: n})
            assert printed == pytest.approx(float(arrays[v.group][v.key][n]), rel=1e-12, abs=1e-12)
            added = run[v.group][v.key][n] - pull.get(v.group, {}).get(v.key, jnp.zeros(v.size))[n]
            assert printed == pytest.approx(float(added), rel=1e-9, abs=1e-11)
    assert seen == len([v for v in case.derivation.variables.values() if v.group in case.derivation.locals])


@pytest.mark.parametrize("name", [*ASYMMETRIC, "layered", "resistors", "capacitors", "internal", "readout"])
def test_the_printed_difference_of_two_copies_moves_by_the_transposed_jacobian(name):
    case = drawn(name, DyadicEP(BETA))
    moved = jax.tree.map(jnp.subtract, case.free[1], case.free[0])
    problem = transported_error(case.problem, case.free[0])
    expected, slopes = problem.force(moved), jax.tree.map(lambda x: -x / BETA, problem.cost_pull(case.free[0]))
    wide = {v.group: {} for v in case.derivation.variables.values()}
    for v in case.derivation.variables.values():
        wide[v.group][v.key] = np.asarray(slopes.get(v.group, {}).get(v.key, np.zeros(v.size)))
    reader = case.reader(beside={"d": moved}, slopes=wide)
    found = [e for e in equations(case.page, "Learning") if (e.label or "").startswith("difference")]
    unknowns = [v for v in case.derivation.variables.values() if v.group in case.derivation.locals]
    assert len(found) == len(unknowns)
    for v, equation in zip(unknowns, found, strict=True):
        for n in range(v.size):
            if not v.internal and clamped_mask(case.system, v.group, v.coordinate)[n]:
                continue
            row = reader.elements[v.group][n] if v.internal else (n,)
            at, element = dict(zip(reader.letters, row, strict=False)), {v.group: n} if v.internal else {}
            printed = reader.value(equation.rhs, at, element)
            assert printed == pytest.approx(float(expected[v.group][v.key][n]), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", ["directed", "two ways", "twisted", "layered", "readout"])
def test_dyadic_updates_are_those_of_the_rule(name):
    case = drawn(name, DyadicEP(BETA))
    difference = jax.tree.map(jnp.subtract, case.free[1], case.free[0])
    gradient = response_gradient(case.problem, case.free[0], jax.tree.map(lambda d: d / BETA, difference))
    change = jax.tree.map(lambda g: -np.asarray(g), gradient)
    seen = case.compare(case.reader(beside={"d": difference}), change, update)
    case.silent(change, seen)


# Homeostasis ----------------------------------------------------------------------------------------------------------


def penalised(case):
    """∂/∂θ of 2‖A‖² at the first drawn state, held fixed."""

    def penalty(params):
        problem = case.model.problem(params, case.inputs, case.target)
        matrix = jacobian(problem, case.free[0])
        return jnp.sum((matrix - matrix.T) ** 2) / 2

    return jax.grad(penalty)(jax.tree.map(jnp.asarray, case.params))


class Entries:
    """Reads Q of elements, zero where there is none, and S of two unknowns, zero where one of them is held."""

    def __init__(self, case, reader):
        self.case, self.reader, self.plain = case, reader, reader._entry
        found = [e for e in equations(case.page, "Learning") if (e.label or "").startswith(("entry", "sum"))]
        self.equations = {symbol_latex(e.lhs.base): e for e in found}
        self.meanings = {symbol_latex(getattr(e.symbol, "base", e.symbol)): e.meaning[0] for e in case.page.symbols}
        self.placements = {f"entry, {p.name.replace('->', ' → ')}": p.name for p in case.system.placements}
        reader._entry = self

    def __call__(self, e, at, element):
        name = symbol_latex(e.base)
        if name not in self.equations:
            return self.plain(e, at, element)
        equation, indices = self.equations[name], [int(self.reader._value(i, at, element)) for i in e.indices]
        at = dict(zip(map(symbol_latex, equation.lhs.indices), indices, strict=True))
        if equation.label == "sum":
            return 0.0 if self.held(name, indices) else self.reader.value(equation.rhs, at, element)
        placement = self.placements[equation.label]
        rows = self.reader.elements[placement].tolist()
        if isinstance(self.case.system.placement(placement).pattern, pq.OneToOne):
            indices = indices * len(rows[0])
        # The element that a sum has chosen or that is updated; else the one that the indices name.
        numbers = [n for n, row in enumerate(rows) if row == indices]
        if element.get(placement) in numbers:
            numbers = [element[placement]]
        assert len(numbers) <= 1
        return sum(self.reader.value(equation.rhs, at, {placement: n}) for n in numbers)

    def held(self, name, indices):
        said = re.search(r", (\w+) of (\S+) and (\w+) of ([^\s,]+)(?:, at the (\w+))?$", self.meanings[name])
        variables = {(v.group, v.key): v for v in self.case.derivation.variables.values()}
        if said is None:
            [(group, key)] = variables
            said = [None, key, group, key, group, None]
        ends = [variables[said[2], said[1]], variables[said[4], said[3]]]
        if said[5] is not None:
            ports = self.case.system.placement(said[4]).component.ports
            ends, indices = ends[:1], [indices[ports.index(said[5])]]
        masks = [clamped_mask(self.case.system, v.group, v.coordinate) for v in ends]
        nodes = indices if len(indices) == len(ends) else indices * len(ends)
        return any(mask[n] for mask, n in zip(masks, nodes, strict=True))


PENALISED = {
    "directed": {"w"},
    "two ways": {"w"},
    "twisted": {"u", "k", "q"},
    "gated": {"w", "u", "v", "g"},
    "remembering": {"w", "u", "k"},
    "paired": {"w", "u"},
}


@pytest.mark.parametrize("name", PENALISED)
@pytest.mark.quick("twisted", "remembering", "directed", "paired", "two ways")
def test_the_printed_penalty_is_the_antisymmetric_part_of_the_jacobian(name):
    strength = 0.3
    case = drawn(name, JacobianHomeostasis(VectorFieldEP(Centered(BETA)), strength))
    expected = jax.tree.map(lambda g: -strength * np.asarray(g), penalised(case))
    reader = case.reader(beside={})
    reader.scalars[r"\lambda"] = strength
    Entries(case, reader)
    seen = set()
    for equation in equations(case.page, "Learning"):
        if not (equation.label or "").startswith("homeostasis"):
            continue
        (placement, key), places = case.places(update(equation), reader)
        seen.add((placement, key))
        for number, at, element in places:
            printed = reader.value(equation.rhs, at, element)
            assert printed == pytest.approx(np.ravel(expected[placement][key])[number], rel=1e-10, abs=1e-12)
    case.silent(expected, seen)
    assert {key for _, key in seen} == PENALISED[name]


# A deliberate sign error ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "rule", "choose"),
    [
        (check_step, ContinualEP(default=1.0, nudging=OneSided(BETA), free=FixedPoint(3)), after("t + 1")),
        (check_step, ContinualVectorFieldEP(default=1.0, nudging=OneSided(BETA), free=FixedPoint(3)), after("t + 1")),
        (check_response, VectorFieldEP(Centered(BETA)), lambda e: isinstance(e.lhs, Change)),
    ],
)
def test_a_wrong_sign_is_caught(check, rule, choose):
    case = drawn("prototypical", rule)
    check(case)
    case.page = spoiled(case.page, choose)
    with pytest.raises(AssertionError):
        check(case)


def test_the_response_of_forces_is_what_the_oracle_says():
    """∂f/∂p of the printed updates by `jax.grad`, independently of the derived expressions."""
    case = drawn("twisted", VectorFieldEP(Centered(BETA)))
    weight = jax.tree.map(jnp.subtract, case.free[1], case.free[0])

    def total(params):
        problem = case.model.problem(params, case.inputs, case.target)
        force = problem.force(case.free[0])
        return sum(jnp.sum(a * b) for a, b in zip(jax.tree.leaves(weight), jax.tree.leaves(force), strict=True))

    found = force_parameter_gradient(case.problem, case.free[0], weight)
    oracle = jax.grad(total)(jax.tree.map(jnp.asarray, case.params))
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(oracle), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
