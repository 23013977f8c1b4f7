"""The equations of motion M ẏ = f(t, y) against equations written down by hand, and derivatives against JAX."""

import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest
from circuits import circuit, e

import physeq as pq
from physeq.compile.motion import compile_motion, pattern_of
from physeq.symbolic.motion import MotionKind, motion_variables

x, y, theta = pq.coordinate("x"), pq.coordinate("y"), pq.coordinate("theta")
m, k, length = (pq.parameter(n, positive=True) for n in ("m", "k", "length"))


def dense(bound, values):
    pattern = pattern_of(bound.layout)
    matrix = np.zeros((bound.layout.size, bound.layout.size))
    np.add.at(matrix, (pattern.rows, pattern.columns), np.asarray(values))
    return matrix


def named(motion, vector):
    return dict(zip(motion.layout.names(), np.asarray(vector).tolist(), strict=True))


def ladder():
    return circuit(
        ("V1", "in", "0"), ("R1", "in", "a", {"g": 0.5}), ("L1", "a", "b", {"L": 2.0}), ("C1", "b", "0", {"C": 3.0}),
        ("C2", "a", "b", {"C": 5.0}), parts={"V": e.voltage_source(7.0)},
    )  # fmt: skip


def test_rows_of_a_circuit_are_kirchhoffs():
    motion = ladder().motion()
    bound = motion.bind(motion.init_parameters(jax.random.key(0)))
    state = {"in.v": 1.0, "0.v": 0.25, "a.v": 2.0, "b.v": 4.0, "V1.multiplier": 0.5, "L1.psi": 6.0}
    vector = jnp.array([state[name] for name in motion.layout.names()])
    f = named(motion, bound.field(0.0, vector))
    assert f == pytest.approx(
        {
            "0.v": -0.25,  # held at 0
            "in.v": -0.5 * (1 - 2) + 0.5,  # the multiplier is the source's force on its plus node
            "a.v": 0.5 * (1 - 2) - 6 / 2,
            "b.v": 6 / 2,
            "V1.multiplier": 1 - 0.25 - 7,
            "L1.psi": 2 - 4,
        }
    )
    order = ["in.v", "0.v", "a.v", "b.v", "V1.multiplier", "L1.psi"]
    at = [motion.layout.names().index(name) for name in order]
    mass = dense(bound, bound.mass())[np.ix_(at, at)]
    expected = np.zeros((6, 6))
    expected[2, 2], expected[2, 3], expected[3, 2], expected[3, 3], expected[3, 1] = 5, -5, -5, 8, -3
    expected[5, 5] = 1
    np.testing.assert_allclose(mass, expected)


def test_an_inductor_keeps_its_flux_alone():
    form = next(f for f in compile_motion(ladder()).layout.forms if f.placement.name == "L")
    assert sorted(s.name for s in form.eliminated) == ["multiplier", "psi.dot"]
    assert [u[0].coordinate.name for u in form.owned] == ["psi"]


def kinds(system):
    return {(group, c.name): v.kind for (group, c), v in motion_variables(system).items()}


def test_kinds_of_coordinates():
    damped = pq.Node("damped", potential=k * x**2 / 2, dissipation=x.dot**2 / 2)
    spring = pq.Edge("spring", potential=k * (x.source - x.target) ** 2 / 2)
    assert kinds(pq.System(pq.complete(2), nodes=damped, edges=spring)) == {("nodes", "x"): MotionKind.FIRST}
    stiff = pq.Node("stiff", potential=k * x**2 / 2)
    assert kinds(pq.System(pq.complete(2), nodes=stiff, edges=spring)) == {("nodes", "x"): MotionKind.STATIC}
    heavy = pq.Node("heavy", kinetic=m * x.dot**2 / 2)
    assert kinds(pq.System(pq.complete(2), nodes=heavy, edges=spring)) == {("nodes", "x"): MotionKind.SECOND}
    rough = pq.Node("rough", potential=k * x**2 / 2, dissipation=x.dot**4)
    assert kinds(pq.System(pq.complete(2), nodes=rough, edges=spring)) == {("nodes", "x"): MotionKind.SECOND}
    assert kinds(ladder()) == {("nodes", "phi"): MotionKind.REDUCED, ("L", "psi"): MotionKind.SECOND}


def mechanical():
    """Masses, a rod, springs with rest length, drag that is not quadratic, a driven anchor."""
    mass = pq.Node("mass", kinetic=m * (x.dot**2 + y.dot**2) / 2, dissipation=(x.dot**2 + y.dot**2) ** 2)
    square = (x.source - x.target) ** 2 + (y.source - y.target) ** 2
    graph = nx.MultiDiGraph()
    graph.add_edge(0, 1, component="rod", name="rod")
    graph.add_edge(1, 2, component="spring", name="spring")
    parts = {
        "rod": pq.Edge("rod", constraint=square - length**2),
        "spring": pq.Edge("spring", potential=k * (square - length**2) ** 2 / 4),
    }
    return pq.System.from_graph(graph, nodes=mass, edges=parts, ground=0)


