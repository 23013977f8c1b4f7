"""Spring networks against the dynamical matrix, elasticity of the triangular lattice, and what motion must keep."""

import jax
import numpy as np
import pytest
from system_files import facts, model

import physeq as pq
from physeq.graph import rigidity_matrix, separations

truth, springs = facts("spring_network"), model("spring_network")
KEY = jax.random.key(0)


def parts(system):
    """Separation vectors, sources and targets of the springs, and the places of the nodes."""
    topology = system.topology
    return separations(topology, "edges"), *topology.edge_arrays("edges"), topology.group("nodes").positions


def interleaved(state, rate=False):
    tail = "_dot" if rate else ""
    return np.stack([state["nodes"]["x" + tail], state["nodes"]["y" + tail]], axis=-1)


@pytest.mark.quick("<lambda>-3_2")
@pytest.mark.parametrize(
    ("make", "zero_modes"),
    [
        (lambda: springs.triangular(4, 4, prestrain=0.05), 2),
        (lambda: springs.holes(6, 6, 0.8), 3),
        (lambda: springs.disordered(4, 4), 3),
        (lambda: springs.random_triangulation(12), 3),
    ],
)
def test_a_normal_mode_swings_at_its_frequency(make, zero_modes):
    """The highest mode of the dynamical matrix of NumPy, and its count of zero modes by Maxwell."""
    system = make()
    vectors, sources, targets, places = parts(system)
    size = len(places)
    motion = system.motion()
    params = motion.init_parameters(KEY)
    lengths = np.asarray(params["edges"]["length"])
    matrix = truth.dynamical_matrix(vectors, sources, targets, size, lengths=lengths)
    squares, modes = np.linalg.eigh(matrix)
    assert np.sum(np.abs(squares) < 1e-10) == zero_modes
    shape, omega = 1e-6 * modes[:, -1].reshape(size, 2), np.sqrt(squares[-1])
    times = np.linspace(0, 10, 21)
    sol = motion.simulate(
        params, start={"nodes": {"x": shape[:, 0], "y": shape[:, 1]}}, t1=10.0, ts=times,
        rtol=1e-10, atol=1e-16,
    )  # fmt: skip
    np.testing.assert_allclose(interleaved(sol.state), np.cos(omega * times)[:, None, None] * shape, atol=1e-10)


def test_the_branches_of_the_lattice_are_eigenvalues_of_its_dynamical_matrix():
    columns, rows = 6, 4
    vectors, sources, targets, places = parts(springs.triangular(columns, rows))
    squares = np.linalg.eigvalsh(truth.dynamical_matrix(vectors, sources, targets, len(places)))
    box = np.array([columns, rows * np.sqrt(3) / 2])
    waves = [2 * np.pi * np.array([i, j]) / box for i in range(columns) for j in range(rows)]
    folded = np.sort(np.concatenate([truth.branch(q) ** 2 for q in waves]))
    np.testing.assert_allclose(folded, squares, atol=1e-10)


def test_long_waves_travel_at_the_speeds_of_sound():
    q = 1e-3
    for angle in (0.0, 0.4):
        found = truth.branch(q * np.array([np.cos(angle), np.sin(angle)])) / q
        np.testing.assert_allclose(found, truth.sound_speeds(), rtol=1e-6)


def strained(system, strain):
    """The compiled system, its parameters with every separation strained, and those separations."""
    vectors, *_ = parts(system)
    moved = vectors @ (np.eye(2) + strain)
    compiled = system.compile()
    params = compiled.init_parameters(KEY)
    params = {**params, "edges": {**params["edges"], "dx": moved[:, 0], "dy": moved[:, 1]}}
    return compiled, params, moved


