"""Components of the library through `simulate` and `operating_point`: closed forms of small systems in motion."""

import jax
import numpy as np
import optax
import pytest
from scipy.special import ellipj, ellipk

import physeq as pq

e, m, o = pq.electrical, pq.mechanical, pq.oscillators


def circuit(elements, **options):
    """{name: (component, nodes of its ports, {parameter: number})} as a system, node 0 grounded."""
    size = 1 + max(node for _, nodes, _ in elements.values() for node in nodes)
    bundles = tuple(
        pq.Bundle(name, ("nodes",) * len(nodes), pq.Sparse([nodes]), labels=(name,))
        for name, (_, nodes, _) in elements.items()
    )
    return pq.System(
        pq.Topology((pq.Group("nodes", size),), bundles),
        edges={name: component for name, (component, _, _) in elements.items()},
        values={name: {k: np.array([v]) for k, v in numbers.items()} for name, (_, _, numbers) in elements.items()},
        ground=0,
        **options,
    )


def run(system, t1, **options):
    motion = system.motion()
    params = motion.init_parameters(jax.random.key(0))
    return pq.simulate(motion, params, t1=t1, **({"rtol": 1e-8} | options))


def test_op_amp_integrator_with_loss():
    """The gain −R₂/R₁ /(1 + iωR₂C) of an inverting low-pass, after its transient."""
    system = circuit(
        {
            "V": (e.voltage_source(pq.Sine(amplitude=1, frequency=50)), [1, 0], {}),
            "R1": (e.resistor(), [1, 2], {"g": 1e-3}),
            "R2": (e.resistor(), [2, 3], {"g": 1e-4}),
            "C": (e.capacitor(), [2, 3], {"C": 1e-7}),
            "load": (e.resistor(), [3, 0], {"g": 1e-3}),
            "A": (e.ideal_op_amp(), [0, 2, 3], {}),
        }
    )
    solution = run(system, 0.06)
    omega, late = 2 * np.pi * 50, np.asarray(solution.ts) > 0.03
    gain = -10 / (1 + 1j * omega * 1e4 * 1e-7)
    expected = np.imag(gain * np.exp(1j * omega * np.asarray(solution.ts)))
    np.testing.assert_allclose(np.asarray(solution["nodes.v"])[late, 3], expected[late], atol=1e-6)


def test_a_memristor_remembers_the_flux():
    on, off, k, start = 100.0, 16e3, 1e4, 0.1
    device = e.linear_drift_memristor(on, off, k, window=None, start=start)
    system = circuit(
        {"V": (e.voltage_source(pq.Sine(amplitude=0.2, frequency=1)), [1, 0], {}), "M": (device, [1, 0], {})}
    )
    solution = run(system, 1.0)
    ts = np.asarray(solution.ts)
    flux = 0.2 * (1 - np.cos(2 * np.pi * ts)) / (2 * np.pi)
    level = off * start - (off - on) * start**2 / 2 + k * flux
    x = (off - np.sqrt(off**2 - 2 * (off - on) * level)) / (off - on)
    np.testing.assert_allclose(np.asarray(solution["M.x"]).reshape(-1), x, atol=1e-6)
    current = 0.2 * np.sin(2 * np.pi * ts) / (on * x + off * (1 - x))
    np.testing.assert_allclose(np.asarray(solution["M.i"]).reshape(-1), current, atol=1e-10)


def test_a_junction_and_a_capacitor_swing_like_a_pendulum():
    """In units of the plasma frequency: sin(δ/2) = k sn(K − t), k = sin(δ₀/2)."""
    system = circuit(
        {
            "J": (e.josephson_junction(1.0, flux_quantum=2 * np.pi), [1, 0], {}),
            "C": (e.capacitor(), [1, 0], {"C": 1.0}),
        }
    )
    solution = run(system, 8.0, start={"J": {"delta": np.array([2.0])}})
    modulus = np.sin(1.0)
    sn, *_ = ellipj(ellipk(modulus**2) - np.asarray(solution.ts), modulus**2)
    found = np.sin(np.asarray(solution["J.delta"]).reshape(-1) / 2)
    np.testing.assert_allclose(found, modulus * sn, atol=1e-6)