def variable_mass():
    link = pq.Node("link", kinetic=m * theta.dot**2 / 2, potential=-k * (1 - theta**2 / 2))
    joint = pq.Edge("joint", kinetic=length * (1 + (theta.source - theta.target) ** 2) * theta.source.dot
                    * theta.target.dot / 9)  # fmt: skip
    return pq.System(pq.complete(3), nodes=link, edges=joint)


def diodes():
    return circuit(("V1", "in", "0"), ("R1", "in", "a"), ("D1", "a", "b"), ("L1", "a", "b"), ("C1", "b", "0"),
                   ("R2", "b", "0"), parts={"V": e.voltage_source(pq.Sine(0, 1, 1))})  # fmt: skip


@pytest.mark.parametrize("system", [ladder, mechanical, variable_mass, diodes])
def test_the_jacobian_is_that_of_jax(system):
    motion = system().motion()
    bound = motion.bind(motion.init_parameters(jax.random.key(1)))
    at = 0.3 * jax.random.normal(jax.random.key(2), (motion.size,))
    exact = jax.jacfwd(lambda z: bound.field(0.2, z))(at)
    np.testing.assert_allclose(dense(bound, bound.jacobian(0.2, at)), exact, rtol=1e-12, atol=1e-13)


def test_accelerations_join_where_inertia_moves():
    motion = variable_mass().motion()
    assert [name for name in motion.layout.names() if name.startswith("0.")] == [
        "0.theta",
        "0.theta_dot",
        "0.theta_dot_dot",
    ]
    bound = motion.bind(motion.init_parameters(jax.random.key(1)))
    # Lagrange's equations by automatic differentiation of L, an oracle that shares nothing with the templates.
    params, pairs = bound.params, np.asarray(motion.layout.system.topology.edge_arrays("edges"))
    mass, stiff, coupling = params["nodes"]["m"], params["nodes"]["k"], params["edges"]["length"]

    def lagrangian(q, w):
        a, b = q[pairs[0]], q[pairs[1]]
        kinetic = jnp.sum(mass * w**2) / 2 + jnp.sum(coupling * (1 + (a - b) ** 2) * w[pairs[0]] * w[pairs[1]]) / 9
        return kinetic + jnp.sum(stiff * (1 - q**2 / 2))

    q, w, a = (jax.random.normal(jax.random.key(s), (3,)) for s in range(3))
    slope = jax.grad(lagrangian, 1)
    _, momentum_rate = jax.jvp(slope, (q, w), (w, a))
    expected = jax.grad(lagrangian)(q, w) - momentum_rate
    np.testing.assert_allclose(bound.field(0.0, jnp.concatenate([q, w, a]))[6:], expected, rtol=1e-12)


def test_inputs_hold_drive_and_move():
    system = circuit(("R1", "a", "b"), ("C1", "b", "0"), inputs={"u": pq.Clamp(["a"]), "push": pq.Drive(["b"])})
    motion = system.motion()
    params = motion.init_parameters(jax.random.key(0))
    bound = motion.bind(params, {"u": lambda t: jnp.array([jnp.sin(t)]), "push": jnp.array([0.25])})
    f = named(motion, bound.field(0.5, jnp.zeros(motion.size)))
    assert f == pytest.approx({"a.v": np.sin(0.5), "b.v": 0.25, "0.v": 0.0})
    with pytest.raises(pq.ModelError, match=r"expected \['u', 'push'\], got \['u'\]"):
        motion.bind(params, {"u": jnp.zeros(1)})
    with pytest.raises(pq.ModelError, match=r"input 'u': must have shape \(1,\), got \(2,\)"):
        motion.bind(params, {"u": jnp.zeros(2), "push": jnp.zeros(1)})


def test_starts_by_name():
    motion = ladder().motion()
    start = motion.start({"L": {"psi": 2.0}, "nodes": {"v": jnp.arange(4.0)}})
    assert named(motion, start)["L1.psi"] == 2.0
    with pytest.raises(pq.ModelError, match=r"L.current is no unknown of this motion; there are nodes.v"):
        motion.start({"L": {"current": 1.0}})
    with pytest.raises(pq.ModelError, match=r"start of nodes.v: must have shape \(4,\), got \(3,\)"):
        motion.start({"nodes": {"v": jnp.zeros(3)}})


def test_derivation_does_not_grow_with_the_circuit():
    def rows(n):
        elements = [("R", f"n{i}", f"n{i + 1}") for i in range(n)] + [("C", f"n{i}", "0") for i in range(n)]
        system = circuit(*[(f"{kind}{i}", a, b) for i, (kind, a, b) in enumerate(elements)])
        motion = system.motion()
        bound = motion.bind(motion.init_parameters(jax.random.key(0)))
        return len(str(jax.make_jaxpr(bound.field)(0.0, jnp.zeros(motion.size))).splitlines())

    assert rows(10) == rows(100)