@pytest.mark.quick("strain2")
@pytest.mark.parametrize("strain", [[[1.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.3], [0.3, -0.5]]])
def test_energy_of_a_small_strain(strain):
    """The periodic lattice strained by 1e-5: the energy of its springs against λ = μ = √3/4 k."""
    strain = 1e-5 * np.array(strain)
    compiled, params, _ = strained(springs.triangular(4, 4, ground=(0, 0)), strain)
    rest = compiled.equilibrium(params, finder=pq.Newton())
    energy = float(compiled.energy(params, rest.state))
    assert energy == pytest.approx(truth.strain_energy(strain, 16 * np.sqrt(3) / 2), rel=1e-4)


@pytest.mark.quick("triangular")
@pytest.mark.parametrize("variant", ["triangular", "holes", "disordered"])
def test_steady_state_of_a_clamped_strained_patch(variant):
    """The boundary held at a strain of 1e-5: inner nodes against one linear solve with the dynamical matrix."""
    topology = {
        "triangular": pq.triangular_lattice((6, 6)),
        "holes": springs.holes(6, 6, 0.8).topology,
        "disordered": springs.disordered(6, 6).topology,
    }[variant]
    labels = topology.group("nodes").labels
    edge = [label for label in labels if label[0] in (0, 5) or label[1] in (0, 5)]
    strain = 1e-5 * np.array([[1.0, 0.4], [0.4, -0.2]])
    system = springs.network(topology, ground=edge)
    compiled, params, moved = strained(system, strain)
    found = interleaved(compiled.equilibrium(params, finder=pq.Newton()).state).reshape(-1)
    vectors, sources, targets, places = parts(system)
    matrix = truth.dynamical_matrix(vectors, sources, targets, len(places))
    inner = np.repeat([label not in set(edge) for label in labels], 2)
    expected = truth.clamped(matrix, vectors, moved, sources, targets, inner)
    np.testing.assert_allclose(found, expected, atol=1e-4 * max(np.abs(expected).max(), 1e-6))
    # Without disorder every node keeps to the strain: it is the answer of an elastic continuum.
    assert (np.abs(found).max() < 1e-9) == (variant == "triangular")


def test_maxwell_counts():
    for system, expected in ((springs.triangular(4, 4), -16), (springs.disordered(4, 4), -1)):
        assert truth.maxwell(system.topology.size, system.topology.count("edges")) == expected
        rank = np.linalg.matrix_rank(rigidity_matrix(system.topology).toarray())
        zero, stress = 2 * system.topology.size - rank, system.topology.count("edges") - rank
        assert zero - stress == expected


@pytest.mark.parametrize(("solver", "step", "kept"), [(pq.StormerVerlet(), 0.05, 1e-3), (pq.BlanesMoan(), 0.1, 1e-6)])
@pytest.mark.quick("solver1-0.1-1e-06")
def test_a_packet_travels_and_keeps_energy_and_momentum(solver, step, kept):
    """The packet's centre moves at the group velocity of the branch, there and back around the lattice."""
    simulation = springs.variants["triangular"].simulation
    system = springs.variants["triangular"].build()
    x = system.topology.group("nodes").positions[:, 0]
    motion = system.motion()
    t1 = 10.0
    sol = motion.simulate(motion.init_parameters(KEY), start=simulation.start, t1=t1, solver=solver, step=step)
    invariants = sol.invariants()
    assert np.ptp(invariants["energy"]) < kept * float(invariants["energy"][0])
    for name in ("momentum of x", "momentum of y"):
        assert np.ptp(invariants[name]) < 1e-15
    q, h = 2 * np.pi * 4 / 32, 1e-4
    speed = (truth.branch([q + h, 0])[1] - truth.branch([q - h, 0])[1]) / (2 * h)
    weight = np.asarray(sol["nodes.x"]) ** 2 + (np.asarray(sol["nodes.x_dot"]) / truth.branch([q, 0])[1]) ** 2
    # The centre on a circle, unwrapped in time.
    centre = np.unwrap(np.angle(weight @ np.exp(2j * np.pi * x / 32))) * 32 / (2 * np.pi)
    assert (centre[-1] - centre[0]) / t1 == pytest.approx(speed, rel=0.03)
