"""Trajectories and rules that do not go together: each refusal names the component and something that works."""

import re

import jax
import jax.numpy as jnp
import networkx as nx
import pytest
import sympy as sp
from chains import (
    PERIOD,
    POSITION,
    RATE,
    a,
    c,
    chain,
    damped,
    duffing,
    k,
    kappa,
    ladder,
    linear,
    lossy,
    m,
    spring,
    x,
    y,
)

import physeq as pq

PERIODIC, BALANCE = pq.Periodic(PERIOD), pq.HarmonicBalance(2)
START = pq.InitialValue({"nodes": [0.1, 0.0, 0.0]}, duration=2.0)
SHORT = pq.Collocation(2, 2)
u, FLUX = pq.coordinate("u"), pq.electrical.v.coordinate

drag = pq.Node("drag", kinetic=m * x.dot**2 / 2, potential=k * x**2 / 2, dissipation=c * x.dot**4 / 4)
one_way = pq.Edge("one_way", force={x.target: kappa * (x.source - x.target)})
follower = pq.Edge("follower", force={x.source: -kappa * (x.source - x.target), x.target: a * (x.source - x.target)})
springy = pq.Edge("springy", force={x.source: -kappa * (x.source - x.target), x.target: kappa * (x.source - x.target)})
magnetic = pq.Node(
    "magnetic",
    kinetic=m * (x.dot**2 + u.dot**2) / 2 + a * (x * u.dot - u * x.dot) / 2,
    potential=k * (x**2 + u**2) / 2,
)
overdamped = pq.Node("overdamped", dissipation=c * x.dot**2 / 2, potential=k * x**2 / 2)
kinked = pq.Node("kinked", kinetic=m * x.dot**2 / 2, potential=k * sp.Abs(x) ** 3 / 3)


def refuse(rule, system, boundary, solver, *words, cost=None):
    model = system.trajectories(boundary, solver, cost=cost)
    with pytest.raises(pq.ModelError) as caught:
        rule.check(model)
    for word in words:
        assert re.search(word, str(caught.value)), str(caught.value)


ECHO, ACTION, REVERSED = pq.HamiltonianEcho(), pq.LagrangianEP(), pq.TimeReversedNudge()


@pytest.mark.parametrize(
    ("rule", "system", "boundary", "solver", "words"),
    [
        (ECHO, chain(damped), START, SHORT, ["'damped' in 'nodes' dissipates", "TimeReversedNudge|ContinuousAdjoint"]),
        (ECHO, chain(linear, follower), START, SHORT, ["'follower' in 'edges' has the force", "ContinuousAdjoint"]),
        (ECHO, chain(duffing), PERIODIC, BALANCE, ["InitialValue", "LagrangianEP"]),
        (ECHO, chain(duffing), START, SHORT, ["Leapfrog"]),
        (ACTION, chain(damped), PERIODIC, BALANCE, ["'damped' in 'nodes' dissipates", "TimeReversedNudge"]),
        (ACTION, chain(drag), PERIODIC, BALANCE, ["'drag' in 'nodes' dissipates", "ContinuousAdjoint"]),
        (ACTION, chain(linear, follower), PERIODIC, BALANCE, ["'follower' in 'edges'", "no derivative of an energy"]),
        (ACTION, chain(linear, springy), PERIODIC, BALANCE, ["'springy' in 'edges'", "declare it as a potential"]),
        (ACTION, chain(duffing), START, SHORT, ["boundary term", "HamiltonianEcho", "accept_boundary_term"]),
        (ACTION, ladder(losses=True), PERIODIC, BALANCE, ["'resistor' in 'R' dissipates", "TimeReversedNudge"]),
        (pq.LagrangianEP(pq.Holomorphic()), chain(kinked), PERIODIC, BALANCE, ["'kinked' in 'nodes' has", "Abs"]),
        (REVERSED, chain(drag), PERIODIC, BALANCE, ["'drag' in 'nodes'", "not linear", "ContinuousAdjoint"]),
        (REVERSED, chain(duffing), PERIODIC, BALANCE, ["'duffing' in 'nodes' is not linear", "LagrangianEP"]),
        (REVERSED, chain(linear, follower), PERIODIC, BALANCE, ["'follower' in 'edges'", "ContinuousAdjoint"]),
        (REVERSED, ladder(losses=True), PERIODIC, SHORT, ["rate that is no unknown", "HarmonicBalance"]),
        (pq.BackpropagationThroughTime(pq.FixedPoint(3)), chain(linear), PERIODIC, BALANCE, ["Leapfrog"]),
        (pq.EquilibriumPropagation(), chain(linear), PERIODIC, BALANCE, ["equilibria", "LagrangianEP"]),
    ],
)
def test_rules_refuse_what_they_do_not_hold_for(rule, system, boundary, solver, words):
    refuse(rule, system, boundary, solver, *words)


