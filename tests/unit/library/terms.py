"""The equations of components, written out symbol by symbol and solved by SymPy: an oracle that compiles nothing."""

import itertools

import sympy as sp

from physeq.symbolic.reduction import motion_terms
from physeq.symbolic.symbols import StateSymbol


def multipliers(component):
    return [sp.Symbol(f"lambda{k}", real=True) for k in range(len(component.constraint))]


def balances(component):
    """{slot: d/dt ∂L/∂q̇ − ∂L/∂q + ∂R/∂q̇ − F − λ ∂g}: at a port, the force or current that leaves the node."""
    found = {}
    for slot in component.slots:
        terms = motion_terms(component, slot)
        pushed = sum(
            multiplier * e for multiplier, (_, e) in zip(multipliers(component), terms["constraint"], strict=True)
        )
        found[slot] = terms["inertial"] + terms["conservative"] + terms["dissipative"] - terms["force"] - pushed
    return found


def leaving(component, port, name="phi"):
    """The force or current that leaves the node at a port into the component."""
    (found,) = (e for slot, e in balances(component).items() if (slot.port, slot.coordinate.name) == (port, name))
    return found


def inside(component, name):
    """The equation of an internal coordinate, which is zero."""
    return leaving(component, None, name)


def at(expression, **values):
    """A number: states and parameters by name, `v_source` for the rate of the flux at the port `source`."""
    numbers = {}
    for symbol in expression.free_symbols:
        name = symbol.name
        if isinstance(symbol, StateSymbol) and symbol.coordinate.name == "phi":
            name = f"{'v' * symbol.order or 'phi'}_{symbol.port}" if symbol.port else "v" * symbol.order
        numbers[symbol] = values[name.replace(".", "_")]
    return float(expression.subs(numbers).evalf())


def starts(component, **others):
    """{parameter: its starting number}, with other numbers by name."""
    return {p: others.get(p.name, getattr(p.initial, "value", None)) for p in component.parameters}


def circuit(elements, ground=0):
    """Node voltages and the names of what flows, of a circuit of constant voltages, solved exactly.

    `elements`: {name: (component, {port: node}, {parameter: number})}. Returns {node: voltage} and
    {(name, port): current that leaves the node into the element}.
    """
    nodes = sorted({n for _, ports, _ in elements.values() for n in ports.values()} - {ground}, key=str)
    voltages = {n: sp.Symbol(f"u_{n}", real=True) for n in nodes} | {ground: sp.S.Zero}
    sums = dict.fromkeys(nodes, sp.S.Zero)
    equations, unknowns, currents = [], [voltages[n] for n in nodes], {}
    for name, (component, ports, numbers) in elements.items():
        ports = {"node": ports["node"]} if set(ports) == {"node"} else ports
        symbols = {}
        for slot, order in itertools.product(component.slots, (0, 1, 2)):
            symbol = component.symbol(slot, order)
            if slot.port is not None:
                symbols[symbol] = voltages[ports[slot.port]] if order == 1 else sp.S.Zero
            else:
                symbols[symbol] = sp.Symbol(f"{name}_{symbol.name}", real=True)
        symbols |= {m: sp.Symbol(f"{name}_{m.name}", real=True) for m in multipliers(component)}
        symbols |= {p: sp.nsimplify(v) for p, v in starts(component, **numbers).items()}
        for slot, e in balances(component).items():
            e = e.subs(symbols)
            if slot.port is None:
                equations.append(e)
            else:
                currents[name, slot.port] = e
                if ports[slot.port] != ground:
                    sums[ports[slot.port]] += e
        equations += [g.subs(symbols) for g in component.constraint]
    equations += sums.values()
    unknowns = sorted({s for e in equations for s in e.free_symbols}, key=str)
    (solution,) = sp.solve(equations, unknowns, dict=True)
    return (
        {n: float(sp.sympify(u).subs(solution)) for n, u in voltages.items()},
        {key: float(e.subs(solution)) for key, e in currents.items()},
    )
