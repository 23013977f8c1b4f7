"""Reduction of cyclic coordinates node by node, and the order of what is left."""

import numpy as np
import pytest
import sympy as sp

import physeq as pq
from physeq.errors import ModelError
from physeq.graph import Bundle, Group, Sparse, Topology
from physeq.symbolic.reduction import Order, clamped_mask, touched, variables

phi, q, i = pq.coordinate("phi", rate="v"), pq.coordinate("q"), pq.coordinate("i")
g, c, henry, m, k = (pq.parameter(name, positive=True) for name in ("g", "c", "l", "m", "k"))
drop, fall = phi.source - phi.target, phi.source.dot - phi.target.dot
RESISTOR = pq.Edge("resistor", dissipation=g * fall**2 / 2)
CAPACITOR = pq.Edge("capacitor", kinetic=c * fall**2 / 2)
FLUX_COIL = pq.Edge("flux coil", potential=drop**2 / (2 * henry))
# L di/dt = v: the coil's current as a coordinate of its own, coupled to the nodes by forces.
COIL = pq.Edge("coil", internal=(i,), dissipation=henry * i.dot**2 / 2, force={i: fall, phi.source: -i, phi.target: i})


def net(size, *bundles, **options):
    """Edges of several kinds on one group of nodes."""
    made = tuple(Bundle(e.name, ("nodes", "nodes"), Sparse(pairs)) for e, pairs in bundles)
    topology = Topology((Group("nodes", size),), made)
    return pq.System(topology, edges={e.name: e for e, _ in bundles}, **options)


def classes(system, group="nodes", coordinate=phi):
    (variable,) = [v for v in variables(system) if (v.group, v.coordinate) == (group, coordinate)]
    return variable, {(c.reduced, c.order): c.indices.tolist() for c in variable.classes}


def test_resistors_alone_are_algebraic_in_the_voltage():
    variable, kinds = classes(net(3, (RESISTOR, [[0, 1], [1, 2]]), ground=0))
    assert kinds == {(True, Order.ALGEBRAIC): [0, 1, 2]}
    assert variable.symbol == phi.dot and variable.key == "v" and variable.reduced and variable.uniform


def test_a_capacitor_makes_only_its_nodes_dynamic():
    system = net(4, (RESISTOR, [[0, 1], [1, 2], [2, 3]]), (CAPACITOR, [[2, 3]]), ground=0)
    variable, kinds = classes(system)
    # Node 0 is held and follows the majority of the free ones.
    assert kinds == {(True, Order.FIRST): [0, 2, 3], (True, Order.ALGEBRAIC): [1]}
    assert variable.order is Order.FIRST and variable.uniform


def test_a_flux_inductor_keeps_the_flux_of_its_nodes():
    system = net(4, (RESISTOR, [[0, 1], [1, 2], [2, 3]]), (FLUX_COIL, [[2, 3]]), ground=0)
    variable, kinds = classes(system)
    assert kinds == {(False, Order.FIRST): [0, 2, 3], (True, Order.ALGEBRAIC): [1]}
    assert not variable.uniform


def test_resonant_nodes_are_second_order():
    system = net(3, (CAPACITOR, [[0, 1], [1, 2]]), (FLUX_COIL, [[0, 1], [1, 2]]), ground=0)
    assert classes(system)[1] == {(False, Order.SECOND): [0, 1, 2]}


def test_an_inductor_with_its_own_current_leaves_the_nodes_reduced():
    system = net(3, (RESISTOR, [[0, 1], [1, 2]]), (COIL, [[1, 2], [1, 2]]), ground=0)
    nodes, inner = variables(system)
    assert nodes.reduced and nodes.uniform and not nodes.internal
    assert (inner.group, inner.coordinate, inner.size, inner.internal) == ("coil", i, 2, True)
    assert not inner.reduced and inner.order is Order.FIRST


def test_a_rate_constraint_reduces_a_force_holds_nothing():
    source = pq.Edge("source", constraint=fall - 1)
    system = net(2, (source, [[0, 1]]), ground=0)
    assert classes(system)[1] == {(True, Order.ALGEBRAIC): [0, 1]}
    pushed = pq.Node("pushed", force={q: k})
    with pytest.raises(ModelError, match="node 0 of group 'nodes' is floating: no energy or dissipation holds its"):
        variables(pq.System(pq.complete(1), nodes=pushed))


