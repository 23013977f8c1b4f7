"""`Problem`: a model at given parameters, inputs, target and nudge; the functions that solvers call.

What does not change during a phase (messages from held groups, sums of coefficients, bounds) is computed when the
problem is made, once, outside every loop.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from functools import reduce
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.compile.checked_data import started
from physeq.compile.cost import CostEvaluator, State
from physeq.compile.low_rank import Apart, LowRank
from physeq.compile.lowered import CompiledContribution, Lowered, is_static
from physeq.compile.wiring import Wiring
from physeq.errors import ModelError
from physeq.symbolic.symbols import drive, nudge


class Problem(eqx.Module):
    """F = E + βC at fixed parameters, inputs and target: find the free state x with force(x) = −∂F/∂x + … = 0.

    States are `{group: {unknown: (*batch, nodes)}}`. *Free* states leave out the groups that are held as a whole; where
    single nodes of a group are held, their entries carry the held value and their force is zero.
    """

    lowered: Lowered = eqx.field(static=True)
    cost_evaluator: CostEvaluator | None = eqx.field(static=True)
    wirings: dict[str, Wiring]
    params: dict[str, dict[str, Array]]
    held: State
    clamps: dict[str, dict[str, tuple[np.ndarray, Array]]]
    drives: State
    signals: dict[str, dict[str, Array]]
    target: Array | None
    beta: Array
    bounds: dict[str, dict[str, tuple[Array | None, Array | None]]]
    static_messages: dict[str, dict[str, Array]]
    transposed_matrices: dict[str, dict[str, Array]]  # of coefficients at `params`, see `with_parameters`
    batch: tuple[int, ...] = eqx.field(static=True)
    key: Array | None = None  # of noise in the dynamics; None where there is none

    # ---- states --------------------------------------------------------------------------------------------------

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups with free nodes."""
        return tuple(self.lowered.locals)

    @property
    def companions(self) -> dict[str, State]:
        """{field: state} of further states that a subclass carries; they are sliced with the batch."""
        return {}

    def full(self, free: State) -> State:
        """The state of all groups."""
        return {**self.held, **free}

    def insert(self, free: State) -> State:
        """Put the held values of single nodes into a free state."""
        result: State = {}
        for group, values in free.items():
            result[group] = {}
            for key, x in values.items():
                clamp = self.clamps.get(group, {}).get(key)
                result[group][key] = x if clamp is None else jnp.where(clamp[0], clamp[1], x)
        return result

    def project(self, free: State) -> State:
        """Clip a free state to its bounds, held entries aside."""
        if not self.bounds:
            return free
        return self.insert({g: {k: self.clip(g, k, x) for k, x in values.items()} for g, values in free.items()})

    def clip(self, group: str, key: str, x: Array) -> Array:
        """Clip one unknown of one group to its bounds."""
        lower, upper = self.bounds.get(group, {}).get(key, (None, None))
        x = x if lower is None else jnp.maximum(x, lower)
        return x if upper is None else jnp.minimum(x, upper)

    def mask(self, group: str, key: str, f: Array, otherwise: Array | float = 0.0) -> Array:
        """Replace the entries of held nodes, by zero or by `otherwise`."""
        clamp = self.clamps.get(group, {}).get(key)
        return f if clamp is None else jnp.where(clamp[0], otherwise, f)

    def start(self, state: State | None = None, dtype: Any = None) -> State:
        """A free state to start from: the given state's free part, or where the system declares that it starts.

        Raises:
            ModelError: the given state has a group or unknown that is not there, or values of another shape.
        """
        self._check_names(state or {})
        given, dtype = dtype, jnp.result_type(float) if dtype is None else dtype
        free: State = {}
        for group, local in self.lowered.locals.items():
            free[group] = {}
            for v in local.form.variables:
                if state is not None and group in state:
                    x = started(state[group][v.key], f"start[{group!r}][{v.key!r}]", v.size, self.batch)
                    if given is not None and not jnp.issubdtype(x.dtype, jnp.complexfloating):
                        x = x.astype(dtype)
                    free[group][v.key] = (
                        jnp.broadcast_to(x, (*self.batch, v.size)) if x.ndim < len(self.batch) + 1 else x
                    )
                else:
                    start = self.lowered.derivation.system.start_of(group, v.coordinate)
                    free[group][v.key] = jnp.full((*self.batch, v.size), start, dtype)
        return self.project(self.insert(free))

    def _check_names(self, state: State) -> None:
        """Refuse names of a state that nothing would read."""
        known: dict[str, list[str]] = {}
        for v in self.lowered.derivation.variables.values():
            known.setdefault(v.group, []).append(v.key)
        for group, own in state.items():
            if group not in known:
                raise ModelError(f"start: {group!r} is no group with unknowns; there are {', '.join(map(repr, known))}")
            if not isinstance(own, Mapping) or set(own) != set(known[group]):
                raise ModelError(f"start[{group!r}]: must be a dict with {', '.join(map(repr, known[group]))}")

    def with_parameters(self, params: dict[str, dict[str, Any]], unmoved: Collection[str] = ()) -> Problem:
        """The problem at other parameters, with the static messages of this one; placements `unmoved` kept theirs."""
        kept = {name: own for name, own in self.transposed_matrices.items() if name in unmoved}
        return dataclasses.replace(self, params=params, transposed_matrices=kept)

    # ---- messages and forces -------------------------------------------------------------------------------------

    def messages(self, free: State, group: str, needed: Iterable | None = None) -> dict:
        """{message symbol: value on the group's nodes}; a message with a static part has that part apart."""
        full, local = self.full(free), self.lowered.locals[group]
        static = self.static_messages[group]
        values: dict[Any, Any] = {}
        for symbol, contributions in local.contributions.items():
            if needed is not None and symbol not in needed:
                continue
            fixed = static.get(symbol.name)
            parts = [
                contribute(c, self.wirings, self.params, full, local.form.variables[0].size, self.transposed_matrices)
                for c in contributions
                if not is_static(c, self.held)
            ]
            if parts and fixed is not None:
                values[local.static_part[symbol]] = fixed
            values[symbol] = reduce(jnp.add, parts) if parts else fixed
        return values

    def force(self, free: State, groups: Iterable[str] | None = None) -> State:
        """f = −∂E/∂x + forces − β ∂C/∂x on free nodes, zero on held ones."""
        result: State = {}
        pull = self.cost_pull(free)
        for group in self.groups if groups is None else groups:
            local = self.lowered.locals[group]
            needed = local.needed(local.force.values())
            environment = self.environment(free, group, self.messages(free, group, needed))
            result[group] = {}
            for key, program in local.force.items():
                f = self._wide(program(environment)[0], free[group][key])
                f = f + self._element_sum(free, group, key, "forces")
                if (given := self.drives.get(group, {}).get(key)) is not None:
                    f = f + given
                if key in pull.get(group, {}):
                    f = f + pull[group][key]
                result[group][key] = self.mask(group, key, f)
        return result

    def reaction(self, free: State) -> State:
        """The force that the system exerts on nodes held singly (on free nodes: the residual force)."""
        return dataclasses.replace(self, clamps={}).force(free)

    def curvature(self, free: State, groups: Iterable[str] | None = None) -> State:
        """−∂f_i/∂x_i of every free unknown at fixed messages, 1 on held nodes.

        A node joined to itself counts as its own neighbour: what it sends to itself is kept.
        """
        result: State = {}
        for group in self.groups if groups is None else groups:
            local = self.lowered.locals[group]
            environment = self.environment(free, group, self.messages(free, group))
            result[group] = {}
            for key, program in local.curvature.items():
                h = self._wide(program(environment)[0], free[group][key])
                h = h + self._element_sum(free, group, key, "curvatures")
                if self.target is not None and self.cost_evaluator is not None:
                    v = self.cost_evaluator.programs.form.unknowns.get(group)
                    if v is not None and v.key == key:
                        second = self.cost_evaluator.curvature(self.full(free), self.params, self.target)[group]
                        h = h + self.beta[..., None] * second
                result[group][key] = self.mask(group, key, h, 1.0)
        return result

    def local_equilibrium(self, free: State, groups: Iterable[str], *, nudge_inside: bool) -> State | None:
        """The closed-form equilibrium of every node of the groups given its messages, clipped to its bounds.

        With `nudge_inside` the nudge is solved for exactly, otherwise it is left out. None where no closed form exists.
        Where the energy has a maximum there and not a minimum, the node goes to the bound on its side of it.
        """
        result: State = {}
        for group in groups:
            local = self.lowered.locals[group]
            solved = self.solves_nudge(group) if nudge_inside else False
            programs = local.nudged_equilibrium if solved else local.equilibrium
            if any(p is None for p in programs.values()):
                return None
            sure = local.form.nudged_minimum if solved else local.form.minimum
            result[group] = self._solve_locally(free, group, programs, sure, {}, solved)
        return result

    def linearised_equilibrium(self, free: State, group: str, pull: State) -> dict[str, Array]:
        """The closed-form equilibrium of a group with `pull` as an extra linear force."""
        local = self.lowered.locals[group]
        return self._solve_locally(free, group, local.equilibrium, local.form.minimum, pull.get(group, {}), False)

    def _solve_locally(self, free: State, group: str, programs, sure, pushed, nudged: bool) -> dict[str, Array]:
        local = self.lowered.locals[group]
        doubtful = [k for k in programs if not sure[k] and self._may_be_a_maximum(free[group][k])]
        messages = self.messages(
            free, group, local.needed([*programs.values(), *(local.curvature[k] for k in doubtful)])
        )
        result = {}
        for key, program in programs.items():
            given = self.drives.get(group, {}).get(key, 0.0) + pushed.get(key, 0.0)
            environment = self.environment(free, group, messages) | {drive: given}
            x, old = self._wide(program(environment)[0], free[group][key]), free[group][key]
            if key in doubtful:
                x = self._off_the_top(free, group, key, x, messages, nudged)
            result[key] = self.mask(group, key, self.clip(group, key, x), old)
        return result

    def _may_be_a_maximum(self, x: Array) -> bool:
        return self.lowered.derivation.structure.conservative and not jnp.iscomplexobj(x)

    def _off_the_top(self, free: State, group: str, key: str, x: Array, messages: dict, nudged: bool) -> Array:
        """x, or where the local energy has a maximum there, the bound to which the node falls from where it is."""
        there = free | {group: free[group] | {key: x}}
        h = self._wide(self.lowered.locals[group].curvature[key](self.environment(there, group, messages))[0], x)
        if nudged and self.target is not None:
            second = self.cost_evaluator.curvature(self.full(there), self.params, self.target)[group]
            h = h + self.beta[..., None] * second
        low, high = self.bounds.get(group, {}).get(key, (None, None))
        up, down = jnp.inf if high is None else high, -jnp.inf if low is None else low
        return jnp.where(h < 0, jnp.where(free[group][key] >= x, up, down), x)

    def solves_nudge(self, group: str) -> bool:
        """Whether the cost acts on this group and needs to be part of its local equilibrium."""
        if self.cost_evaluator is None or self.target is None:
            return False
        return group in self.cost_evaluator.programs.form.unknowns

    def cost_pull(self, free: State) -> State:
        """−β ∂C/∂x on the output groups."""
        if self.cost_evaluator is None or self.target is None:
            return {}
        gradient = self.cost_evaluator.gradient(self.full(free), self.params, self.target)
        unknowns = self.cost_evaluator.programs.form.unknowns
        return {g: {unknowns[g].key: -self.beta[..., None] * c} for g, c in gradient.items()}

    def environment(self, free: State, group: str, messages: dict) -> dict:
        """Values of all symbols of a group's local form."""
        local = self.lowered.locals[group]
        values: dict[Any, Any] = {v.symbol: free[group][v.key] for v in local.form.variables}
        for symbol, (placement, p) in local.form.parameters.items():
            values[symbol] = self.params[placement][p.name]
        for form in local.form.own:
            values |= self._signals(form.placement.name, form.placement.component.signals)
        values |= messages
        values[drive] = 0.0
        if self.solves_nudge(group):
            values |= self._nudge_values(group)
        return values

    def _nudge_values(self, group: str) -> dict:
        cost, (part,) = self.cost_evaluator, [p for p in self.cost_evaluator.outputs.parts if p.group == group]
        y = cost.programs.form.target
        if part.whole:
            return {nudge: self.beta[..., None]} | ({} if y is None else {y: self.target})
        size = cost.programs.form.unknowns[group].size
        acts = jnp.zeros(size, self.beta.dtype).at[part.indices].set(1.0)
        values = {nudge: self.beta[..., None] * acts}
        if y is not None and self.target is not None:
            spread = jnp.zeros((*self.target.shape[:-1], size), self.target.dtype)
            values[y] = spread.at[..., part.indices].set(self.target[..., part.columns])
        return values

    def _signals(self, placement: str, signals) -> dict:
        return {s: self.signals[placement][s.name] for s in signals}

    def _element_sum(self, free: State, group: str, key: str, kind: str) -> Array | float:
        """Σ over elements at each node of forces or curvatures of the element-wise placements."""
        total: Array | float = 0.0
        full = self.full(free)
        for form, port in self.lowered.locals[group].form.elements:
            name = form.placement.component.ports[port]
            for slot, program in getattr(self.lowered.elements[form.placement.name], kind).items():
                if slot.port == name and slot.coordinate.key(form.unknowns[slot].order) == key:
                    value = program(self.element_environment(form.placement.name, full))[0]
                    size = free[group][key].shape[-1]
                    total = total + self.wirings[form.placement.name].collect(jnp.asarray(value), port, size)
        if group in self.lowered.elements:  # internal coordinates of the placement of this name
            programs = getattr(self.lowered.elements[group], kind)
            for slot, program in programs.items():
                if slot.port is None and slot.coordinate.key(self.lowered.elements[group].unknowns[slot].order) == key:
                    total = total + program(self.element_environment(group, full))[0]
        return total

    def element_environment(self, placement: str, full: State) -> dict:
        """Values of a component's own symbols on every element of a placement."""
        programs, wiring = self.lowered.elements[placement], self.wirings[placement]
        component = programs.form.placement.component
        values = {p: self.params[placement][p.name] for p in component.parameters}
        values |= self._signals(placement, component.signals)
        for slot, symbol in programs.unknowns.items():
            group = programs.form.placement.group_of(slot.port)
            x = full[group][slot.coordinate.key(symbol.order)]
            values[symbol] = x if slot.port is None else wiring.spread(x, component.ports.index(slot.port))
        return values

    def element_axes(self, placement: str) -> int:
        """Trailing axes of element arrays of a placement: 2 for dense bundles, else 1."""
        system = self.lowered.derivation.system
        placed = system.placement(placement)
        return len(placed.pattern.parameter_shape(system.sizes(placed)))

    @staticmethod
    def _wide(value, like: Array) -> Array:
        shape = jnp.broadcast_shapes(jnp.shape(value), like.shape)
        # What depends on nothing complex is a real array among complex states: loops keep one dtype.
        widen = np.isscalar(value) or jnp.iscomplexobj(like)
        return jnp.broadcast_to(jnp.asarray(value, like.dtype if widen else None), shape)


def contribute(
    c: CompiledContribution, wirings, params, full: State, size: int, transposed: Mapping[str, Mapping[str, Array]]
) -> Array:
    """The value of one contribution on the receiver's nodes; a matrix that is there transposed is read so."""
    own = params.get(c.placement, {})
    coefficient = c.coefficient({s: own[s.name] for s in c.coefficient.symbols})[0]
    feature: Any = None
    if c.feature is not None:
        values = {x: full[c.sender_group][key] for x, key in c.sender_symbols}
        feature = c.feature(values)[0]
    change = None
    if isinstance(coefficient, LowRank | Apart):
        change, coefficient = coefficient.message(feature, c.receiver), coefficient.base
    back = transposed.get(c.placement, {}).get(c.coefficient_name) if c.receiver == 0 else None
    if back is None:
        part = wirings[c.placement].message(coefficient, feature, c.receiver, size)
    else:
        part = wirings[c.placement].message(back, feature, 1, size)
    return part if change is None else part + change
