"""Mechanical components: forces in closed form, what rotations and translations leave alone, small oscillations."""

import numpy as np
import pytest
import scipy.constants
import sympy as sp
from scipy.integrate import solve_ivp
from terms import balances, leaving, starts

import physeq as pq
from physeq.errors import ModelError

m = pq.mechanical
AXES = ("x", "y", "z")


def forces(component, dimensions, source, target, rates=None, **numbers):
    """The forces that an edge exerts on its two ends at given positions and rates."""
    coordinates = [getattr(m, name) for name in AXES[:dimensions]]
    rates = np.zeros((2, dimensions)) if rates is None else rates
    values = starts(component, **numbers)
    for k, q in enumerate(coordinates):
        values |= {q.source: source[k], q.target: target[k], q.source.dot: rates[0][k], q.target.dot: rates[1][k]}
    return np.array(
        [
            [-float(sp.sympify(leaving(component, port, q.name)).subs(values)) for q in coordinates]
            for port in ("source", "target")
        ]
    )


def random_pair(dimensions, seed=0):
    draw = np.random.default_rng(seed).normal
    return draw(size=dimensions), draw(size=dimensions)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_mass(dimensions):
    node = m.mass(2.0, dimensions=dimensions, gravity=m.STANDARD_GRAVITY)
    rows = {slot.coordinate.name: e.subs(starts(node)) for slot, e in balances(node).items()}
    assert list(rows) == list(AXES[:dimensions])
    up = AXES[dimensions - 1]
    for name, row in rows.items():
        q = getattr(m, name)
        assert sp.simplify(row - 2 * q.dot.dot - (name == up) * 2 * m.STANDARD_GRAVITY) == 0
    assert scipy.constants.g == m.STANDARD_GRAVITY
    alone = m.gravity(2.0, along=getattr(m, up))
    assert float(leaving(alone, "node", up).subs(starts(alone))) == pytest.approx(2 * 9.80665)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("length", [None, 0.4])
@pytest.mark.parametrize("cubic", [None, -3.0])
def test_spring_pulls_along_itself(dimensions, length, cubic):
    spring = m.spring(2.0, length, cubic, dimensions=dimensions)
    source, target = random_pair(dimensions)
    r = target - source
    if dimensions == 1:
        elongation = r[0] - (length or 0.0)
        pull = np.array([2.0 * elongation + (cubic or 0.0) * elongation**3])
    else:
        elongation = np.linalg.norm(r) - (length or 0.0)
        pull = (2.0 * elongation + (cubic or 0.0) * elongation**3) * r / np.linalg.norm(r)
    found = forces(spring, dimensions, source, target)
    np.testing.assert_allclose(found[0], pull, rtol=1e-12)
    np.testing.assert_allclose(found[1], -pull, rtol=1e-12)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_displaced_springs_are_springs_between_the_displaced_places(dimensions):
    source, target = random_pair(dimensions)
    u, w = (0.1 * p for p in random_pair(dimensions, seed=1))
    rest = dict(zip(("dx", "dy", "dz"), target - source, strict=False))
    for kind, options in ((m.spring, {"length": 0.7}), (m.damper, {})):
        rates = np.array(random_pair(dimensions, seed=2))
        plain = forces(kind(dimensions=dimensions, **options), dimensions, source + u, target + w, rates)
        displaced = kind(dimensions=dimensions, displacements=True, **options)
        np.testing.assert_allclose(forces(displaced, dimensions, u, w, rates, **rest), plain, rtol=1e-12)


def test_springs_stay_finite_where_two_points_meet():
    spring = m.spring(length=1.0, dimensions=2)
    same = np.array([0.3, -0.2])
    np.testing.assert_array_equal(forces(spring, 2, same, same), 0)
    stiffness = sp.diff(leaving(spring, "source", "x"), m.x.source)
    values = starts(spring) | {m.x.source: 1, m.x.target: 1, m.y.source: 2, m.y.target: 2}
    assert sp.sympify(stiffness.subs(values)).is_finite
    # and the softening is nothing beside a length of a micrometre
    pull = forces(m.spring(1.0, 0.0, dimensions=2), 2, [0.0, 0.0], [3e-6, 4e-6])[0]
    np.testing.assert_allclose(pull, [3e-6, 4e-6], rtol=1e-12)


