"""One suite for all equilibrium finders: the same state as an independent solver, for every shape, jitted, vmapped,
differentiated, started warm, compiled once, and honest where it fails."""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import zoo
from brute_force import forces, random_parameters

import physeq as pq
from physeq.graph import Group, Topology
from physeq.solve import Outcome
from physeq.symbolic.reduction import clamped_mask

BATCH = (2, 3)
FINDERS = {
    "Minimise": (pq.Minimise(), ["layered", "diodes", "xy", "hopfield"]),
    "NonlinearCG": (pq.Minimise(method=pq.NonlinearCG()), ["hopfield"]),
    "Newton": (pq.Newton(), ["directed", "diodes", "boxed", "saturating", "layered", "internal"]),
    "NodeDescent": (
        pq.NodeDescent(2000, tolerance=1e-11),
        ["boxed", "saturating", "layered", "hopfield", "diodes", "driven", "xy"],
    ),
    "FixedPoint": (pq.FixedPoint(3000, tolerance=1e-11), ["prototypical", "driven"]),
    "DenseDirect": (pq.LinearSolve(), ["resistors", "driven", "capacitors"]),
    "ConjugateGradients": (pq.LinearSolve(pq.ConjugateGradients(1e-12)), ["resistors"]),
    "SparseDirect": (pq.LinearSolve(pq.SparseDirect()), ["resistors"]),
    "Relaxation": (
        pq.Relaxation(tolerance=1e-7, rtol=1e-9, atol=1e-9),
        ["layered", "directed", "xy", "capacitors", "saturating"],
    ),
    "Implicit": (pq.Relaxation(tolerance=1e-7, rtol=1e-8, atol=1e-8, method=pq.Implicit()), ["hopfield"]),
    "EulerSteps": (pq.EulerSteps(0.1, 5000, tolerance=1e-10), ["layered", "saturating"]),
}
# Solvers of many parts compile for long; they run with the slow tests.
MOST_QUICK = [pytest.param(f, marks=pytest.mark.slow) if f in ("Implicit", "NonlinearCG") else f for f in FINDERS]
CASES = [(finder, name) for finder, (_, names) in FINDERS.items() for name in names]
# The first system of each finder, for the properties that do not depend on the system.
MAIN = {finder: names[0] for finder, (_, names) in FINDERS.items()}


@cache
def problem_data(name):
    """(model, params, inputs, target): couplings weak enough for one equilibrium."""
    system = zoo.system(name)
    params = random_parameters(system, np.random.default_rng(11))
    for own in params.values():
        if "w" in own:
            own["w"] = 0.35 * own["w"]
    inputs, target = zoo.data(name, 3, BATCH)
    return zoo.compiled(name), jax.tree.map(jnp.asarray, params), inputs, target


@cache
def reference(name):
    """Equilibria by SciPy on the brute-force forces, (2, 3) of them, as one flat array per sample."""
    model, params, inputs, _ = problem_data(name)
    system, derivation = model.system, model.derivation
    keys = [(v.group, v.key, ~clamped_mask(system, v.group, v.coordinate)) for v in derivation.variables.values()]
    params = jax.tree.map(np.asarray, params)
    bounds = {g: {k: (np.asarray(lo), np.asarray(hi)) for k, (lo, hi) in o.items()} for g, o in bounds_of(name).items()}
    result = np.empty(BATCH, object)
    for index in np.ndindex(BATCH):
        problem = model.problem(params, inputs[index])
        start = jax.tree.map(np.asarray, problem.full(problem.start()))

        def unpack(x, start=start):
            state, at = {g: {k: np.array(v) for k, v in own.items()} for g, own in start.items()}, 0
            for group, key, free in keys:
                state[group][key][free] = x[at : at + free.sum()]
                at += free.sum()
            return state

        def residual(x, index=index, unpack=unpack):
            f = forces(system, params, unpack(x))
            for entry in system.inputs:
                if isinstance(entry.kind, pq.Drive):
                    f["nodes"]["v"][entry.nodes.parts[0].indices] += inputs[index]
            return np.concatenate([f[g][k][free] for g, k, free in keys])

        size = sum(free.sum() for _, _, free in keys)
        low, high = (
            np.concatenate(
                [np.broadcast_to(bounds.get(g, {}).get(k, (-np.inf, np.inf))[e], free.sum()) for g, k, free in keys]
            )
            for e in (0, 1)
        )
        if bounds:
            x = np.zeros(size)
            for _ in range(600):
                x = np.clip(x + 0.15 * residual(x), low, high)
            assert np.abs(np.clip(x + residual(x), low, high) - x).max() < 1e-9
            assert np.any((x == low) | (x == high)) or index != (0, 0)
        else:
            solved = scipy.optimize.root(residual, np.full(size, 0.5 if name == "prototypical" else 0.0), tol=1e-13)
            x = solved.x
            assert np.abs(residual(x)).max() < 1e-9
        result[index] = unpack(x)
    return result


