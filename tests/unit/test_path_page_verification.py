"""Printed motions and trajectories against what is compiled: all kinds agree, and one wrong sign anywhere is named."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from chains import PERIOD, POSITION, RATE, chain, damped, duffing, linear, lossy
from page_changes import changed, one_sign

import physeq as pq
from physeq.documented_rules import pages_of, rules_of_trajectories
from physeq.errors import InternalError
from physeq.page_verification import verify, with_verification
from physeq.page_verification._comparison import Comparison
from physeq.page_verification._path_answers import path_answers
from physeq.page_verification._path_page import PathPage
from physeq.page_verification._path_rules import PathRulePage
from physeq.report._numbers_names import Elements
from physeq.report._relations import Change
from physeq.report.rule_pages import rule_pages

# Motion alone ---------------------------------------------------------------------------------------------------------


def rods():
    """Masses in a plane on rigid rods."""
    x, z = pq.coordinate("x"), pq.coordinate("z")
    mass = pq.Node("mass", kinetic=(x.dot**2 + z.dot**2) / 2, potential=9.81 * z, dissipation=x.dot**2 / 10)
    rod = pq.Edge("rod", constraint=[(x.source - x.target) ** 2 + (z.source - z.target) ** 2 - 1])
    return pq.System(pq.from_edges([0, 1], [1, 2], size=3), nodes=mass, edges=rod, ground=0)


def angles():
    """A double pendulum, whose inertia depends on its state."""
    theta = pq.coordinate("theta")
    rate = theta.source.dot * theta.target.dot * sp.cos(theta.source - theta.target)
    joint = pq.Edge("joint", kinetic=rate + theta.target.dot**2 / 2, potential=-sp.cos(theta.target))
    arm = pq.Node("arm", kinetic=theta.dot**2 / 2, potential=-2 * sp.cos(theta))
    return pq.System(pq.from_edges([0], [1], size=2), nodes=arm, edges=joint)


def circuit():
    """A coil, whose current its own equations give, a source in time and a diode."""
    return pq.read_netlist("""a coil
