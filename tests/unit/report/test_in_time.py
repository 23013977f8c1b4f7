"""The page's section on integration in time, against what the compiled motion does."""

import jax
import numpy as np
import pytest
from circuits import circuit, e

import physeq as pq
from physeq.report import derivation_page


def section(system):
    page = derivation_page(system.derive())
    found = [b for b in page.blocks if getattr(b, "title", "") == "Integration in time"]
    return found[0] if found else None


def text_of(system):
    return system.derive().to_markdown().split("## Integration in time")[1].split("\n## ")[0]


def test_systems_that_only_relax_have_no_such_section():
    relaxing = pq.System(pq.layered((2, 2)), nodes=pq.neural.unit(), edges=pq.neural.synapse(), inputs="input")
    assert section(relaxing) is None
    assert section(pq.System(pq.complete(3), edges=pq.electrical.resistor(), ground=0)) is None


def test_a_circuit_tells_its_unknowns_and_what_it_eliminates():
    system = circuit(("V1", "in", "0"), ("L1", "in", "a"), ("R1", "a", "0"), ("C1", "a", "0"))
    text = text_of(system)
    assert "| inside each inductor of L | $\\psi_{ij}$ |" in text
    assert "| constraint of each voltage source of V |" in text
    assert r"\frac{\psi_{ij}}{L_{ij}}" in text
    # The page's unknowns are those of the compiled motion: v of the nodes, ψ, the source's multiplier.
    assert sorted({b.key for b in system.motion().layout.blocks.values()}) == ["multiplier", "psi", "v"]
    assert "No Hamiltonian form is derived" in text


def test_rods_are_differentiated_and_projected():
    rods = pq.System(
        pq.from_edges([0], [1], 2), nodes=pq.mechanical.mass(dimensions=2), edges=pq.mechanical.rigid_rod(), ground=0
    )
    assert "is differentiated twice" in text_of(rods)


@pytest.mark.parametrize("hinged", [False, True])
@pytest.mark.quick("False")
def test_pendula_have_hamiltonians(hinged):
    edges = pq.mechanical.hinge(0.5) if hinged else pq.mechanical.torsion_spring()
    system = pq.System(pq.complete(2), nodes=pq.mechanical.pendulum(), edges=edges)
    text = text_of(system)
    assert ("is not separable" in text) == hinged
    assert ("StormerVerlet" in text) != hinged
    assert "The energy T + V is kept." in text
    motion = system.motion()
    sol = motion.simulate(
        motion.init_parameters(jax.random.key(0)), t1=1.0, start={"nodes": {"theta": np.array([1.0, 0.2])}}
    )
    assert set(sol.invariants()) == {"energy"}


def test_a_magnetic_field_is_not_said_to_have_no_hamiltonian():
    """H = (p − A)²/2m exists; physeq derives none for terms linear in the velocities, and says that."""
    x, y, field = pq.coordinate("x"), pq.coordinate("y"), pq.parameter("B")
    kinetic = (x.dot**2 + y.dot**2) / 2 + field * (x * y.dot - y * x.dot) / 2
    charge = pq.Node("charge", kinetic=kinetic, potential=x**2 + y**2)
    system = pq.System(pq.Topology((pq.Group("n", 1),)), nodes=charge)
    text = text_of(system)
    assert "No Hamiltonian form is derived: component 'charge' in 'n' has a kinetic energy with terms" in text
    assert r"(x\*B\*y.dot/2 - y\*B\*x.dot/2)" in text
    assert "The energy q̇·∂T/∂q̇ − T + V is kept." in text
    assert "a Hamiltonian may exist, but physeq does not derive it" in text and "There is no" not in text


def test_free_masses_keep_their_momentum():
    system = pq.System(pq.complete(2), nodes=pq.mechanical.mass(), edges=pq.mechanical.spring())
    assert "The total momentum of x is kept" in text_of(system)


def test_heat_is_what_the_motion_reports():
    """The page's expression, with the numbers of a solution in place of its symbols."""
    system = circuit(("R1", "a", "0"), ("C1", "a", "0"), parts={"R": e.resistor(2.0)})
    assert "Power that turns into heat" in text_of(system)
    motion = system.motion()
    sol = motion.simulate(
        motion.init_parameters(jax.random.key(0)), t1=1.0, start={"nodes": {"v": np.array([3.0, 0.0])}}
    )
    np.testing.assert_allclose(sol["dissipated"], 2.0 * np.asarray(sol["a.v"]) ** 2, rtol=1e-12)