def bounds_of(name):
    return {"boxed": {"nodes": {"v": (-0.1, 0.2)}}, "saturating": {"nodes": {"s": (-0.2, 0.3)}}}.get(name, {})


@cache
def solved(finder, name):
    model, params, inputs, _ = problem_data(name)
    return pq.equilibrium(model, params, inputs, finder=FINDERS[finder][0])


@pytest.mark.quick(
    "NonlinearCG-hopfield",
    "Newton-directed",
    "Newton-diodes",
    "Newton-internal",
    "NodeDescent-boxed",
    "NodeDescent-hopfield",
    "NodeDescent-driven",
    "NodeDescent-xy",
    "FixedPoint-prototypical",
    "FixedPoint-driven",
    "DenseDirect-resistors",
    "DenseDirect-driven",
    "DenseDirect-capacitors",
    "ConjugateGradients-resistors",
    "SparseDirect-resistors",
    "Relaxation-capacitors",
    "EulerSteps-layered",
    "EulerSteps-saturating",
)
@pytest.mark.parametrize(("finder", "name"), CASES)
def test_same_equilibrium_as_scipy(finder, name):
    found, expected = solved(finder, name), reference(name)
    assert found.outcome.shape == BATCH and np.all(found.outcome == Outcome.CONVERGED)
    assert found.residual.shape == BATCH and np.all(found.residual < 1e-6) and int(found.steps) >= 1
    for index in np.ndindex(BATCH):
        for group, own in expected[index].items():
            for key, x in own.items():
                np.testing.assert_allclose(
                    found[group][key][index], x, atol=2e-6 if "Relax" in finder or finder == "Implicit" else 1e-8
                )


@pytest.mark.quick(
    "Minimise-shape0",
    "NonlinearCG-shape1",
    "Newton-shape2",
    "NodeDescent-shape3",
    "FixedPoint-shape4",
    "DenseDirect-shape5",
    "ConjugateGradients-shape6",
    "SparseDirect-shape7",
    "EulerSteps-shape10",
    "Minimise-shape11",
    "Newton-shape12",
    "NodeDescent-shape13",
    "FixedPoint-shape14",
    "DenseDirect-shape15",
    "Relaxation-shape16",
)
@pytest.mark.parametrize(
    ("finder", "shape"),
    [(finder, ()) for finder in FINDERS]
    + [(finder, (3,)) for finder in ("Minimise", "Newton", "NodeDescent", "FixedPoint", "DenseDirect", "Relaxation")],
)
def test_batches_are_sample_by_sample(finder, shape):
    name = MAIN[finder]
    model, params, inputs, _ = problem_data(name)
    one = pq.equilibrium(model, params, inputs[0, 1] if shape == () else inputs[1], finder=FINDERS[finder][0])
    assert one.outcome.shape == shape
    for group, own in solved(finder, name).items():
        for key, x in own.items():
            assert one[group][key].shape == (*shape, x.shape[-1])
            tolerance = 1e-6 if "Relax" in finder or finder == "Implicit" else 1e-9
            np.testing.assert_allclose(one[group][key], x[0, 1] if shape == () else x[1], atol=tolerance)


@dataclass(frozen=True)
class Counting(pq.Finder):
    """A finder that counts how often it is traced."""

    inner: pq.Finder
    traces: ClassVar[list] = []

    def check(self, model):
        self.inner.check(model)

    def find(self, problem, free):
        self.traces.append(self.inner)
        return self.inner.find(problem, free)


