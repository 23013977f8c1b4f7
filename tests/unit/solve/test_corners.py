"""Corners of sources that are no representable numbers: no step looks across them."""

import jax
import numpy as np
import pytest
from circuits import circuit, e

import physeq as pq


@pytest.mark.parametrize("delay", [0.2, 0.25, 1 / 3])
def test_an_algebraic_circuit_follows_a_pulse(delay):
    """Nothing here has an error of its own: the voltages are those of the source at every time."""
    wave = pq.Pulse(0.0, 1.0, delay=delay, rise=0.3, fall=0.3, width=0.4)
    motion = circuit(
        ("V1", "in", "0"), ("R1", "in", "a"), ("R2", "a", "0"), parts={"V": e.voltage_source(wave)}
    ).motion()
    sol = motion.simulate(motion.init_parameters(jax.random.key(0)), t1=2.0, ts=np.linspace(0, 2, 81), max_step=1.0)
    np.testing.assert_allclose(sol["a.v"], wave(np.asarray(sol.ts)) / 2, atol=1e-12)
