"""Phase networks against closed forms: locked pairs and chains, a spin between two fields, a frustrated triangle."""

import numpy as np
import pytest
import sympy as sp
from system_files import facts, gradients, model, params_of

import physeq as pq
from physeq.data import two_moons

truth = facts("oscillators")
oscillators = pq.oscillators
y = pq.target("y")
cost = 1 - sp.cos(oscillators.theta - y)


def test_locked_pair_in_both_gauges():
    difference, coupling, target = 0.9, 0.7, 0.2
    phase, slopes = truth.locked_pair(difference, coupling)
    # One phase pinned: the other has half of the frequency difference to itself.
    system = pq.System(
        pq.from_edges([0], [1], 2),
        nodes=oscillators.phase_unit(),
        edges=oscillators.phase_coupling(),
        fixed={0: 0.0},
        outputs=[1],
        cost=cost,
        values={"edges": {"K": [coupling]}, "nodes": {"omega": [-difference / 2, difference / 2]}},
    )
    compiled, params = system.compile(), params_of(system)
    assert compiled.equilibrium(params)["nodes"]["theta"][1] == pytest.approx(phase, rel=1e-9)
    slope = np.sin(phase - target)
    for grads in gradients(compiled, params, None, np.array([target])):
        assert grads["edges"]["K"][0] == pytest.approx(slope * slopes["coupling"], abs=1e-9)
        # ω = Δω/2, so ∂/∂ω = 2 ∂/∂Δω.
        assert grads["nodes"]["omega"][1] == pytest.approx(2 * slope * slopes["difference"], abs=1e-9)


@pytest.mark.slow
def test_pinned_chain_driven_by_frequencies():
    frequencies, couplings, target = [0.3, -0.2, 0.4], [1.0, 0.8, 1.5], 0.5
    phases, slopes = truth.pinned_chain(frequencies, couplings)
    system = pq.System(
        pq.from_edges([0, 1, 2], [1, 2, 3], 4),
        nodes=oscillators.phase_unit(),
        edges=oscillators.phase_coupling(),
        fixed={0: 0.0},
        inputs=pq.Drive([1]),
        outputs=[3],
        cost=cost,
        values={"edges": {"K": couplings}, "nodes": {"omega": [0.0, 0.1, *frequencies[1:]]}},
    )
    compiled, params = system.compile(), params_of(system)
    drive = np.array([0.2])  # with ω₁ = 0.1 the first frequency is 0.3
    np.testing.assert_allclose(compiled.equilibrium(params, drive)["nodes"]["theta"][1:], phases, rtol=1e-9)
    slope = np.sin(phases[-1] - target)
    for grads in gradients(compiled, params, drive, np.array([target])):
        np.testing.assert_allclose(grads["edges"]["K"], slope * slopes["couplings"], atol=1e-9)
        np.testing.assert_allclose(grads["nodes"]["omega"][1:], slope * slopes["frequencies"], atol=1e-9)


@pytest.mark.parametrize("coupling", [0.8, -0.5])
@pytest.mark.parametrize("finder", [None, pq.NodeDescent(50, tolerance=1e-14)])
@pytest.mark.quick("None--0.5")
def test_spin_between_two_fields(coupling, finder):
    input_phase, strength, angle, target = 1.1, 1.0, -0.4, 0.3
    theta, slopes = truth.spin_in_fields(coupling, input_phase, strength, angle)
    system = pq.System(
        pq.layered([1, 1]),
        nodes={"output": oscillators.spin()},
        edges=oscillators.phase_coupling(),
        inputs="input",
        outputs="output",
        cost=cost,
        values={"input->output": {"K": [[coupling]]}, "output": {"h": [strength], "psi": [angle]}},
    )
    compiled, params = system.compile(), params_of(system)
    x = np.array([input_phase])
    assert compiled.equilibrium(params, x, finder=finder)["output"]["theta"][0] == pytest.approx(theta, rel=1e-9)
    slope = np.sin(theta - target)
    for grads in gradients(compiled, params, x, np.array([target])):
        assert grads["input->output"]["K"][0, 0] == pytest.approx(slope * slopes["K"], abs=1e-9)
        assert grads["output"]["h"][0] == pytest.approx(slope * slopes["h"], abs=1e-9)
        assert grads["output"]["psi"][0] == pytest.approx(slope * slopes["psi"], abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("couplings", [(-1.0, -1.0, -1.0), (-1.0, -0.9, -0.7)])
def test_frustrated_triangle(couplings):
    phases, slopes = truth.frustrated_triangle(*couplings)
    if len(set(couplings)) == 1:
        assert phases["second"] == pytest.approx(2 * np.pi / 3, rel=1e-14)
    system = pq.System(
        pq.from_edges([0, 1, 2], [1, 2, 0], 3),
        edges=oscillators.phase_coupling(),
        fixed={0: 0.0},
        outputs=[1, 2],
        cost=cost,
        values={"edges": {"K": couplings}},
    )
    compiled, params = system.compile(), params_of(system)
    # From zero, the largest energy, nothing moves: start beside one of the two mirrored minima.
    start = {"nodes": {"theta": np.array([0.0, 1.9, -2.2])}}
    state = compiled.equilibrium(params, start=start)
    np.testing.assert_allclose(state["nodes"]["theta"][1:], [phases["second"], phases["third"]], rtol=1e-9)
    target = np.array([1.5, -1.0])
    errors = np.sin(np.array([phases["second"], phases["third"]]) - target)
    for grads in gradients(compiled, params, None, target, start=start):
        np.testing.assert_allclose(grads["edges"]["K"], errors @ slopes, atol=1e-9)


def test_angles():
    encoded = model("oscillators").encode_angles(two_moons(train=20, test=10))
    assert np.abs(encoded.train_targets) == pytest.approx(np.pi / 4)
    assert np.abs(encoded.train_inputs).max() < 2 * np.pi
