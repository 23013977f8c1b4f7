"""Terms of the equations of motion: against SymPy's own Euler–Lagrange equations, and by hand for R, F and λ."""

import pytest
import sympy as sp
from sympy.calculus.euler import euler_equations

import physeq as pq
from physeq.symbolic.component import Slot
from physeq.symbolic.reduction import motion_terms

q, r = pq.coordinate("q"), pq.coordinate("r")
m, k, c = (pq.parameter(name, positive=True) for name in ("m", "k", "c"))


def left_side(component, slot):
    terms = motion_terms(component, slot)
    return terms["inertial"] + terms["conservative"] + terms["dissipative"] - terms["force"]


def sympy_equations(component):
    """d/dt ∂L/∂q̇ − ∂L/∂q by SymPy, written back in physeq's symbols."""
    t = sp.Symbol("time")
    functions = {slot: sp.Function(f"f{n}")(t) for n, slot in enumerate(component.slots)}
    lagrangian = component.kinetic - component.potential
    for slot, f in functions.items():
        lagrangian = lagrangian.subs({component.symbol(slot, 1): f.diff(t), component.symbol(slot): f})
    equations = euler_equations(lagrangian, list(functions.values()), t)
    results = {}
    for slot, equation in zip(functions, equations, strict=True):
        left = -equation.lhs.doit()
        for order in (2, 1, 0):  # the highest derivative first: it contains the others
            left = left.subs({f.diff(t, order): component.symbol(other, order) for other, f in functions.items()})
        results[slot] = left
    return results


SYSTEMS = {
    "oscillator": pq.Node("n", kinetic=m * q.dot**2 / 2, potential=k * q**2 / 2),
    "pendulum": pq.Node("n", kinetic=m * q.dot**2 / 2, potential=-k * sp.cos(q)),
    "variable mass": pq.Node("n", kinetic=m * (1 + q**2) * q.dot**2 / 2, potential=k * q**4),
    "two coordinates": pq.Node("n", kinetic=m * (q.dot**2 + q**2 * r.dot**2) / 2, potential=k * q * sp.cos(r)),
    "gyroscopic": pq.Node("n", kinetic=m * q.dot**2 / 2 + m * r.dot**2 / 2 + c * (q * r.dot - r * q.dot)),
    "double pendulum": pq.Edge(
        "e",
        kinetic=m * q.source.dot**2
        + m * q.target.dot**2 / 2
        + m * q.source.dot * q.target.dot * sp.cos(q.source - q.target),
        potential=-2 * k * sp.cos(q.source) - k * sp.cos(q.target),
    ),
    "quartic rates": pq.Node("n", kinetic=m * q.dot**4 / 12, potential=k * q),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_against_sympy(name):
    component = SYSTEMS[name]
    expected = sympy_equations(component)
    assert set(expected) == set(component.slots)
    for slot in component.slots:
        assert sp.simplify(left_side(component, slot) - expected[slot]) == 0
        assert left_side(component, slot).has(component.symbol(slot, 2))


def test_rayleigh_function_and_force_by_hand():
    node = pq.Node(
        "n",
        kinetic=m * q.dot**2 / 2,
        potential=k * q**2 / 2,
        dissipation=c * q.dot**2 / 2 + c * sp.Abs(q.dot) ** 3 / 3,
        force={q: sp.sin(pq.time) - q * q.dot},
    )
    terms = motion_terms(node, node.slots[0])
    assert terms["inertial"] == m * q.dot.dot
    assert terms["conservative"] == k * q
    assert terms["dissipative"].subs(q.dot, 2) == 2 * c + 4 * c
    assert terms["dissipative"].subs(q.dot, -2) == -2 * c - 4 * c
    assert terms["force"] == sp.sin(pq.time) - q * q.dot


def test_edge_damper_acts_with_opposite_signs():
    damper = pq.Edge("damper", dissipation=c * (q.source.dot - q.target.dot) ** 2 / 2)
    source, target = (motion_terms(damper, slot)["dissipative"] for slot in damper.slots)
    assert sp.expand(source - c * (q.source.dot - q.target.dot)) == 0
    assert sp.expand(source + target) == 0


def test_a_one_way_force_reaches_only_its_target():
    w = pq.parameter("w")
    synapse = pq.Edge("synapse", force={q.target: w * sp.tanh(q.source)})
    ends = {slot.port: motion_terms(synapse, slot)["force"] for slot in synapse.slots}
    assert ends == {"target": w * sp.tanh(q.source), "source": 0}


def test_multipliers_of_holonomic_and_rate_constraints():
    rod = pq.Edge("rod", constraint=(q.source - q.target) ** 2 + (r.source - r.target) ** 2 - k**2)
    gradient = motion_terms(rod, Slot("source", q))["constraint"]
    assert [(n, sp.expand(e)) for n, e in gradient] == [(0, 2 * q.source - 2 * q.target)]
    source = pq.Edge("source", constraint=[q.source.dot - q.target.dot - k, q.source - 1])
    assert motion_terms(source, Slot("target", q))["constraint"] == [(0, -1), (1, 0)]
    assert motion_terms(source, Slot("source", q))["constraint"] == [(0, 1), (1, 1)]