def test_anchor():
    node = m.anchor(3.0, dimensions=2)
    numbers = starts(node, x_0=1.0, y_0=-1.0) | {m.x: 1.5, m.y: 1.0}
    assert [float(leaving(node, "node", n).subs(numbers)) for n in "xy"] == [1.5, 6.0]


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_damper_resists_the_rate_of_the_distance(dimensions):
    source, target = random_pair(dimensions)
    rates = np.array(random_pair(dimensions, seed=3))
    damper = m.damper(2.0, dimensions=dimensions)
    direction = (target - source) / np.linalg.norm(target - source)
    expected = 2.0 * ((rates[1] - rates[0]) @ direction) * direction
    np.testing.assert_allclose(forces(damper, dimensions, source, target, rates), [expected, -expected], rtol=1e-9)
    if dimensions > 1:
        sideways = np.cross(np.array([*direction, 0.0])[:3], [0.0, 0.0, 1.0])[:dimensions]
        found = forces(damper, dimensions, source, target, [np.zeros(dimensions), sideways])
        np.testing.assert_allclose(found, 0, atol=1e-15)


def test_drag():
    node = m.drag(0.5, dimensions=2)
    assert float(leaving(node, "node", "y").subs(starts(node) | {m.y.dot: 3.0})) == 1.5


@pytest.mark.parametrize("dimensions", [2, 3])
def test_rods_pull_along_themselves(dimensions):
    rod = m.rigid_rod(2.0, dimensions=dimensions)
    source, target = random_pair(dimensions)
    r = target - source
    found = forces(_multiplied(rod, 3.0), dimensions, source, target)
    np.testing.assert_allclose(found, [-3.0 * r, 3.0 * r], rtol=1e-12)
    (g,) = rod.constraint
    values = starts(rod)
    for k, q in enumerate((m.x, m.y, m.z)[:dimensions]):
        values |= {q.source: source[k], q.target: source[k] + 2.0 * (r / np.linalg.norm(r))[k]}
    assert abs(float(g.subs(values))) < 1e-14


def _multiplied(rod, multiplier):
    """The rod with λ ∂g/∂q written as the forces of a potential −λ g."""
    return pq.Edge("rod", potential=-multiplier * rod.constraint[0])


def test_rod_to_a_point_makes_the_pendulum_of_its_angle():
    """λ eliminated in Cartesian coordinates, against the angle's own equation, over a swing from 60 degrees."""
    ell, g = 1.5, m.STANDARD_GRAVITY
    node = m.mass(2.0, dimensions=2, gravity=g)
    rod = m.rigid_rod_to_point(ell)
    ((_, lam_x), (_, lam_y)) = ((s, sp.diff(rod.constraint[0], s)) for s in (m.x, m.y))
    weight = [leaving(node, "node", n).subs(starts(node)).subs({m.x.dot.dot: 0, m.y.dot.dot: 0}) for n in "xy"]
    gradient = sp.lambdify((m.x, m.y), [e.subs(starts(rod)) for e in (lam_x, lam_y)])

    def cartesian(t, s):
        a = np.array(gradient(*s[:2]), float)
        # g̈ = 0: a·r̈ + |ṙ|² = 0 with m r̈ = −weight + λ a.
        push = -np.array(weight, float) / 2.0
        lam = -(a @ push + s[2:] @ s[2:]) / (a @ a)
        return [*s[2:], *(push + lam * a)]

    swing = m.pendulum(2.0, ell)
    row = leaving(swing, "node", "theta").subs(starts(swing))
    bend = sp.lambdify((m.theta, m.theta.dot), sp.solve(row, m.theta.dot.dot)[0])
    start = np.pi / 3
    tight = {"method": "DOP853", "rtol": 1e-11, "atol": 1e-12}
    angle = solve_ivp(lambda t, s: [s[1], bend(*s)], [0, 3], [start, 0.0], **tight).y[0, -1]
    place = solve_ivp(cartesian, [0, 3], [ell * np.sin(start), -ell * np.cos(start), 0.0, 0.0], **tight).y[:2, -1]
    np.testing.assert_allclose(place, [ell * np.sin(angle), -ell * np.cos(angle)], atol=1e-8)


