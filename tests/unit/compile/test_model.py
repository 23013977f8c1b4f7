"""Compiled models against brute force: energies, forces, parameter gradients, lowerings, clamps, drives and signals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo
from brute_force import forces, random_parameters, random_state, scalar_sum

import physeq as pq
from physeq.compile import energy, parameter_gradient
from physeq.compile.jacobian import sparse_hessian
from physeq.compile.mass import diagonal_mass, has_diagonal_mass, rate_force
from physeq.solve.finder import flatten, unflatten
from physeq.symbolic.reduction import clamped_mask

NAMES = list(zoo.SYSTEMS)


class Case:
    """One system with random parameters, states, inputs and targets."""

    def __init__(self, name, batch=()):
        self.name, self.batch, self.system = name, batch, zoo.system(name)
        self.model = zoo.compiled(name)
        rng = np.random.default_rng(5)
        self.params = random_parameters(self.system, rng)
        drawn = self.model.init_parameters(jax.random.key(0))
        if "readout" in drawn:
            self.params["readout"] = {k: np.asarray(v) + 0.3 for k, v in drawn["readout"].items()}
        self.params = jax.tree.map(jnp.asarray, self.params)
        self.inputs, self.target = zoo.data(name, 1, batch)
        self.beta = 0.3
        self.problem = self.model.problem(self.params, self.inputs, self.target, self.beta)
        rows = [random_state(self.system, rng) for _ in range(int(np.prod(batch)))]
        low = 0.1 if name == "prototypical" else -1.0
        stacked = jax.tree.map(lambda *xs: jnp.asarray(np.stack(xs).reshape(*batch, -1)).clip(low), *rows)
        self.free = self.problem.start(stacked)
        self.full = self.problem.full(self.free)

    def sample(self, tree, index):
        return jax.tree.map(lambda x: np.asarray(x)[index] if np.ndim(x) > 1 or self.batch else np.asarray(x), tree)

    def signals(self, index=()):
        found = {}
        for entry in self.system.inputs:
            if isinstance(entry.kind, pq.Feed):
                found.setdefault(entry.kind.placement, {})[entry.kind.signal.name] = self.inputs[entry.name][index]
        return found

    def expected_force(self, index=()):
        """The declared forces, plus drives, less β ∂C/∂x by differences of the declared cost; zero where held."""
        state = jax.tree.map(lambda x: np.broadcast_to(x, (*self.batch, x.shape[-1]))[index], self.full)
        state = jax.tree.map(np.asarray, state)
        result = forces(self.system, self.params, state, self.signals(index))
        for entry in self.system.inputs:
            if isinstance(entry.kind, pq.Drive):
                for part in entry.nodes.parts:
                    v = self.model.derivation.node_variable(part.group, entry.kind.coordinate, "")
                    x = self.inputs[entry.name] if isinstance(self.inputs, dict) else self.inputs
                    result[part.group][v.key][part.indices] += x[index][part.columns]
        y = self.target[index]
        for part in self.system.outputs.parts:
            v = self.model.derivation.cost.unknowns[part.group]
            for node in part.indices:

                def cost(h, group=part.group, key=v.key, node=node):
                    moved = {g: dict(own) for g, own in state.items()}
                    moved[group][key] = moved[group][key].copy()
                    moved[group][key][node] += h
                    return plain_cost(self, moved, y)

                result[part.group][v.key][node] -= self.beta * (cost(1e-6) - cost(-1e-6)) / 2e-6
        for v in self.model.derivation.variables.values():
            if not v.internal:
                result[v.group][v.key][clamped_mask(self.system, v.group, v.coordinate)] = 0.0
        return result


def plain_cost(case, state, y):
    """The declared cost of one sample, in numpy."""
    outputs = []
    for label in range(case.system.outputs.size):
        for part in case.system.outputs.parts:
            if label in part.columns:
                v = case.model.derivation.cost.unknowns[part.group]
                outputs.append(state[part.group][v.key][part.indices[list(part.columns).index(label)]])
    x = np.array(outputs)
    if case.name == "xy":
        return np.sum(1 - np.cos(x - y))
    if case.name == "readout":
        a, c = (np.asarray(case.params["readout"][k]) for k in ("a", "c"))
        z = np.tanh(x) @ a + x @ a**2 / 2 + c
        return np.sum((z - y) ** 2 / 2 + (z - y) ** 4 / 12)
    return np.sum((x - y) ** 2 / 2)


@eqx.filter_jit
def everything(problem, free):
    """All that the tests look at, compiled once: eager JAX spends its time on compiling single operations."""

    def total(x):
        return jnp.sum(energy(problem, x))

    flat = flatten(free)
    found = {
        "force": problem.force(free),
        "curvature": problem.curvature(free),
        "energy": energy(problem, free),
        "energy without cost": energy(problem, free, with_cost=False),
        "slope": jax.grad(total)(free),
        "parameters": parameter_gradient(problem, free),
        "jacobian": jax.jacfwd(lambda x: flatten(problem.force(unflatten(x, free))))(flat),
    }
    return found


@eqx.filter_jit
def autodiff_of_parameters(model, params, inputs, target, beta, free, weights):
    """Σ weights·∂F/∂p through the whole model, static messages and all."""

    def objective(p):
        return jnp.sum(weights * energy(model.problem(p, inputs, target, beta), free))

    return jax.grad(objective)(params)


@pytest.fixture(scope="module", params=NAMES)
def case(request):
    made = Case(request.param, (2,))
    made.found = everything(made.problem, made.free)
    return made


def close(found, expected, tolerance=1e-12):
    for group, own in found.items():
        for key, value in own.items():
            np.testing.assert_allclose(
                value, expected[group][key], atol=tolerance, rtol=tolerance, err_msg=f"{group}.{key}"
            )


def test_force_is_the_sum_over_instances(case):
    for index in range(2):
        # The cost's slope is by differences, hence the tolerance.
        close(jax.tree.map(lambda f, at=index: f[at], case.found["force"]), case.expected_force((index,)), 3e-9)


def test_energy_is_the_sum_over_instances(case):
    if case.name == "directed":
        pytest.skip("forces without an energy")
    for index in range(2):
        state = jax.tree.map(lambda x, at=index: np.broadcast_to(x, (2, x.shape[-1]))[at], case.full)
        total = scalar_sum(
            case.system, lambda c: c.potential + c.dissipation, case.params, state, case.signals((index,))
        )
        if case.name == "xy":  # its only force is constant: −F·θ
            total -= np.sum(0.3 * np.asarray(case.params["nodes"]["b"]) * state["nodes"]["theta"])
        for entry in case.system.inputs:
            if isinstance(entry.kind, pq.Drive):
                x = case.inputs[entry.name] if isinstance(case.inputs, dict) else case.inputs
                key = case.model.derivation.node_variable("nodes", entry.kind.coordinate, "").key
                total -= x[index] @ state["nodes"][key][entry.nodes.parts[0].indices]
        assert float(case.found["energy without cost"][index]) == pytest.approx(total, rel=1e-12)
        total += case.beta * plain_cost(case, state, case.target[index])
        assert float(case.found["energy"][index]) == pytest.approx(total, rel=1e-12)


def test_force_is_minus_the_gradient_of_the_energy(case):
    if case.name == "directed":
        pytest.skip("forces without an energy")
    slope = case.found["slope"]
    close(
        case.found["force"],
        {g: {k: case.problem.mask(g, k, -f) for k, f in o.items()} for g, o in slope.items()},
        1e-12,
    )


def test_curvature_is_the_diagonal_of_the_jacobian(case):
    if case.name == "readout":
        pytest.skip("a readout's curvature is left out: a lower bound")
    found = np.asarray(flatten(case.found["curvature"]))
    for index in range(2):
        jacobian = np.asarray(case.found["jacobian"])[index, :, index]
        alone = np.abs(jacobian).sum(1) > 0
        if case.name == "directed":  # node 2 is joined to itself, and so is every node of the dense bundle in "a"
            alone[2] = False
        elif case.name == "patterns":
            alone[:3] = False
        assert alone.sum() > 1
        np.testing.assert_allclose(found[index][alone], -np.diagonal(jacobian)[alone], atol=1e-12)
    assert not np.any(case.found["jacobian"][0, :, 1])


def test_parameter_gradient_is_the_gradient_of_the_energy(case):
    if case.name == "directed":
        pytest.skip("forces without an energy")
    weights = jnp.full(2, 0.5)
    expected = autodiff_of_parameters(case.model, case.params, case.inputs, case.target, case.beta, case.free, weights)
    assert jax.tree.structure(case.found["parameters"]) == jax.tree.structure(expected)
    close(case.found["parameters"], expected, 1e-12)


@pytest.mark.parametrize("name", [n for n in NAMES if zoo.separable(n)])
def test_lowerings_agree(name):
    case, other = Case(name, (2,)), zoo.compiled(name, per_element=True)
    assert other.derivation.per_element >= {p.name for p in case.system.placements if len(p.component.ports) > 1}
    assert case.model.derivation.per_element < other.derivation.per_element
    one = everything(case.problem, case.free)
    two = everything(other.problem(case.params, case.inputs, case.target, case.beta), case.free)
    assert jax.tree.structure(one) == jax.tree.structure(two)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("name", ["diodes", "patterns", "internal", "two coordinates", "directed", "shared signals"])
def test_the_sparse_hessian_is_the_jacobian(name):
    case = Case(name)

    @eqx.filter_jit
    def both(problem, free):
        jacobian = jax.jacfwd(lambda x: flatten(problem.force(unflatten(x, free))))(flatten(free))
        return jacobian, sparse_hessian(problem, free)[:3]

    jacobian, (rows, columns, values) = jax.tree.map(np.asarray, both(case.problem, case.free))
    dense = np.zeros(jacobian.shape)
    np.add.at(dense, (rows, columns), values)
    held = np.abs(jacobian).sum(1) == 0
    alive = ~held[:, None] & ~held[None, :]
    np.testing.assert_allclose(np.where(alive, dense, 0), np.where(alive, -jacobian, 0), atol=1e-12)
    np.testing.assert_array_equal(dense[held], np.eye(len(dense))[held])


@pytest.mark.parametrize("name", ["patterns", "diodes", "readout", "shared signals"])
def test_leading_phases_share_the_inputs(name):
    """States with an axis that the inputs lack, as nudged phases have, in a batch of two axes."""
    case = Case(name, (2, 3))
    phases = jax.tree.map(lambda x: jnp.stack([x, 0.5 * x + 0.1, -0.2 * x + 0.3]), case.free)
    phases = {g: {k: case.problem.insert({g: {k: v}})[g][k] for k, v in own.items()} for g, own in phases.items()}
    weights = jnp.asarray([1.0, -2.0, 0.5])[:, None, None] * jnp.arange(1.0, 7.0).reshape(2, 3)
    found = eqx.filter_jit(parameter_gradient)(case.problem, phases, weights)
    expected = autodiff_of_parameters(case.model, case.params, case.inputs, case.target, case.beta, phases, weights)
    close(found, expected, 1e-11)


def test_masses_are_second_derivatives_of_the_declared_terms(case):
    """M·v from the components, and its diagonal where it is one."""
    rng = np.random.default_rng(2)
    rates = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)), case.free)
    found = rate_force(case.problem, case.free, rates)
    if case.name == "capacitors":
        expected = {"nodes": {"v": case.params["nodes"]["k"] * rates["nodes"]["v"]}}
    elif case.name in (
        "layered",
        "hopfield",
        "xy",
        "directed",
        "saturating",
        "patterns",
        "readout",
        "signals",
        "shared signals",
    ):
        expected = rates  # R = ½ q̇² on every node
    elif case.name == "internal":
        expected = rates | {"e0": {"i": jnp.zeros_like(rates["e0"]["i"])}}
    else:
        expected = jax.tree.map(jnp.zeros_like, rates)
    close(found, expected, 1e-13)
    assert has_diagonal_mass(case.problem)
    diagonal = diagonal_mass(case.problem, case.free)
    for group, own in found.items():
        for key, value in own.items():
            product = diagonal[group][key] * rates[group][key]
            np.testing.assert_allclose(
                case.problem.mask(group, key, product), case.problem.mask(group, key, value), atol=1e-13
            )


def test_inputs_that_broadcast_against_targets():
    """One input row for many targets, and axes of length one."""
    case = Case("layered", (2, 3))
    rows = case.inputs[:, :1]
    problem = case.model.problem(case.params, rows, case.target, 0.3)
    whole = case.model.problem(case.params, np.broadcast_to(rows, (2, 3, 3)), case.target, 0.3)
    close(problem.force(case.free), whole.force(case.free), 1e-13)
    np.testing.assert_allclose(energy(problem, case.free), energy(whole, case.free), rtol=1e-13)
    close(parameter_gradient(problem, case.free), parameter_gradient(whole, case.free), 1e-13)


def test_states_and_parameters_carry_the_users_names():
    model = zoo.compiled("layered")
    params = model.init_parameters(jax.random.key(1))
    assert set(params) == {"input", "hidden", "output", "input->hidden", "hidden->output"}
    assert params["input->hidden"]["w"].shape == (3, 4) and params["hidden"]["b"].shape == (4,)
    state = model.init_state((2, 5))
    assert state["hidden"]["s"].shape == (2, 5, 4)
    assert model.init_state(7, jnp.float32)["output"]["s"].dtype == jnp.float32
    assert zoo.compiled("resistors").init_state()["nodes"]["v"].shape == (6,)


def test_initial_parameters_follow_the_key_and_the_given_values():
    v, g = pq.coordinate("v"), pq.parameter("g", positive=True, initial=pq.Uniform(1, 2))
    edge = pq.Edge("e", potential=g * (v.source - v.target) ** 2)
    model = pq.System(
        pq.complete(4), edges=edge, ground=0, values={"edges": {"g": [9, np.nan, 9, 9, np.nan, 9]}}
    ).compile()
    one, two, other = (model.init_parameters(jax.random.key(k))["edges"]["g"] for k in (0, 0, 1))
    np.testing.assert_array_equal(one, two)
    assert np.all(np.asarray(one)[[0, 2, 3, 5]] == 9) and np.all(one >= 1) and np.all(np.asarray(one)[[1, 4]] < 2)
    assert not np.allclose(one, other)


def test_starts_bounds_and_projection():
    q = pq.coordinate("q", start=0.25)
    low = pq.parameter("low", bounds=(-1, 0.5))
    model = pq.System(pq.from_edges([], [], 3), nodes=pq.Node("n", potential=(q - low) ** 2)).compile()
    assert model.parameter_bounds() == {"nodes": {"low": (-1.0, 0.5)}} and model.trainable() == {"nodes": {"low": True}}
    np.testing.assert_array_equal(model.init_state()["nodes"]["q"], [0.25] * 3)
    clipped = model.project_parameters({"nodes": {"low": jnp.asarray([-3.0, 0.0, 2.0])}})
    np.testing.assert_array_equal(clipped["nodes"]["low"], [-1, 0, 0.5])
