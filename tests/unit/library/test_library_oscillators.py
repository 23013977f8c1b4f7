"""Oscillators and units beyond phases: limit cycles, periods and responses in closed form, integrated by SciPy."""

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp
from terms import leaving, starts

import physeq as pq

o, m, n = pq.oscillators, pq.mechanical, pq.neural
TIGHT = {"method": "DOP853", "rtol": 1e-11, "atol": 1e-12}


def rates(node, *coordinates, **numbers):
    """The rates of first-order coordinates (or the accelerations of second-order ones) as one function."""
    order = 2 if node.kinetic != 0 else 1
    solved = [
        sp.solve(leaving(node, "node", q.name).subs(starts(node, **numbers)), q.with_order(order))[0]
        for q in coordinates
    ]
    return sp.lambdify([q.with_order(k) for k in range(order) for q in coordinates], solved)


def test_stuart_landau_limit_cycle():
    """Radius √(μ/a), frequency ω − bμ/a, and the closed form of the approach r²(t)."""
    mu, omega, a, b = 0.8, 3.0, 2.0, 0.5
    node = o.stuart_landau(mu, omega, a, b)
    f = rates(node, m.x, m.y)
    times = np.linspace(0, 30, 301)
    run = solve_ivp(lambda t, s: f(*s), [0, 30], [0.1, 0.0], t_eval=times, **TIGHT).y
    radius = np.hypot(*run)
    expected = np.sqrt(mu / a / (1 + (mu / a / 0.01 - 1) * np.exp(-2 * mu * times)))
    np.testing.assert_allclose(radius, expected, rtol=1e-8)
    assert radius[-1] == pytest.approx(np.sqrt(mu / a), rel=1e-8)
    phase = np.unwrap(np.arctan2(run[1], run[0]))
    assert (phase[-1] - phase[-101]) / 10.0 == pytest.approx(omega - b * mu / a, rel=1e-8)


def test_stuart_landau_below_threshold_is_at_rest():
    f = rates(o.stuart_landau(-0.5), m.x, m.y)
    run = solve_ivp(lambda t, s: f(*s), [0, 30], [1.0, 0.5], **TIGHT).y[:, -1]
    assert np.hypot(*run) < 1e-6


def period(mu):
    f = rates(o.van_der_pol(mu), m.x)

    def up(t, s):
        return s[0]

    up.direction = 1
    run = solve_ivp(lambda t, s: [s[1], f(*s)[0]], [0, 60 + 40 * mu], [2.0, 0.0], events=up, **TIGHT)
    return np.diff(run.t_events[0])[-1], np.abs(run.y[0]).max()


def test_van_der_pol():
    """Small μ: period 2π (1 + μ²/16), amplitude 2. Large μ: (3 − 2 log 2) μ with the correction 3 α μ^(−1/3)."""
    for mu in (0.05, 0.2):
        found, amplitude = period(mu)
        assert found == pytest.approx(2 * np.pi * (1 + mu**2 / 16), rel=2e-5)
        assert amplitude == pytest.approx(2.0, rel=2e-3)
    found, _ = period(10.0)
    assert found == pytest.approx((3 - 2 * np.log(2)) * 10 + 3 * 2.33811 * 10 ** (-1 / 3), rel=0.02)


def test_van_der_pol_takes_energy_up_inside_and_gives_it_off_outside():
    node = o.van_der_pol(2.0)
    for x, sign in ((0.5, -1), (2.0, 1)):
        at = starts(node) | {m.x: x, m.x.dot: 1.5}
        assert np.sign(float(node.dissipation.subs(at))) == sign


def test_fput_spring():
    spring = o.fput_spring(0.25, 2.0, 3.0)
    at = starts(spring) | {m.x.source: 0.1, m.x.target: 0.6}
    pull = 3.0 * 0.5 + 0.25 * 0.5**2 + 2.0 * 0.5**3
    assert -float(leaving(spring, "source", "x").subs(at)) == pytest.approx(pull, rel=1e-12)
    assert -float(leaving(spring, "target", "x").subs(at)) == pytest.approx(-pull, rel=1e-12)