@pytest.mark.quick("Newton", "NodeDescent", "FixedPoint", "DenseDirect", "SparseDirect", "EulerSteps")
@pytest.mark.parametrize("finder", MOST_QUICK)
def test_second_calls_compile_nothing_and_warm_starts_are_short(finder):
    name = MAIN[finder]
    model, params, inputs, target = problem_data(name)
    counting = Counting(FINDERS[finder][0])
    Counting.traces.clear()

    def solve(x, scale, **options):
        p = jax.tree.map(lambda v: v * scale, params)
        return pq.equilibrium(model, p, x, target=target, finder=counting, **options)

    first = solve(inputs, 1.0, beta=0.01)
    count = len(Counting.traces)
    assert count >= 1
    for x, scale, beta in ((inputs, 1.01, 0.01), (0.9 * inputs, 1.0, 0.01), (inputs, 1.0, 0.02), (inputs, 1.0, -0.01)):
        solve(x, scale, beta=beta)
    assert len(Counting.traces) == count
    warm = solve(inputs, 1.0, beta=0.01, start=first)
    again = solve(inputs, 1.0, beta=0.01, start=warm.state)
    if not finder.startswith(("Minimise", "NonlinearCG")):  # a line search at round-off takes as many steps as it likes
        assert int(warm.steps) <= max(int(first.steps), 2)
    if finder in ("Newton", "NodeDescent", "FixedPoint", "Relaxation", "Implicit", "EulerSteps"):
        assert int(again.steps) <= 2 + int(first.steps) // 3
    for a, b in zip(jax.tree.leaves(first.state), jax.tree.leaves(again.state), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)
    assert len(Counting.traces) <= 2 * count


@pytest.mark.parametrize("finder", MOST_QUICK)
@pytest.mark.quick("Newton", "SparseDirect", "NodeDescent", "DenseDirect", "EulerSteps", "FixedPoint")
def test_implicit_gradients_agree_with_differences(finder):
    """Derivatives by parameters, inputs and β of a random function of the state, in a random direction."""
    name = MAIN[finder]
    model, params, inputs, target = problem_data(name)
    rng = np.random.default_rng(7)
    weights = {g: {k: rng.normal(size=x.shape) for k, x in own.items()} for g, own in solved(finder, name).items()}
    point = (params, jnp.asarray(inputs), jnp.asarray(target), jnp.asarray(0.1))
    direction = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)), point)

    @eqx.filter_jit
    def loss(point):
        p, x, y, beta = point
        state = pq.equilibrium(model, p, x, target=y, beta=beta, finder=FINDERS[finder][0], throw=False).state
        return sum(jnp.sum(weights[g][k] * state[g][k]) for g in weights for k in weights[g])

    slope = jax.grad(loss)(point)
    found = sum(float(jnp.sum(a * b)) for a, b in zip(jax.tree.leaves(slope), jax.tree.leaves(direction), strict=True))
    step = 1e-4
    ends = [loss(jax.tree.map(lambda x, d, h=h: x + h * d, point, direction)) for h in (step, -step)]
    assert found == pytest.approx(
        float(ends[0] - ends[1]) / (2 * step), rel=2e-3 if "Relax" in finder or finder == "Implicit" else 2e-5
    )
    assert abs(found) > 1e-2


@pytest.mark.parametrize("finder", MOST_QUICK)
def test_jit_and_vmap_over_parameters(finder):
    name = MAIN[finder]
    model, params, inputs, _ = problem_data(name)
    if finder == "SparseDirect":
        pytest.importorskip("klujax")
    many = jax.tree.map(lambda x: jnp.stack([x, 1.1 * x]), params)

    @jax.jit
    def solve(p):
        return jax.vmap(lambda one: pq.equilibrium(model, one, inputs[0], finder=FINDERS[finder][0], throw=False))(p)

    found = solve(many)
    assert np.all(found.outcome == Outcome.CONVERGED)
    for k in range(2):
        alone = pq.equilibrium(model, jax.tree.map(lambda x, k=k: x[k], many), inputs[0], finder=FINDERS[finder][0])
        for a, b in zip(jax.tree.leaves(found.state), jax.tree.leaves(alone.state), strict=True):
            np.testing.assert_allclose(a[k], b, atol=2e-6 if "Relax" in finder or finder == "Implicit" else 1e-9)


# ---- honest failure ------------------------------------------------------------------------------------------------


def runaway():
    s = zoo.s
    node = pq.Node("runaway", potential=s**2 / 2 - s**4 / 4 - 2 * s, dissipation=s.dot**2 / 2)
    model = pq.System(Topology((Group("n", 2),)), nodes=node).compile()
    return model, model.init_parameters(jax.random.key(0))


