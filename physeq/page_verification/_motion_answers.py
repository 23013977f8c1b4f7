"""What a compiled motion says at a random point: M ẏ − f, energies, momenta, constraints; one compilation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp

from physeq.compile.motion import Motion, pattern_of
from physeq.compile.printer import Program
from physeq.page_verification._draws import cheap_key, run_once, shifted, uniform_noise
from physeq.report.numbers import Moment
from physeq.symbolic.derivation import driven_inputs
from physeq.symbolic.symbols import StateSymbol
from physeq.variant import Variant

_SPREAD = 0.1  # of the unknowns: larger voltages overflow in diodes

# Totals of the declared terms, by what the page calls them.
TOTALS = {"kinetic energy": "kinetic", "potential energy": "potential", "Rayleigh dissipation function": "dissipation"}


@dataclass(frozen=True, eq=False)
class MotionAnswers:
    """Numbers of a compiled motion at a random time, state and rate of change.

    Attributes:
        layout: of its unknowns.
        params, inputs: what was drawn.
        y, rates, time: unknowns, ẏ and t.
        balance: f(t, y) − M ẏ.
        totals: {label: the sum over all elements} of T, V, R, the heat and the energy of the steady state.
        momenta: ∂T/∂q̇ in the places of the rates.
        constraints: {(placement, number): g of every element}.
        eliminated: {placement: values of what its own rows give, one array per symbol}.
    """

    layout: Any
    params: Any
    inputs: Mapping[str, np.ndarray]
    y: np.ndarray
    rates: np.ndarray
    time: float
    balance: np.ndarray
    totals: Mapping[str, float]
    momenta: np.ndarray
    constraints: Mapping[tuple[str, int], np.ndarray]
    eliminated: Mapping[str, list[np.ndarray]]

    def moment(self) -> Moment:
        """The point, for a page."""
        return Moment(states_of(self.layout, self.y, self.rates), 0.0, self.time)


def states_of(layout: Any, y: np.ndarray, rates: np.ndarray | None) -> dict[tuple[str, str, int], np.ndarray]:
    """{(group or placement, coordinate, order): array (nodes, ...)} of unknowns `(..., size)` and their derivatives."""
    found: dict[tuple[str, str, int], np.ndarray] = {}
    for key, block in layout.blocks.items():
        if len(key) == 3:  # the others are multipliers
            owner, coordinate, order = key
            found[owner, coordinate.name, order] = np.moveaxis(y[..., block.start : block.stop], -1, 0)
    solved = {
        (form.placement.name, slot.coordinate.name, order)
        for form in layout.forms
        for slot in form.placement.component.slots
        for order in (0, 1, 2)
        if slot.port is None and form.placement.component.symbol(slot, order) in form.eliminated
    }
    for key, block in layout.blocks.items():
        if len(key) == 3 and rates is not None:
            owner, coordinate, order = key
            following = (owner, coordinate.name, order + 1)
            if following not in solved:  # the page says what it is
                found.setdefault(following, np.moveaxis(rates[..., block.start : block.stop], -1, 0))
    return found


def motion_answers(motion: Motion, variant: Variant, derivation: Any, seed: int) -> MotionAnswers:
    """Draw parameters, inputs and a point, and evaluate the motion there."""
    system, layout = motion.system, motion.layout
    rng = np.random.default_rng(seed)
    drawn: dict[str, Any] = {
        "noise": uniform_noise(system, rng),
        "inputs": {entry.name: rng.uniform(0.1, 1.0, entry.size) for entry in system.inputs},
        "y": _middle(layout) + _SPREAD * rng.normal(size=motion.size),
        "rates": rng.normal(size=motion.size),
        "t": np.asarray(0.37 * variant.simulation.t1 if variant.simulation is not None else 0.37),
    }

    def everything(drawn):
        t, y, rates = drawn["t"], drawn["y"], drawn["rates"]
        params = shifted(system, motion.init_parameters(cheap_key(seed)), drawn["noise"])
        bound = motion.bind(params, drawn["inputs"])
        pattern = pattern_of(layout)
        moved = jnp.zeros_like(y).at[pattern.rows].add(bound.mass(y.dtype) * rates[pattern.columns])
        totals = {label: total(bound, name, t, y, rates) for label, name in TOTALS.items()}
        totals["heat"] = _heat(bound, t, y, rates)
        totals["energy"] = totals["co-content"] = _steady_energy(derivation, bound, t, y, rates)
        return {
            "params": params,
            "balance": bound.field(t, y) - moved,
            "totals": totals,
            "momenta": jax.grad(lambda y: total(bound, "kinetic", t, y, rates))(y),
            "constraints": _constraints(bound, t, y, rates),
            "eliminated": {
                p.form.placement.name: [instances(bound, p, e, t, y, rates) for e in p.form.eliminated.values()]
                for p in bound.motion.programs
            },
        }

    found = run_once(everything, drawn)
    constraints = {
        (placement, int(k)): g for placement, own in found.pop("constraints").items() for k, g in own.items()
    }
    dtype = jax.numpy.result_type(float)
    y, rates = (np.asarray(drawn[k], dtype).astype(np.float64) for k in ("y", "rates"))
    time = float(np.asarray(drawn["t"], dtype))
    inputs = {name: np.asarray(x, dtype).astype(np.float64) for name, x in drawn["inputs"].items()}
    return MotionAnswers(layout=layout, inputs=inputs, y=y, rates=rates, time=time, constraints=constraints, **found)


def _middle(layout: Any) -> np.ndarray:
    """Where unknowns are drawn around: ½ for units with a map into [0, 1], outside of which they have no energy."""
    found = np.zeros(layout.size)
    for form in layout.forms:
        if form.placement.component.minimiser is not None:
            for (owner, *rest), block in layout.blocks.items():
                if owner in form.placement.groups and len(rest) == 2 and rest[1] == 0:
                    found[block.start : block.stop] = 0.5
    return found


def instances(bound: Any, programs: Any, expression: sp.Expr, t: Any, y: Any, rates: Any) -> Any:
    """An expression of one component, on every instance; derivatives that are no unknowns come from ẏ."""
    layout, form = bound.layout, programs.form
    expression = expression.subs(form.eliminated)
    known = dict(bound.environment(programs, t, y))
    for slot in form.placement.component.slots:
        orders = layout.variables[form.placement.group_of(slot.port), slot.coordinate].orders
        for order in (1, 2):
            symbol = form.placement.component.symbol(slot, order)
            if order not in orders and order - 1 in orders and expression.has(symbol):
                known[symbol] = rates[layout.entries(form, (slot, order - 1))]
    return jnp.broadcast_to(jnp.asarray(Program([expression])(known)[0], y.dtype), (layout.count(form),))


def total(bound: Any, name: str, t: Any, y: Any, rates: Any) -> Any:
    """A term of the declaration ("kinetic", "potential", "dissipation"), summed over all elements."""
    value = jnp.zeros((), y.dtype)
    for programs in bound.motion.programs:
        expression = getattr(programs.form.placement.component, name)
        if expression != 0:
            value = value + jnp.sum(instances(bound, programs, expression, t, y, rates))
    return value


def lagrangian(bound: Any, t: Any, y: Any) -> Any:
    """T − V + Σ F(t) q: forces of components, and of inputs on their nodes."""
    nothing = jnp.zeros_like(y)
    value = total(bound, "kinetic", t, y, nothing) - total(bound, "potential", t, y, nothing)
    for programs in bound.motion.programs:
        component = programs.form.placement.component
        for q, force in component.force.items():
            if not any(isinstance(s, StateSymbol) for s in sp.sympify(force).free_symbols):
                value = value + jnp.sum(instances(bound, programs, force * q, t, y, nothing))
    for entry in bound.layout.system.inputs:
        coordinate = getattr(entry.kind, "coordinate", None)
        if type(entry.kind).__name__ != "Drive":
            continue
        for part in entry.nodes.parts:
            for (group, q), v in bound.layout.variables.items():
                if group == part.group and coordinate in (None, q.name, q.key(1)) and 0 in v.orders:
                    block = bound.layout.blocks[group, q, 0]
                    value = value + jnp.sum(
                        bound.input(entry.name, t)[part.columns] * y[block.start + np.asarray(part.indices)]
                    )
    return value


def _steady_energy(derivation: Any, bound: Any, t: Any, y: Any, rates: Any) -> Any:
    """E, or the co-content, less the work of inputs that push."""
    programs = {p.form.placement.name: p for p in bound.motion.programs}
    value = jnp.zeros((), y.dtype)
    for form in derivation.forms:
        if form.energy != 0:
            value = value + jnp.sum(instances(bound, programs[form.placement.name], form.energy, t, y, rates))
    for name, nodes, coordinate in driven_inputs(derivation.system):
        for part in nodes.parts:
            v = derivation.node_variable(part.group, coordinate, name)
            block = bound.layout.blocks.get((part.group, v.coordinate, int(v.reduced)))
            if block is not None:
                x = y[block.start + np.asarray(part.indices)]
                value = value - jnp.sum(bound.input(name, t)[part.columns] * x)
    return value


def _heat(bound: Any, t: Any, y: Any, rates: Any) -> Any:
    forms = [(p, p.form.dissipated) for p in bound.motion.programs if p.form.dissipated != 0]
    return sum((jnp.sum(instances(bound, p, e, t, y, rates)) for p, e in forms), jnp.zeros((), y.dtype))


def _constraints(bound: Any, t: Any, y: Any, rates: Any) -> dict[str, dict[str, Any]]:
    """g of every constraint that is kept as a row, or as what its differentiated row must not drift from."""
    found: dict[str, dict[str, Any]] = {}
    for programs in bound.motion.programs:
        form = programs.form
        for k in range(len(form.placement.component.constraint)):
            g = form.drift[k][0] if k in form.drift else form.rows.get(k)
            if g is not None:
                own = found.setdefault(form.placement.name, {})
                own[str(k)] = instances(bound, programs, g, t, y, rates)
    return found