def test_a_mosfet_amplifies():
    """Common source with a resistor of 10 kΩ at 5 V: saturation by the square law, linear range by its quadratic."""
    for gate in (1.2, 3.0):
        system = circuit(
            {
                "supply": (e.voltage_source(5.0), [1, 0], {}),
                "gate": (e.voltage_source(gate), [2, 0], {}),
                "R": (e.resistor(), [1, 3], {"g": 1e-4}),
                "M": (e.mosfet(1e-3, 0.7, 0.01), [3, 2, 0], {}),
            }
        )
        motion = system.motion()
        drain = float(pq.operating_point(motion, motion.init_parameters(jax.random.key(0)))["nodes.v"][3])
        over = gate - 0.7
        if gate == 1.2:
            assert drain == pytest.approx(5 - 1e4 * 0.5e-3 * over**2, rel=1e-6)
        else:
            roots = np.roots([5.0, -(1 + 10 * over), 5.0])  # 10 (over v − v²/2) = 5 − v
            assert drain == pytest.approx(roots.min(), rel=1e-6)


@pytest.mark.slow
def test_a_lattice_of_springs_at_rest_between_displaced_nodes_waves():
    """Displacements on a closed square lattice with diagonals: the longitudinal wave of one wavelength.

    ω² m = 2 k (1 − cos q) + 2 k′ (1 − cos q) with diagonals of stiffness k′, both at rest in their places.
    """
    size, q = 6, 2 * np.pi / 6
    net = pq.with_rest_lengths(pq.square_lattice((size, size), reach=1.5, periodic=True))
    diagonal = net.bundle("edges").attributes["length"] > 1.1
    system = pq.System(
        net,
        nodes=m.mass(dimensions=2),
        edges=m.spring(length=1.0, dimensions=2, displacements=True),
        values={"edges": {"k": np.where(diagonal, 0.5, 1.0)}},
    )
    amplitude, columns = 1e-6, net.group("nodes").positions[:, 0]
    omega = np.sqrt(2 * (1 - np.cos(q)) * (1.0 + 0.5))
    solution = run(
        system, np.pi / omega, start={"nodes": {"x": amplitude * np.cos(q * columns), "y": np.zeros(size**2)}}
    )
    np.testing.assert_allclose(solution["nodes.x"][-1], -amplitude * np.cos(q * columns), atol=1e-4 * amplitude)
    np.testing.assert_allclose(solution["nodes.y"][-1], 0, atol=1e-4 * amplitude)


def test_coupled_stuart_landau_oscillators_lock():
    """Diffusive coupling K of two that differ by Δω < 2K: they lock at a phase difference of arcsin(Δω/2K)."""
    system = pq.System(
        pq.complete(2),
        nodes=o.stuart_landau(),
        edges=m.spring(2.0, dimensions=2),
        values={"nodes": {"omega": np.array([1.0, 2.0])}},
    )
    solution = run(system, 60.0, start={"nodes": {"x": np.array([0.5, 0.5]), "y": np.array([0.1, 0.0])}})
    z = np.asarray(solution["nodes.x"][-1]) + 1j * np.asarray(solution["nodes.y"][-1])
    # At equal radii r² = 1 − K + K cos ψ, and 2K sin ψ = Δω.
    psi = np.arcsin(1.0 / 4.0)
    assert np.angle(z[1] / z[0]) == pytest.approx(psi, abs=1e-6)
    np.testing.assert_allclose(np.abs(z), np.sqrt(1 - 2 + 2 * np.cos(psi)), rtol=1e-6)


@pytest.mark.slow
def test_a_crossbar_of_programmed_memristors_learns_by_the_exact_gradient():
    """∂L/∂x of equilibrium propagation against implicit differentiation, states kept between 0 and 1 by `fit`."""
    y = pq.target("y")
    model = pq.System(
        pq.crossbar(4, 3),
        edges=e.programmed_memristor(state=pq.Uniform(0.2, 0.8)),
        nodes={"columns": e.conductance_to(0.0, 1e-3, trainable=False)},
        inputs="rows",
        outputs="columns",
        cost=(e.v - y) ** 2 / 2,
    ).compile()
    params = model.init_parameters(jax.random.key(0))
    random = np.random.default_rng(0)
    x, wanted = random.normal(size=(5, 4)), 5 * random.normal(size=(5, 3))
    rule = pq.EquilibriumPropagation(pq.Centered(1e-7))
    assert pq.audit(model, params, rule, x, wanted).best.relative_error < 1e-7
    fitted = pq.fit(
        model, rule, (x, wanted), params=params, optimizer=optax.sgd(1.0), epochs=3, batch_size=5, progress=False
    )
    written = np.asarray(fitted.params["rows->columns"]["x"])
    assert written.min() == 0.0 and written.max() == 1.0


def test_places_become_starting_states():
    net = pq.cubic_lattice((2, 1, 2), spacing=0.5)
    start = m.starting_positions(net)["nodes"]
    np.testing.assert_array_equal(np.stack([start["x"], start["y"], start["z"]], 1), net.group("nodes").positions)
    with pytest.raises(pq.ModelError, match="group 'input' has no places"):
        m.starting_positions(pq.layered([2, 2]))