@pytest.mark.parametrize(
    "finder",
    [
        pq.Minimise(),
        pq.Relaxation(duration=50.0, max_steps=500),
        pq.EulerSteps(0.1, 500, tolerance=1e-9),
        pq.NodeDescent(50, tolerance=1e-9),
    ],
    ids=lambda f: type(f).__name__,
)
def test_an_energy_without_lower_bound_is_a_failure(finder):
    model, params = runaway()
    result = pq.equilibrium(model, params, finder=finder, throw=False)
    assert np.all(result.failed)
    with pytest.raises(
        pq.SolveError, match=rf"{type(finder).__name__} (diverged|not converged) after .* steps: residual .*; "
    ):
        pq.equilibrium(model, params, finder=finder)


def strong_coupling():
    """e = ½ s² each and −3 s s′ between two: indefinite, its one equilibrium is a saddle."""
    s, w = zoo.s, pq.parameter("w", initial=3.0)
    unit = pq.Node("unit", potential=s**2 / 2 - 0.1 * s, dissipation=s.dot**2 / 2)
    edge = pq.Edge("e", potential=-w * s.source * s.target)
    model = pq.System(pq.from_edges([0], [1], 2), nodes=unit, edges=edge).compile()
    return model, model.init_parameters(jax.random.key(0))


@pytest.mark.parametrize(
    "finder",
    [
        pq.NodeDescent(2000, tolerance=1e-9),
        pq.FixedPoint(2000, tolerance=1e-9),
        pq.EulerSteps(0.1, 20000, tolerance=1e-9),
        pq.Relaxation(duration=1e4),
    ],
    ids=lambda f: type(f).__name__,
)
def test_a_quadratic_form_that_is_not_positive_diverges(finder):
    model, params = strong_coupling()
    result = pq.equilibrium(model, params, finder=finder, throw=False)
    assert np.all(result.failed)
    with pytest.raises(pq.SolveError, match=type(finder).__name__):
        pq.equilibrium(model, params, finder=finder)


@pytest.mark.parametrize("finder", ["Newton", "NodeDescent", "FixedPoint", "EulerSteps"])
def test_too_few_steps_are_told(finder):
    name = MAIN[finder]
    model, params, inputs, _ = problem_data(name)
    field = "sweeps" if finder == "NodeDescent" else "steps"
    short = type(FINDERS[finder][0])(**{**vars(FINDERS[finder][0]), field: 1})
    result = pq.equilibrium(model, params, inputs, finder=short, throw=False)
    assert np.all(result.outcome == Outcome.NOT_CONVERGED) and np.all(result.residual > 1e-9)
    with pytest.raises(
        pq.SolveError, match=r"not converged for 6 of 6 batch entries after 1 steps: residual .*raise the number"
    ):
        pq.equilibrium(model, params, inputs, finder=short)


def test_one_bad_sample_does_not_hide():
    """Only the sample that has no equilibrium fails; the others are right."""
    s = zoo.s
    node = pq.Node("n", potential=s**2 / 2 - s**4 / 4)
    model = pq.System(Topology((Group("n", 1),)), nodes=node, inputs=pq.Drive([0])).compile()
    result = pq.equilibrium(model, {}, np.array([[0.1], [5.0], [-0.2]]), finder=pq.Minimise(), throw=False)
    assert result.failed.tolist() == [False, True, False]
    for k, u in ((0, 0.1), (2, -0.2)):
        x = float(result["n"]["s"][k, 0])
        assert x - x**3 == pytest.approx(u, abs=1e-9)
    with pytest.raises(pq.SolveError, match="for 1 of 3 batch entries"):
        pq.equilibrium(model, {}, np.array([[0.1], [5.0], [-0.2]]), finder=pq.Minimise())


@pytest.mark.parametrize(
    "finder", [pq.FixedPoint(7), pq.NodeDescent(5), pq.EulerSteps(0.2, 9)], ids=lambda f: type(f).__name__
)
def test_budgets_are_outcomes_of_their_own(finder):
    name = {"FixedPoint": "prototypical", "NodeDescent": "driven", "EulerSteps": "layered"}[type(finder).__name__]
    model, params, inputs, _ = problem_data(name)
    result = pq.equilibrium(model, params, inputs, finder=finder)
    assert np.all(result.outcome == Outcome.BUDGET) and int(result.steps) in (5, 7, 9)
    assert np.all(result.residual > 0)


