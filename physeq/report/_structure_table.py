"""The structure report on a page: each property with its reason."""

from __future__ import annotations

from collections.abc import Iterator

from physeq.report._naming import Names
from physeq.report.document import Block, Math, Section, Table
from physeq.symbolic.forms import Certificate
from physeq.symbolic.structure import Obstacle


def structure_section(names: Names) -> Section:
    """What the symbols alone say of the system; None is undecided."""
    rows = [[name, verdict, reason or "–"] for name, verdict, reason in _rows(names)]
    blocks: list[Block] = [Table(["Property", "Verdict", "Why"], rows)]
    return Section("Structure", blocks)


def _rows(names: Names) -> Iterator[tuple]:
    d = names.derivation
    s = d.structure
    constraints = f"constraints of {', '.join(s.constraints)}" if s.constraints else None
    yield "class of equations", s.system_class.value, constraints
    yield "conservative", _verdict(s.conservative), _not_conservative(names)
    yield "holomorphic", _verdict(s.holomorphic), _obstacles(s.not_holomorphic)
    yield "linear", _verdict(s.linear), _named(names, s.nonlinear) or _bounded(s.bounded)
    yield (
        "quadratic energy",
        _verdict(s.quadratic),
        None if s.quadratic else "not linear" if not s.linear else "no energy",
    )
    yield "convex energy", _verdict(s.convex), _named(names, s.not_convex, "sign of the curvature not known for ")
    yield "bounded", _verdict(bool(s.bounded)), _bounded(s.bounded)
    if s.not_differentiable:
        yield "differentiable", "no", _obstacles(s.not_differentiable)
    yield "autonomous", _verdict(s.autonomous), None if s.autonomous else "a term holds the time"
    lost = d.floating
    reason = "; ".join(f"{f.count} of {f.group}, e.g. {', '.join(map(str, f.labels))}" for f in lost)
    yield "floating nodes", "yes" if lost else "none", reason or None
    if d.system.outputs is not None and d.system.inputs:
        unreached = d.unreached_outputs
        yield "outputs without input", "yes" if unreached else "none", ", ".join(map(str, unreached)) or None


def _verdict(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "undecided"}[value]


def _not_conservative(names: Names) -> list | str | None:
    s = names.derivation.structure
    if s.conservative:
        return "all forces on free nodes derive from one energy"
    reason: list = []
    for c in s.certificates:
        lead = "; " if reason else ""
        reason += [f"{lead}{c.component} in {c.placement} is not reciprocal, ", *_defect(names, c)]
    return reason or "a force has no closed-form energy"


def _defect(names: Names, c: Certificate) -> list:
    """∂f_i/∂x_k − ∂f_k/∂x_i of an element with the indices that the page has for its ports."""
    placement = names.system.placement(c.placement)
    own, ports = placement.component.ports, names.ports(placement)
    x, y, defect = (names.rename(e, placement, ports) for e in (*c.pair, c.defect))
    a, b = (None if q.port is None else ports[own.index(q.port)] for q in c.pair)
    if a is None or b is None or a == b:
        # Two unknowns of one node or element have the same indices.
        less = [" less that of the force on ", Math(y), " by ", Math(x)]
        return ["the slope of the force on ", Math(x), " by ", Math(y), *less, " is ", Math(defect)]
    joined = f" ({a} its {c.pair[0].port}, {b} its {c.pair[1].port})" if len(own) > 2 else ""
    return [f"∂f_{a}/∂x_{b} − ∂f_{b}/∂x_{a} = ", Math(defect), joined]


def _named(names: Names, obstacles: tuple[Obstacle, ...], lead: str = "") -> str | None:
    found = dict.fromkeys(f"{o.component} ({o.placement})" for o in obstacles)
    return lead + ", ".join(found) if found else None


def _obstacles(obstacles: tuple[Obstacle, ...]) -> str | None:
    projected = {o.component for o in obstacles if o.what.startswith("bounds (")}
    told = [o for o in obstacles if o.component not in projected or not o.what.startswith("bounds of")]
    return "; ".join(dict.fromkeys(f"{o.component}: {o.what}" for o in told)) or None


def _bounded(bounded: tuple[str, ...]) -> str | None:
    return f"bounds in {', '.join(bounded)}" if bounded else None
