"""A slow and obvious evaluation of a system: one Python loop over instances, straight from the declared terms.

It shares with physeq only the declaration itself and `motion_terms`, which is tested against SymPy's Euler equations.
"""

from functools import cache

import numpy as np
import sympy as sp

from physeq.symbolic.functions import clip, logcosh, sigmoid, softplus, xlogx
from physeq.symbolic.reduction import motion_terms, variables

NUMPY = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.logaddexp(0, x),
    "logcosh": lambda x: np.logaddexp(x, -x) - np.log(2),
    "xlogx": lambda x: np.where(x > 0, x * np.log(np.where(x > 0, x, 1)), 0),
    "clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
}
assert {f.__name__ for f in (clip, logcosh, sigmoid, softplus, xlogx)} == set(NUMPY)


def numeric(symbols, expression):
    """A numpy function of the symbols."""
    dummies = [sp.Dummy(f"d{n}") for n in range(len(symbols))]
    return sp.lambdify(
        dummies, expression.xreplace(dict(zip(symbols, dummies, strict=True))), [NUMPY, "numpy", "scipy"]
    )


def unknown_of(system):
    """{(group, coordinate): (order of the unknown, its key)}."""
    return {(v.group, v.coordinate): (int(v.reduced), v.key) for v in variables(system)}


def instances(system, placement, params, signals):
    """(flat index, node per port, {parameter or signal: value}) of every instance."""
    rows = placement.pattern.rows(system.sizes(placement))
    for k, row in enumerate(rows):
        values = {}
        for p in placement.component.parameters:
            array = np.asarray(params[placement.name][p.name])
            values[p] = float(array) if array.ndim == 0 else float(array.ravel()[k])
        for s in placement.component.signals:
            values[s] = float(np.ravel(signals[placement.name][s.name])[k])
        yield k, row, values


@cache
def force_programs(system):
    """[(placement, its slots with (order, key) of the unknown, {slot: numpy function of the force})]."""
    unknown, found = unknown_of(system), []
    for placement in system.placements:
        component = placement.component
        orders = {slot: unknown[placement.group_of(slot.port), slot.coordinate] for slot in component.slots}
        at_rest = {component.symbol(s, o): 0 for s in component.slots for o in range(orders[s][0] + 1, 3)}
        symbols = [component.symbol(s, orders[s][0]) for s in component.slots]
        symbols += [*component.parameters, *component.signals]
        programs = {}
        for slot in component.slots:
            terms = motion_terms(component, slot)
            total = terms["force"] - terms["conservative"] - terms["dissipative"] - terms["inertial"]
            programs[slot] = numeric(symbols, sp.sympify(total).subs(at_rest))
        found.append((placement, orders, programs))
    return found


def forces(system, params, state, signals=None):
    """{group: {key: force on every node}}, held nodes included; one sample."""
    result = {g: {k: np.zeros(len(x)) for k, x in own.items()} for g, own in state.items()}
    for placement, orders, programs in force_programs(system):
        component = placement.component
        ports = {s: None if s.port is None else component.ports.index(s.port) for s in component.slots}
        for k, row, values in instances(system, placement, params, signals or {}):
            places = {
                s: (placement.group_of(s.port), orders[s][1], k if ports[s] is None else row[ports[s]])
                for s in component.slots
            }
            arguments = [state[g][key][n] for g, key, n in places.values()]
            arguments += [values[s] for s in (*component.parameters, *component.signals)]
            for slot, (group, key, node) in places.items():
                result[group][key][node] += programs[slot](*arguments)
    return result


def scalar_sum(system, term, params, state, signals=None):
    """Σ over all instances of a scalar expression `term(component)` of the unknowns; one sample."""
    unknown, total = unknown_of(system), 0.0
    for placement in system.placements:
        component = placement.component
        orders = {slot: unknown[placement.group_of(slot.port), slot.coordinate] for slot in component.slots}
        symbols = [component.symbol(s, orders[s][0]) for s in component.slots]
        expression = sp.sympify(term(component))
        at_rest = {component.symbol(s, o): 0 for s in component.slots for o in range(orders[s][0] + 1, 3)}
        program = numeric([*symbols, *component.parameters, *component.signals], expression.subs(at_rest))
        for k, row, values in instances(system, placement, params, signals or {}):
            arguments = [
                state[placement.group_of(s.port)][orders[s][1]][
                    k if s.port is None else row[component.ports.index(s.port)]
                ]
                for s in component.slots
            ]
            total += program(*arguments, *[values[s] for s in (*component.parameters, *component.signals)])
    return total


def random_state(system, rng, low=-0.8, high=0.8):
    """Numbers for every unknown of every group."""
    state = {}
    for v in variables(system):
        state.setdefault(v.group, {})[v.key] = rng.uniform(low, high, v.size)
    return state


def random_parameters(system, rng):
    """Numbers for every parameter of every placement, positive where they must be."""
    params = {}
    for placement in system.placements:
        for p in placement.component.parameters:
            shape = system.parameter_shape(placement, p)
            value = rng.uniform(0.4, 1.3, shape)
            sign = 1 if p.is_positive else rng.choice([-1, 1], shape)
            params.setdefault(placement.name, {})[p.name] = np.clip(value * sign, p.lower, p.upper)
    return params
