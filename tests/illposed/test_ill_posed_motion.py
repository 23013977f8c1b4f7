"""Ill-posed circuits and mechanisms: each gets its diagnosis, in the user's names."""

import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest
from circuits import circuit, e

import physeq as pq

KEY = jax.random.key(0)
x, y = pq.coordinate("x"), pq.coordinate("y")
m = pq.parameter("m", positive=True)

MASS = pq.Node("mass", kinetic=m * (x.dot**2 + y.dot**2) / 2)
ROD = pq.Edge("rod", constraint=(x.source - x.target) ** 2 + (y.source - y.target) ** 2 - 1)

g = pq.parameter("a", trainable=False, initial=1.0)
ACROSS = e.phi.source.dot - e.phi.target.dot
ACTIVE = pq.Edge("active", force={e.phi.source: g * (1 + ACROSS**2), e.phi.target: -g * (1 + ACROSS**2)})

CIRCUITS = {
    "floating node": (
        [("V1", "a", "0"), ("R1", "a", "0"), ("R2", "b", "c")],
        r"node 'b', 'c' floats: no element connects it to ground.*connect it to ground",
    ),
    "loop of voltage sources": (
        [("V1", "a", "0"), ("V2", "a", "b"), ("V3", "b", "0"), ("R1", "a", "0")],
        r"loop of voltage sources: V1, V3, V2 \(between 'a' and ground\); give one of them a series resistance",
    ),
    "source shorted to ground": (
        [("V1", "0", "0"), ("R1", "a", "0")],
        r"loop of voltage sources: V1 \(between ground\)",
    ),
    "loop of a source and capacitors": (
        [("V1", "a", "0"), ("C1", "a", "b"), ("C2", "b", "0"), ("R1", "a", "0")],
        r"loop of voltage sources and capacitors: V1, C2, C1.*index-2.*put a resistance in series",
    ),
    "cut-set of inductors and current sources": (
        [("I1", "0", "a"), ("L1", "a", "b"), ("R1", "b", "0")],
        r"cut-set of inductors and current sources: I1, L1 alone lead to node 'a'.*put a resistance or a capacitance",
    ),
    "current source into nothing": (
        [("I1", "0", "a"), ("R1", "b", "0")],
        r"node 'a' of group 'nodes' is floating: no energy or dissipation holds its coordinate phi; connect it",
    ),
}

RESTS = {
    "no direct path to ground": (
        [("V1", "a", "0"), ("C1", "a", "b"), ("C2", "b", "c"), ("R1", "c", "0"), ("R2", "a", "0")],
        r"node 'b' has no path for direct current to ground.*add a large resistor",
    ),
    "inductor across a source": (
        [("V1", "a", "0"), ("L1", "a", "0")],
        r"operating point: L1\.psi is left undetermined: no equation determines it",
    ),
    "negative resistance without equilibrium": (
        [("A1", "0", "a"), ("R1", "a", "0")],
        r"no operating point was found.*residual.*A1 has a negative differential conductance there",
    ),
}


@pytest.mark.parametrize("name", CIRCUITS)
def test_circuits_without_a_motion(name):
    elements, message = CIRCUITS[name]
    with pytest.raises(pq.ModelError, match=message):
        circuit(*elements).motion()


@pytest.mark.parametrize("name", RESTS)
def test_circuits_without_an_operating_point(name):
    elements, message = RESTS[name]
    motion = circuit(*elements, parts={"A": ACTIVE}).motion()
    with pytest.raises((pq.ModelError, pq.SolveError), match=f"(?s){message}"):
        motion.operating_point(motion.init_parameters(KEY))


def mechanism(rods, masses=(1.0, 1.0, 1.0), **start):
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(3))
    for name, a, b in rods:
        graph.add_edge(a, b, name=name)
    system = pq.System.from_graph(
        graph, nodes=MASS, edges=ROD, ground=0, values={"nodes": {"m": np.asarray(masses, float)}}
    )
    motion = system.motion()
    given = {"x": jnp.array([0.0, 1.0, 2.0])} | {k: jnp.asarray(v) for k, v in start.items()}
    return motion.simulate(motion.init_parameters(KEY), t1=0.1, start={"nodes": given})


CHAIN = (("r1", 0, 1), ("r2", 1, 2))

MECHANISMS = {
    "redundant constraints": (
        lambda: mechanism((*CHAIN, ("r3", 0, 1))),
        r"redundant constraints: r1, r3 fix the same motion more than once.*remove one of them",
    ),
    "a start off its constraint": (
        lambda: mechanism(CHAIN, x=[0.0, 1.1, 2.1]),
        r"start: r1 \(of 'edges'\) starts off its constraint by 0\.21; give positions and velocities",
    ),
    "velocities that break a rod": (
        lambda: mechanism(CHAIN, x_dot=[0.0, 0.5, 0.5]),
        r"start: r1 .*starts off its constraint by 1",
    ),
    "singular mass": (
        lambda: mechanism(CHAIN, masses=(1.0, 0.0, 0.0)),
        r"the equations are singular and leave .*_dot_dot.* undetermined",
    ),
}


@pytest.mark.parametrize("name", MECHANISMS)
def test_mechanisms(name):
    run, message = MECHANISMS[name]
    with pytest.raises((pq.ModelError, pq.SolveError), match=f"(?s){message}"):
        run()


def test_a_node_without_mass_is_named():
    graph = nx.MultiDiGraph()
    graph.add_node(0, component="mass")
    graph.add_node(1, component="joint")
    graph.add_edge(0, 1, name="r1")
    nodes = {"mass": MASS, "joint": pq.Node("joint", potential=x**2 + y**2)}
    with pytest.raises(pq.ModelError, match=r"rod.*joins coordinates with inertia and without.*give it a mass"):
        pq.System.from_graph(graph, nodes=nodes, edges=ROD).motion()


def test_bounds_have_no_motion():
    boxed = circuit(("R1", "a", "0"), nodes=e.ideal_diode(lower=0))
    with pytest.raises(pq.ModelError, match=r"bounds phi\.dot, and a motion has no projection.*piecewise_linear_diode"):
        boxed.motion()