@pytest.mark.parametrize(
    ("terms", "kind"),
    [
        ({"potential": k * q**2 / 2}, (False, Order.ALGEBRAIC)),
        ({"potential": k * q**2 / 2, "dissipation": g * q.dot**2 / 2}, (False, Order.FIRST)),
        ({"potential": k * q**2 / 2, "kinetic": m * q.dot**2 / 2}, (False, Order.SECOND)),
        ({"kinetic": m * q.dot**2 / 2}, (True, Order.FIRST)),
        ({"kinetic": m * q.dot**2 / 2, "dissipation": g * q.dot**2 / 2}, (True, Order.FIRST)),
        ({"dissipation": g * q.dot**2 / 2}, (True, Order.ALGEBRAIC)),
        ({"dissipation": g * q.dot**2 / 2, "bounds": {q: (0, 1)}}, (False, Order.FIRST)),
        ({"dissipation": g * q.dot**2 / 2, "bounds": {q.dot: (0, 1)}}, (True, Order.ALGEBRAIC)),
        ({"kinetic": m * q.dot**2 / 2 * (1 + q**2)}, (False, Order.SECOND)),
        ({"dissipation": g * q.dot**2 / 2, "force": {q: -k * q}}, (False, Order.FIRST)),
    ],
)
def test_one_node(terms, kind):
    ((only,),) = [v.classes for v in variables(pq.System(pq.complete(1), nodes=pq.Node("n", **terms)))]
    assert (only.reduced, only.order) == kind


def test_masses_and_springs():
    mass, spring = (
        pq.Node("mass", kinetic=m * q.dot**2 / 2),
        pq.Edge("spring", potential=k * (q.source - q.target) ** 2),
    )
    variable, kinds = classes(pq.System(pq.from_edges([0], [1], 3), nodes=mass, edges=spring), coordinate=q)
    assert kinds == {(False, Order.SECOND): [0, 1], (True, Order.FIRST): [2]}
    assert not variable.uniform and variable.order is Order.SECOND


def test_held_nodes_follow_the_free_ones():
    # Node 0 touches only the flux inductor; held, it must not spoil the reduction of the others.
    system = net(3, (FLUX_COIL, [[0, 0]]), (RESISTOR, [[1, 2]]), ground=[0, 1])
    assert classes(system)[1] == {(True, Order.ALGEBRAIC): [0, 1, 2]}


def test_untouched_nodes_are_named():
    with pytest.raises(ModelError, match=r"node 2 of group 'nodes' is floating.*connect it, ground it or remove it"):
        variables(net(3, (RESISTOR, [[0, 1]]), ground=0))
    with pytest.raises(ModelError, match="group 'b' takes part in no term"):
        variables(pq.System(Topology((Group("a", 1), Group("b", 2))), nodes={"a": pq.Node("n", potential=q**2)}))


def test_touched_and_clamped_masks():
    system = net(4, (RESISTOR, [[0, 1], [1, 3]]), ground=0, inputs=[3], fixed={1: 2.0})
    (placement,) = system.placements
    assert touched(system, placement, 0).tolist() == [True, True, False, False]
    assert touched(system, placement, 1).tolist() == [False, True, False, True]
    assert clamped_mask(system, "nodes").tolist() == [True, True, False, True]


def test_a_clamp_holds_only_the_coordinate_that_it_names():
    r = pq.coordinate("r")
    both = pq.Node("both", potential=q**2 + r**2 + q * r)
    system = pq.System(Topology((Group("nodes", 2),)), nodes=both, inputs=pq.Clamp([0], coordinate="r"))
    assert clamped_mask(system, "nodes", q).tolist() == [False, False]
    assert clamped_mask(system, "nodes", r).tolist() == [True, False]


def test_every_node_of_a_random_circuit_is_classified_by_what_touches_it():
    rng = np.random.default_rng(3)
    for _ in range(10):
        pairs = {e: rng.integers(0, 8, (int(rng.integers(1, 5)), 2)) for e in (CAPACITOR, FLUX_COIL)}
        chain = np.stack([np.arange(7), np.arange(1, 8)], 1)
        system = net(8, (RESISTOR, chain), *pairs.items())
        (variable,) = variables(system)
        for kind in variable.classes:
            for node in kind.indices:
                inertia, value = (node in pairs[e] for e in (CAPACITOR, FLUX_COIL))
                assert kind.reduced == (not value)
                expected = (
                    (Order.SECOND if inertia else Order.FIRST)
                    if value
                    else (Order.FIRST if inertia else Order.ALGEBRAIC)
                )
                assert kind.order is expected
        assert sorted(np.concatenate([kind.indices for kind in variable.classes])) == list(range(8))
        assert sp.Symbol("unused") not in variable.symbol.free_symbols