V1 in 0 SIN(0 1 50)
L1 in out 1m
R1 out 0 1k
C1 out 0 1u
D1 out 0 clamp
.model clamp D(IS=1e-12)
""").to_system()


MOTIONS = {"rods": rods, "angles": angles, "circuit": circuit}


def found_of(page, system):
    """The comparisons of a page of the physics alone."""
    derivation = system.derive()
    pages = rule_pages("Motion", derivation, {}, {}, {})
    pages = pages if page is None else replace(pages, system=page(pages.system))
    return verify(pages, pq.Variant(lambda: system, "a motion"), derivation, {})[0]


@pytest.mark.parametrize("name", MOTIONS)
def test_motions_agree_and_say_so(name):
    system = MOTIONS[name]()
    found = found_of(None, system)
    missing = [one.equation for one in found if one.difference is None]
    assert missing in ([], ["energies of nodes given their messages"], ["steady state and messages at rest"])
    found = [one for one in found if one.difference is not None]
    assert max(one.difference for one in found) < 1e-10
    said = [one.equation for one in found]
    assert any(words.endswith(", in motion") for words in said) and len(said) == len(set(said))
    assert any(words.startswith("constraint of") for words in said) == (name in ("rods", "circuit"))
    assert any(words.startswith("momentum of") for words in said) == (name == "angles")
    assert any(words.startswith("psi inside") or "inside" in words for words in said) == (name == "circuit")
    derivation = system.derive()
    pages = rule_pages("Motion", derivation, {}, {}, {})
    made = with_verification(pages, pq.Variant(lambda: system, "a motion"), derivation).system.to_markdown()
    assert "## Numerical verification" in made and made.count("not evaluated") == len(missing)
    assert "in motion |" in made


@pytest.mark.parametrize(
    ("name", "title", "label", "words"),
    [
        ("rods", "Equations of motion", "", "equation of motion"),
        ("angles", "Equations of motion", "", "equation of motion"),
        ("circuit", "Equations of motion", "", "equation of motion"),
        ("angles", "Energy", "kinetic energy", "total kinetic energy"),
        ("angles", "Integration in time", "", "momentum"),
    ],
)
def test_a_wrong_sign_in_a_motion_is_named(name, title, label, words):
    with pytest.raises(InternalError, match=f"the printed {words}.* disagrees with the compiled"):
        found_of(lambda page: changed(page, title, label, one_sign), MOTIONS[name]())


def test_a_wrong_acceleration_is_named():
    with pytest.raises(InternalError, match=r"the printed equation of motion of x .* in motion disagrees"):
        found_of(lambda p: changed(p, "Equations of motion", "", lambda e: {"lhs": -e.lhs}), rods())


# Trajectories ---------------------------------------------------------------------------------------------------------

BALANCE = pq.HarmonicBalance(3)


def oscillators(cost=POSITION, **boundary):
    start = pq.InitialValue({"nodes": np.array([0.3, -0.1, 0.2])}, duration=1.0)
    terminal = pq.TrajectoryCost(running=POSITION, terminal=RATE + 2 * POSITION) if cost is None else None
    return chain(duffing, cost=None if terminal else cost).trajectories(start, pq.Leapfrog(5), cost=terminal)


TRAJECTORIES = {
    "duffing": lambda: chain(duffing).trajectories(pq.Periodic(PERIOD), BALANCE),
    "rates": lambda: chain(linear, cost=RATE).trajectories(pq.Periodic(PERIOD), BALANCE),
    "two ends": lambda: chain(duffing).trajectories(
        pq.TwoPoint({"nodes": np.zeros(3)}, {"nodes": np.ones(3)}, duration=2.0), pq.Collocation(3, 2)
    ),
    "losses": lambda: chain(damped, lossy, cost=RATE).trajectories(pq.Periodic(PERIOD), BALANCE),
    "echoes": lambda: oscillators(),
    "echoes with an end": lambda: oscillators(cost=None),
}
RULES = {
    "duffing": ["lagrangian-ep"],
    "rates": ["lagrangian-ep", "time-reversed-nudge"],
    "two ends": ["lagrangian-ep"],
    "losses": ["time-reversed-nudge"],
    "echoes": ["hamiltonian-echo"],
    "echoes with an end": ["hamiltonian-echo"],
}


class Case:
    """A chain, the pages of its trajectories, and what its rules make of random paths."""

    def __init__(self, name):
        self.model = TRAJECTORIES[name]()
        derivation = self.model.derived()
        self.pages = pages_of(name, derivation, self.model)
        admitted = rules_of_trajectories(self.model).admitted
        self.rules, self.elements = {n: admitted[n] for n in RULES[name]}, Elements(derivation)
        variant = pq.Variant(lambda: self.model.system, name, trajectories=lambda system: self.model)
        self.answers = path_answers(self.model, variant, self.rules, 0)

    def physics(self, page=None):
        pages = self.pages if page is None else replace(self.pages, system=page)
        return list(PathPage(pages, self.model, self.elements, self.answers, Comparison(0)).verified())

    def rule(self, name, page=None):
        pages = self.pages if page is None else replace(self.pages, rules={name: page})
        arguments = name, self.rules[name], pages, self.model, self.elements, self.answers, 0
        return list(PathRulePage(*arguments).verified())


@pytest.fixture(scope="module")
def cases():
    made = {}

    def case(name):
        return made.setdefault(name, None) or made.update({name: Case(name)}) or made[name]

    return case


@pytest.mark.quick("duffing", "rates", "two ends", "losses", "echoes")
@pytest.mark.parametrize("name", TRAJECTORIES)
def test_trajectories_and_their_rules_agree(cases, name):
    case = cases(name)
    found = case.physics()
    for rule in case.rules:
        own = case.rule(rule)
        updates = [one.equation for one in own if one.equation.startswith("update of ")]
        trained = [k for group in case.model.trainable().values() for k, free in group.items() if free]
        assert len(updates) == len(trained)
        found += own
    assert [one.reason for one in found if one.difference is None] == []
    assert max(one.difference for one in found) < 1e-9
    said = [one.equation for one in found]
    assert any(words.endswith(", along a path") for words in said)
    assert ("Lagrangian along a path" in said) == (name != "losses")
    assert ("Hamiltonian along a path" in said) == ("hamiltonian-echo" in case.rules)
    assert any(words.startswith("∂L/∂") for words in said) == (name != "losses")
    assert any(words.startswith("nudged output") for words in said) == ("lagrangian-ep" in case.rules)
    assert any(words.startswith("error of") for words in said) == ("time-reversed-nudge" in case.rules)
    assert any(words.startswith("start of an echo") for words in said) == ("hamiltonian-echo" in case.rules)


@pytest.mark.parametrize("name", ["duffing", "two ends", "losses", "echoes", "echoes with an end"])
def test_a_wrong_sign_in_an_update_along_a_path_is_named(cases, name):
    case = cases(name)
    for rule in case.rules:
        wrong = changed(
            case.pages.rules[rule], "Learning", "", lambda e: {"rhs": -e.rhs}, lambda e: isinstance(e.lhs, Change)
        )
        with pytest.raises(
            InternalError, match=rf"the printed update of \w+ of .* by {rule} disagrees with what {rule}"
        ):
            case.rule(rule, wrong)


@pytest.mark.parametrize(
    ("name", "title", "label"),
    [
        ("duffing", "Lagrangian", "Lagrangian"),
        ("duffing", "Lagrangian", "nudged action"),
        ("rates", "Cost", "cost"),
        ("two ends", "Equations of motion", ""),
    ],
)
def test_a_wrong_sign_on_the_page_of_trajectories_is_named(cases, name, title, label):
    case = cases(name)
    wrong = changed(case.pages.system, title, label, lambda e: {"rhs": -e.rhs} if e.rhs != 0 else one_sign(e))
    with pytest.raises(InternalError, match=r"the printed .* disagrees with the compiled model at a random point"):
        case.physics(wrong)


@pytest.mark.parametrize(
    ("name", "rule", "title", "label"),
    [
        ("rates", "lagrangian-ep", "Nudged", "output of group"),
        ("losses", "time-reversed-nudge", "Learning", "error"),
        ("losses", "time-reversed-nudge", "Learning", "response"),
        ("duffing", "lagrangian-ep", "Nudged", "nudging force"),
        ("duffing", "lagrangian-ep", "Learning", "k of nodes"),
        ("echoes", "hamiltonian-echo", "Forward", "rate"),
        ("echoes", "hamiltonian-echo", "Forward", "Hamiltonian"),
        ("echoes", "hamiltonian-echo", "Echo", "force on an output"),
        ("echoes", "hamiltonian-echo", "Momentum flip", ""),
        ("echoes with an end", "hamiltonian-echo", "Momentum flip", "displacement"),
    ],
)
def test_a_wrong_sign_in_what_a_run_needs_is_named(cases, name, rule, title, label):
    case = cases(name)
    side = "rhs" if name != "rates" else "lhs"
    wrong = changed(case.pages.rules[rule], title, label, lambda e: {side: -getattr(e, side)})
    with pytest.raises(
        InternalError, match=f"the printed .* disagrees with what {rule} makes of the same random paths"
    ):
        case.rule(rule, wrong)
