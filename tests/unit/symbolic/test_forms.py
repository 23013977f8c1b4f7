"""The steady state of placed components: co-content, integrated forces, certificates, masses. All by hand."""

import pytest
import sympy as sp

import physeq as pq
from physeq.errors import ModelError
from physeq.graph import Bundle, Group, Sparse, Topology
from physeq.symbolic.component import Slot
from physeq.symbolic.forms import derivative
from physeq.symbolic.identities import is_zero

phi, s, i = pq.coordinate("phi", rate="v"), pq.coordinate("s"), pq.coordinate("i")
g, c, k = (pq.parameter(name, positive=True) for name in ("g", "c", "k"))
w, u, b = (pq.parameter(name) for name in ("w", "u", "b"))
fall = phi.source.dot - phi.target.dot


def edge_form(edge, *nodes, size=3, **options):
    """The form of an edge on a chain."""
    chain = pq.from_edges(range(size - 1), range(1, size), size, directed=edge.directed)
    nodes = {"nodes": list(nodes)} if nodes else None
    return pq.derive(pq.System(chain, nodes=nodes, edges=edge, **options)).form("edges")


def node_form(node, **options):
    topology = Topology((Group("nodes", 2),))
    return pq.derive(pq.System(topology, nodes={"nodes": node}, **options)).form("nodes")


def test_the_energy_of_a_resistor_is_its_co_content():
    form = edge_form(pq.Edge("r", dissipation=g * fall**2 / 2), ground=0)
    assert form.energy == g * fall**2 / 2 and not form.forces and form.certificate is None
    assert set(form.unknowns.values()) == {phi.source.dot, phi.target.dot}
    current = form.force(Slot("source", phi))
    assert sp.expand(current + g * fall) == 0
    assert form.curvature(Slot("source", phi)) == g
    assert sp.expand(form.parameter_derivative(g) - fall**2 / 2) == 0
    assert len(form.energy_terms) == 3 and form.separable and not form.local


def test_rates_of_unreduced_coordinates_vanish_at_rest():
    form = node_form(pq.Node("n", potential=k * s**2 / 2, dissipation=g * s.dot**2 / 2, kinetic=c * s.dot**2 * s**2))
    assert form.energy == k * s**2 / 2
    assert form.force(Slot("node", s)) == -k * s


def test_a_current_source_joins_the_energy_as_minus_i_v():
    form = node_form(pq.Node("n", dissipation=g * phi.dot**2 / 2, force={phi: b}))
    assert sp.expand(form.energy - (g * phi.dot**2 / 2 - b * phi.dot)) == 0 and not form.forces
    assert sp.expand(form.parameter_derivative(b) + phi.dot) == 0


def test_forces_with_a_potential_are_integrated():
    form = node_form(pq.Node("n", force={s: b - s - sp.tanh(s)}))
    assert is_zero(sp.diff(form.energy, s) + b - s - sp.tanh(s)) and not form.forces


def test_reciprocal_forces_of_an_edge_are_integrated():
    form = edge_form(pq.Edge("e", force={s.target: w * s.source, s.source: w * s.target}), pq.Node("n", potential=s**2))
    assert sp.expand(form.energy + w * s.source * s.target) == 0
    assert form.certificate is None and not form.forces


CERTIFICATES = {
    "directed": (pq.Edge("e", force={s.target: w * sp.tanh(s.source)}), -w * (1 - sp.tanh(s.source) ** 2)),
    "two weights": (pq.Edge("e", force={s.target: w * s.source, s.source: u * s.target}), u - w),
    "half energy": (pq.Edge("e", potential=-w * s.source * s.target, force={s.target: u * s.source}), -u),
    "quadratic": (pq.Edge("e", force={s.target: w * s.source**2 * s.target}), -2 * w * s.source * s.target),
}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_certificates_of_asymmetric_synapses(name):
    edge, defect = CERTIFICATES[name]
    form = edge_form(edge, pq.Node("n", potential=s**2))
    assert form.certificate.pair == (s.source, s.target)
    assert is_zero(form.certificate.defect - defect)
    assert (form.certificate.placement, form.certificate.component) == ("edges", "e")
    assert form.forces