def test_pendulum_and_torsion_spring():
    """Two equal pendula: the modes √(g/ℓ) and √(g/ℓ + 2κ/mℓ²) of Landau and Lifshitz, section 23."""
    mass, ell, kappa = 0.5, 2.0, 0.7
    swing, twist = m.pendulum(mass, ell), m.torsion_spring(kappa)
    row = leaving(swing, "node", "theta").subs(starts(swing))
    inertia = float(sp.diff(row, m.theta.dot.dot))
    restoring = float(sp.diff(row, m.theta).subs(m.theta, 0))
    coupling = [float(sp.diff(leaving(twist, "source", "theta"), q).subs(starts(twist))) for q in
                (m.theta.source, m.theta.target)]  # fmt: skip
    stiffness = restoring * np.eye(2) + np.array([coupling, coupling[::-1]])
    found = np.sqrt(np.linalg.eigvalsh(stiffness / inertia))
    g = m.STANDARD_GRAVITY
    np.testing.assert_allclose(found, [np.sqrt(g / ell), np.sqrt(g / ell + 2 * kappa / (mass * ell**2))], rtol=1e-12)
    friction = m.pivot_friction(0.2)
    assert float(leaving(friction, "node", "theta").subs(starts(friction) | {m.theta.dot: 3.0})) == pytest.approx(0.6)


def test_hinges_are_the_kinetic_energy_of_a_chain():
    """½ Σ_k m_k |ṙ_k|² of three bobs, against pendula of the carried masses with one hinge for each pair."""
    masses, lengths = np.array([0.5, 1.5, 0.7]), np.array([1.0, 0.6, 2.0])
    angles, rates = np.array([0.3, -1.1, 2.0]), np.array([0.7, 0.2, -1.3])
    steps = lengths[:, None] * rates[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    expected = 0.5 * np.sum(masses * np.sum(np.cumsum(steps, 0) ** 2, 1))
    heights = -np.cumsum(lengths * np.cos(angles))
    carried = np.cumsum(masses[::-1])[::-1]
    total = potential = 0.0
    for i in range(3):
        rod = m.pendulum(carried[i], lengths[i])
        at = starts(rod) | {m.theta: angles[i], m.theta.dot: rates[i]}
        total += float(rod.kinetic.subs(at))
        potential += float(rod.potential.subs(at))
        for j in range(i + 1, 3):
            pair = m.hinge(carried[j] * lengths[i] * lengths[j])
            ends = {m.theta.source: angles[i], m.theta.target: angles[j]}
            ends |= {m.theta.source.dot: rates[i], m.theta.target.dot: rates[j]}
            total += float(pair.kinetic.subs(starts(pair) | ends))
    assert total == pytest.approx(expected, rel=1e-12)
    hanging = -np.cumsum(lengths)
    assert potential == pytest.approx(m.STANDARD_GRAVITY * masses @ (heights - hanging), rel=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: m.mass(dimensions=4), "dimensions must be 1, 2 or 3, got 4"),
        (lambda: m.spring(dimensions=0), "dimensions must be 1, 2 or 3, got 0"),
        (lambda: m.rigid_rod(dimensions=5), "dimensions must be 1, 2 or 3"),
        (lambda: m.spring(length=1.0, softening=0.0), "softening must be a positive length"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ModelError, match=message):
        make()