def test_failures_under_jit_are_errors_at_run_time():
    model, params = runaway()
    with pytest.raises(Exception, match="Minimise failed"):
        jax.block_until_ready(jax.jit(lambda p: pq.equilibrium(model, p, finder=pq.Minimise()).state)(params))


@pytest.mark.parametrize("scale", [1e-14, 1e6])
def test_physical_units_do_not_cost_digits(scale):
    """Conductances of ten femtosiemens and of a megasiemens give the voltages of one siemens."""
    model, params, inputs, _ = problem_data("diodes")
    scaled = jax.tree.map(lambda x: x * scale, params)
    for finder in (pq.Newton(), pq.NodeDescent(2000, tolerance=1e-11), pq.Minimise()):
        found = pq.equilibrium(model, scaled, inputs, finder=finder)
        expected = solved("Newton", "diodes")
        np.testing.assert_allclose(found["nodes"]["v"], expected["nodes"]["v"], atol=1e-9, err_msg=str(finder))


def test_default_finders():
    expected = {
        "resistors": pq.LinearSolve,
        "diodes": pq.Minimise,
        "boxed": pq.NodeDescent,
        "prototypical": pq.FixedPoint,
        "directed": pq.Newton,
        "layered": pq.Minimise,
    }
    assert {name: type(pq.default_finder(zoo.compiled(name))) for name in expected} == expected


def test_inputs_as_lists_and_starts_as_results():
    model, params, inputs, _ = problem_data("resistors")
    one = pq.equilibrium(model, params, inputs[0, 0].tolist())
    two = pq.equilibrium(model, params, {"input": inputs[0, 0]}, start=one)
    np.testing.assert_allclose(one["nodes"]["v"], two["nodes"]["v"], atol=1e-14)
    assert "nodes" in one and dict(one.items()).keys() == {"nodes"}


@pytest.mark.quick("layered", "boxed", "prototypical", "directed", "resistors")
@pytest.mark.parametrize("name", ["layered", "boxed", "prototypical", "directed", "resistors", "diodes"])
def test_single_precision(name):
    """The default finder converges in single precision, also where double is on, and stays in it."""
    model, params, inputs, _ = problem_data(name)
    single = jax.tree.map(lambda x: x.astype(jnp.float32), params)
    found = pq.equilibrium(model, single, inputs)
    assert not np.any(found.failed)
    expected = pq.equilibrium(model, params, inputs)
    for a, b in zip(jax.tree.leaves(found.state), jax.tree.leaves(expected.state), strict=True):
        assert a.dtype == jnp.float32
        np.testing.assert_allclose(a, b, atol=3e-5)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_sweep_without_an_energy_is_two_synchronous_steps(layers):
    """Directed layers: exactly, from where one half is consistent with the other; to a tolerance, half as many."""
    topology = pq.layered([4, *[6] * layers, 3], bidirected=True)
    model = pq.System(
        topology,
        nodes={g.name: pq.neural.prototypical_unit(pq.neural.tanh) for g in topology.groups[1:]},
        edges=pq.neural.directed_synapse(initial=pq.Normal(0.0, 0.25)),
        inputs="input",
        outputs="output",
    ).compile()
    assert not model.derivation.structure.conservative
    params = model.init_parameters(jax.random.key(layers))
    inputs = jnp.asarray(np.random.default_rng(layers).uniform(-1, 1, (2, 4)))
    # After one sweep the second colour is the map of the first: of the two chains of states one is left.
    start = model.equilibrium(params, inputs, finder=pq.NodeDescent(1)).state
    swept, stepped = (
        model.equilibrium(params, inputs, finder=finder, start=start).state
        for finder in (pq.NodeDescent(3), pq.FixedPoint(6))
    )
    for one, other in zip(jax.tree.leaves(swept), jax.tree.leaves(stepped), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-14)
    counts = [
        int(model.equilibrium(params, inputs, finder=finder).steps)
        for finder in (pq.NodeDescent(500, tolerance=1e-12), pq.FixedPoint(500, tolerance=1e-12))
    ]
    assert counts[0] <= counts[1] / 2 + 2