def test_fput_chain_without_nonlinearity_has_the_modes_of_a_chain():
    """ω_j = 2 √(k/m) sin(jπ/2(N + 1)) between fixed walls."""
    size, spring, node = 7, o.fput_spring(stiffness=2.0), m.mass(0.5)
    block = np.array(
        [
            [float(sp.diff(leaving(spring, end, "x"), q).subs(starts(spring)).subs({m.x.source: 0, m.x.target: 0}))
             for q in (m.x.source, m.x.target)]
            for end in ("source", "target")
        ]
    )  # fmt: skip
    stiffness = np.zeros((size + 2, size + 2))
    for i in range(size + 1):
        stiffness[i : i + 2, i : i + 2] += block
    inertia = float(sp.diff(leaving(node, "node", "x").subs(starts(node)), m.x.dot.dot))
    found = np.sqrt(np.linalg.eigvalsh(stiffness[1:-1, 1:-1] / inertia))
    expected = 2 * np.sqrt(2.0 / 0.5) * np.sin(np.arange(1, size + 1) * np.pi / (2 * (size + 1)))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_leaky_unit_follows_a_step():
    node = n.leaky_unit(2.0, time_constant=0.3)
    f = rates(node, n.s)
    times = np.linspace(0, 2, 11)
    run = solve_ivp(lambda t, s: f(*s), [0, 2], [0.0], t_eval=times, **TIGHT).y[0]
    np.testing.assert_allclose(run, 2.0 * (1 - np.exp(-times / 0.3)), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("make", [n.unit, n.prototypical_unit])
def test_time_constants_scale_the_rate_alone(make):
    plain, slow = make(n.tanh, 0.3), make(n.tanh, 0.3, time_constant=4.0)
    ratio = rates(plain, n.s)(0.2)[0] / rates(slow, n.s)(0.2)[0]
    assert ratio == pytest.approx(4.0, rel=1e-12)
    assert [p.name for p in slow.parameters if p.trainable] == [p.name for p in plain.parameters] == ["b"]


def test_hopfield_synapses_decrease_hopfields_energy():
    """τ ṡ = −s + b + Σ w tanh s_j: E of the outputs falls along the motion and rests where ṡ = 0."""
    size, tau = 5, 0.5
    random = np.random.default_rng(0)
    w = random.normal(size=(size, size))
    w = np.triu(w, 1) + np.triu(w, 1).T
    b = 0.2 * random.normal(size=size)
    unit, synapse = n.leaky_unit(0.0, time_constant=tau), n.hopfield_synapse(n.tanh)
    own = sp.lambdify((n.s, unit.parameter("b")), -leaving(unit, "node", "s").subs({n.s.dot: 0}))
    sent = sp.lambdify(
        (n.s.source, n.s.target, synapse.parameters[0]), [synapse.force[n.s.source], synapse.force[n.s.target]]
    )

    def motion(t, s):
        push = own(s, b)
        for i in range(size):
            for j in range(i + 1, size):
                at_i, at_j = sent(s[i], s[j], w[i, j])
                push[i] += at_i
                push[j] += at_j
        return push / tau

    np.testing.assert_allclose(motion(0, np.arange(5.0)), (-np.arange(5.0) + b + w @ np.tanh(np.arange(5.0))) / tau)
    times = np.linspace(0, 10, 101)
    states = solve_ivp(motion, [0, 10], random.normal(size=size), t_eval=times, rtol=1e-10, atol=1e-12).y.T
    out = np.tanh(states)
    stored = out * np.arctanh(out) + np.log(1 - out**2) / 2
    energy = -0.5 * np.einsum("ti,ij,tj->t", out, w, out) + np.sum(stored - b * out, 1)
    assert np.all(np.diff(energy) < 1e-9) and energy[0] - energy[-1] > 0.1