def magnetic_system():
    inputs = {"push": pq.Drive("nodes", "x")}
    return pq.System(pq.complete(1), nodes=magnetic, inputs=inputs, outputs="nodes", cost=POSITION)


def test_magnetic_fields_do_not_come_back():
    start = pq.InitialValue({"nodes": {"x": [0.1]}}, duration=2.0)
    refuse(ECHO, magnetic_system(), start, SHORT, "'magnetic' in 'nodes' has a kinetic energy with a part odd")
    refuse(REVERSED, magnetic_system(), PERIODIC, BALANCE, "'magnetic' in 'nodes'", "LagrangianEP")
    with pytest.raises(pq.ModelError, match=r"Leapfrog needs a separable.*'magnetic'.*Collocation"):
        magnetic_system().trajectories(start, pq.Leapfrog(4))
    pq.LagrangianEP().check(magnetic_system().trajectories(PERIODIC, BALANCE))


def test_static_models_are_no_trajectories():
    model = pq.System(pq.complete(3), edges=pq.electrical.resistor(), ground=0, inputs=[1], outputs=[2],
                      cost=(pq.electrical.v - y) ** 2 / 2).compile()  # fmt: skip
    for rule in (ECHO, ACTION, REVERSED, pq.ContinuousAdjoint()):
        with pytest.raises(pq.ModelError, match=r"System.trajectories"):
            rule.check(model)


@pytest.mark.parametrize(
    ("system", "boundary", "solver", "cost", "message"),
    [
        (chain(linear, inputs=None), PERIODIC, BALANCE, None, "nothing drives this motion"),
        (chain(pq.Node("free", kinetic=m * x.dot**2 / 2)), PERIODIC, BALANCE, None, "common shift of x.*ground"),
        (chain(linear), START, BALANCE, None, "HarmonicBalance needs Periodic"),
        (chain(linear), PERIODIC, pq.Leapfrog(3), None, "Leapfrog steps from an InitialValue.*HarmonicBalance"),
        (chain(linear), pq.Periodic(-1.0), BALANCE, None, "period must be a finite number above 0"),
        (chain(linear), pq.TwoPoint({"nodes": [0, 0, 0]}, {}, duration=1.0), SHORT, None, "end: gives no values for"),
        (chain(linear), pq.TwoPoint({"masses": 0}, {}, duration=1.0), SHORT, None, "'masses' is no group"),
        (chain(overdamped), pq.TwoPoint({"nodes": 0}, {"nodes": 1}, duration=1.0), SHORT, None, "has no inertia"),
        (chain(linear), pq.InitialValue({"nodes": [1, 2]}, duration=1.0), SHORT, None, "shape"),
        (chain(linear), PERIODIC, BALANCE, pq.TrajectoryCost(terminal=POSITION), "no end"),
        (chain(linear), PERIODIC, BALANCE, pq.TrajectoryCost(running=(x - k) ** 2), "running cost: k cannot stand"),
        (chain(linear), PERIODIC, BALANCE, pq.TrajectoryCost(running=(u - y) ** 2), "no coordinate u"),
        (ladder(losses=False), PERIODIC, BALANCE, pq.TrajectoryCost(running=FLUX**2), "no unknown"),
        (chain(linear, inputs={"held": pq.Clamp([0])}), PERIODIC, BALANCE, None, "'held' holds positions.*Drive"),
    ],
)
def test_trajectories_refuse_what_does_not_fit(system, boundary, solver, cost, message):
    with pytest.raises(pq.ModelError, match=message):
        system.trajectories(boundary, solver, cost=cost)


