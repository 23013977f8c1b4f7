"""The tables of docs/choosing.md are complete, and what they say of needs and refusals is what the code does."""

import re
from pathlib import Path

import pytest

import physeq as pq
from physeq.documented_rules import rules_of_equilibria
from physeq.learn import TrajectoryRule
from physeq.registry import registry
from physeq.solve.integrators import INTEGRATORS

TEXT = (Path(__file__).parents[2] / "docs" / "choosing.md").read_text(encoding="utf-8")


def table(anchor):
    """{name: cells of its row} of the table below an anchor."""
    section = TEXT.split(f"({anchor})=\n")[1].split("\n(")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if re.match(r"\| `", line)]
    assert all(len(row) == 6 and all(cell.strip() for cell in row) for row in rows)
    names = [row[0].strip().strip("`") for row in rows]
    assert len(names) == len(set(names))
    return dict(zip(names, [[cell.strip() for cell in row] for row in rows], strict=True))


def names(kind):
    return {cls.__name__ for cls in registry()[kind].values()}


def test_every_rule_has_a_row():
    moving = {cls.__name__ for cls in registry()["rule"].values() if issubclass(cls, TrajectoryRule)}
    through_time = {"BackpropagationThroughTime"}  # of both kinds
    assert set(table("rules-of-equilibria")) == names("rule") - moving
    assert set(table("rules-of-trajectories")) == moving | through_time


@pytest.mark.parametrize(("anchor", "kind"), [("finders", "finder"), ("trajectory-solvers", "trajectory solver")])
def test_every_solver_has_a_row(anchor, kind):
    assert set(table(anchor)) == names(kind)


def test_every_integrator_has_a_row():
    made = {type(make()) for make, _ in INTEGRATORS.values()}
    written = {cls.__name__ if cls.__module__.startswith("physeq") else f"diffrax.{cls.__name__}" for cls in made}
    assert set(table("integrators")) == written


def derivation(edge, **unit):
    s = pq.coordinate("s")
    node = pq.Node("unit", potential=s**2 / 2, dissipation=s.dot**2 / 2, **unit)
    graph = pq.from_edges([0, 1, 2], [1, 2, 0], 3, directed=edge.directed)
    system = pq.System(graph, nodes=node, edges=edge, inputs=[0], outputs=[2], cost=(s - pq.target("y")) ** 2 / 2)
    return system.derive()


def test_needs_an_energy_is_what_is_refused_without_one():
    s, w = pq.coordinate("s"), pq.parameter("w")
    found = rules_of_equilibria(derivation(pq.Edge("arrow", force={s.target: w * s.source})))
    rules = registry()["rule"]
    with_energy = {name for name, row in table("rules-of-equilibria").items() if row[1].startswith("an energy")}
    assert {rules[name].__name__ for name in found.refused} == with_energy


def test_bounds_and_kinks_are_refused_where_the_table_says():
    s, w = pq.coordinate("s"), pq.parameter("w")
    spring = pq.Edge("spring", potential=w * (s.source - s.target) ** 2 / 2)
    found = rules_of_equilibria(derivation(spring, bounds={s: (0, 1)}))
    rules = registry()["rule"]
    refused = {rules[name].__name__ for name in found.refused}
    rows = table("rules-of-equilibria")
    said = {name for name, row in rows.items() if re.match("bounds,|Abs, Max, clipping", row[5])}
    assert refused == said | {"OscillatingEP"}  # "as HolomorphicEP"