def test_a_controlled_source_on_reduced_nodes_is_not_reciprocal():
    gm = pq.parameter("gm")
    edge = pq.Edge("vccs", dissipation=g * fall**2 / 2, force={phi.target: gm * phi.source.dot})
    form = edge_form(edge, ground=0)
    assert is_zero(form.certificate.defect + gm)


def test_certificates_say_which_unknowns_their_indices_mean():
    gate = {s.at("target"): w * s.at("source") * sp.tanh(s.at("gate"))}
    topology = Topology((Group("n", 3),), (Bundle("gates", ("n",) * 3, Sparse([[0, 1, 2]])),))
    gated = pq.Component("gated", ports=("source", "gate", "target"), force=gate)
    found = pq.derive(pq.System(topology, nodes=pq.Node("n", potential=s**2), edges=gated)).form("gates").certificate
    assert found.formula == "∂f_i/∂x_j − ∂f_j/∂x_i = -w*tanh(s.gate), i the source and j the target"
    turn = node_form(pq.Node("turn", potential=s**2 + i**2, force={s: w * i}))
    told = "the slope of the force on i by s less that of the force on s by i is -w"
    assert turn.certificate.formula == told


def test_an_inductor_current_couples_with_opposite_signs():
    coil = pq.Edge("coil", internal=(i,), dissipation=k * i.dot**2 / 2, force={i: fall, phi.source: -i, phi.target: i})
    form = edge_form(coil, pq.Node("leak", dissipation=g * phi.dot**2 / 2), ground=0)
    assert form.certificate.defect in (2, -2)
    assert form.force(Slot(None, i)) == fall and form.force(Slot("target", phi)) == i
    assert form.mass == {(Slot(None, i), Slot(None, i)): k}


def test_a_directed_synapse_from_held_nodes_has_an_energy():
    system = pq.System(
        pq.layered([2, 3], directed=True),
        nodes={"output": pq.Node("n", potential=s**2 / 2)},
        edges=pq.Edge("e", force={s.target: w * sp.tanh(s.source)}),
        inputs="input",
    )
    derivation = pq.derive(system)
    form = derivation.form("input->output")
    assert form.certificate is None and [slot.port for slot in form.dynamic] == ["target"]
    assert sp.expand(form.energy + w * sp.tanh(s.source) * s.target) == 0
    assert derivation.structure.conservative


def test_masses():
    form = edge_form(pq.Edge("c", kinetic=c * fall**2 / 2), pq.Node("leak", dissipation=g * phi.dot**2 / 2), ground=0)
    source, target = Slot("source", phi), Slot("target", phi)
    assert form.mass == {(source, source): c, (target, target): c, (source, target): -c, (target, source): -c}
    assert form.energy == 0
    node = node_form(pq.Node("n", potential=s**2, dissipation=g * (1 + s**2) * s.dot**2 / 2))
    (entry,) = node.mass.values()
    assert sp.expand(entry - g * (1 + s**2)) == 0


def test_a_force_without_closed_integral_is_kept():
    form = node_form(pq.Node("n", potential=s**2, force={s: sp.exp(sp.sin(s))}))
    assert form.forces and form.certificate is None


def test_derivatives_drop_delta_functions_and_name_what_has_none():
    x = sp.Symbol("x", real=True)
    assert derivative(sp.Heaviside(x), x) == 0
    assert derivative(x * sp.sign(x), x) == sp.sign(x)
    with pytest.raises(ModelError, match=r"floor\(x\) cannot be differentiated by x"):
        derivative(sp.floor(x), x)


def test_multi_port_components_do_not_separate():
    ports = ("a", "b", "c")
    amplifier = pq.Component(
        "amp", ports=ports, dissipation=g * (phi.at("a").dot + phi.at("b").dot - 2 * phi.at("c").dot) ** 2
    )
    topology = Topology((Group("n", 3),), (Bundle("t", ("n", "n", "n"), Sparse([[0, 1, 2]])),))
    form = pq.derive(pq.System(topology, edges=amplifier, fixed={0: 0.0})).form("t")
    assert form.energy_terms is None and not form.separable and len(form.unknowns) == 3