def test_constraints_on_positions_have_no_periodic_orbit():
    rod = pq.Edge("rod", constraint=(x.source - x.target) ** 2 - 1)
    with pytest.raises(pq.ModelError, match=r"Periodic: component 'rod' in 'edges' constrains positions.*stiff"):
        chain({"nodes": [linear, pq.mechanical.anchor(1.0)]}, rod).trajectories(PERIODIC, BALANCE)


def test_trained_parameters_that_no_action_holds_are_named():
    ramp = pq.Node("ramp", kinetic=m * x.dot**2 / 2, potential=k * x**2 / 2, force={x: a * x.dot})
    refuse(ACTION, chain(ramp), PERIODIC, BALANCE, "'ramp' in 'nodes' has the force")
    source = pq.Edge("tuned", constraint=FLUX.source.dot - FLUX.target.dot - a * sp.cos(2 * sp.pi * pq.time / PERIOD))
    graph = nx.MultiGraph()
    graph.add_edge(1, 0, component="V")
    graph.add_edge(1, 2, component="L")
    graph.add_edge(2, 0, component="C")
    kinds = {"V": source, "L": pq.electrical.inductor(), "C": pq.electrical.capacitor()}
    system = pq.System.from_graph(graph, edges=kinds, ground=0, outputs=[2], cost=(pq.electrical.v - y) ** 2 / 2)
    refuse(ACTION, system, PERIODIC, BALANCE, "parameter 'a'.*constraint.*trainable=False")


def test_series_must_fit_the_grid():
    model = chain(linear).trajectories(PERIODIC, BALANCE)
    with pytest.raises(pq.ModelError, match=r"input 'push': must have shape \(\*batch, 5, 1\)"):
        model.problem(model_parameters(model), jnp.zeros((7, 1)))
    with pytest.raises(pq.ModelError, match=r"target: element \(0, 2, 0\) is nan"):
        model.problem(model_parameters(model), jnp.zeros((1, 1)), jnp.zeros((1, 5, 1)).at[0, 2, 0].set(jnp.nan))


def model_parameters(model):
    return model.init_parameters(jax.random.key(0))


def test_structure_names_what_breaks_each_property():
    found = chain(drag, follower).trajectories(PERIODIC, BALANCE).structure
    assert not (found.conservative or found.reciprocal or found.time_reversible or found.separable or found.linear)
    assert [f.component for f in found.nonlinear_dissipation] == ["drag"]
    assert [f.component for f in found.non_reciprocal] == ["follower"]
    assert found.driven
    report = dict(found.report())
    assert report["reciprocal"].startswith("no: component 'follower' in 'edges'")
    plain = chain(duffing, spring, RATE).trajectories(PERIODIC, BALANCE).structure
    assert plain.conservative and plain.reciprocal and plain.time_reversible and plain.separable
    assert not plain.linear
    linear_losses = chain(damped, lossy).trajectories(PERIODIC, BALANCE).structure
    assert linear_losses.linear and linear_losses.reciprocal and not linear_losses.nonlinear_dissipation
    pendula = pq.System(pq.complete(2), nodes=pq.mechanical.pendulum(), edges=pq.mechanical.hinge(), ground=[],
                        inputs={"push": pq.Drive([0])})  # fmt: skip
    bent = pendula.trajectories(PERIODIC, BALANCE).structure
    assert bent.time_reversible and not bent.separable
    assert bent.not_separable[0].component == "hinge"
