"""Corners of sources that are no representable numbers: no step looks across them."""

import jax
import numpy as np
import pytest
from circuits import circuit, e

import physeq as pq


@pytest.mark.parametrize("delay", [0.2, 0.25, 1 / 3])
@pytest.mark.quick("0.25")
def test_an_algebraic_circuit_follows_a_pulse(delay):
    """Nothing here has an error of its own: the voltages are those of the source at every time."""
    wave = pq.Pulse(0.0, 1.0, delay=delay, rise=0.3, fall=0.3, width=0.4)
    motion = circuit(
        ("V1", "in", "0"), ("R1", "in", "a"), ("R2", "a", "0"), parts={"V": e.voltage_source(wave)}
    ).motion()
    sol = motion.simulate(motion.init_parameters(jax.random.key(0)), t1=2.0, ts=np.linspace(0, 2, 81), max_step=1.0)
    np.testing.assert_allclose(sol["a.v"], wave(np.asarray(sol.ts)) / 2, atol=1e-12)


@pytest.mark.slow
def test_corners_that_are_traced_have_to_be_given():
    wave = pq.Pulse(0.0, 1.0, delay=0.2, rise=0.1, fall=0.1, width=0.3)
    motion = circuit(
        ("V1", "in", "0"), ("R1", "in", "a"), ("C1", "a", "0"), parts={"V": e.voltage_source(wave)}
    ).motion()
    params = motion.init_parameters(jax.random.key(0))
    with pytest.raises(pq.ModelError, match=r"corners of 'voltage source' in 'V' are not known inside jit or grad"):
        jax.grad(lambda p: motion.simulate(p, t1=1.0)["a.v"][-1])(params)
    corners = motion.bind(params).corners(0.0, 1.0)
    np.testing.assert_allclose(corners, [0.2, 0.3, 0.6, 0.7])

    def end(scale):
        own = {**params, "R": {"g": scale * params["R"]["g"]}}
        return motion.simulate(own, t1=1.0, rtol=1e-10)["a.v"][-1]  # the source's own parameters are not traced

    slope = (end(1.001) - end(0.999)) / 0.002
    assert jax.grad(end)(1.0) == pytest.approx(float(slope), rel=1e-5)
