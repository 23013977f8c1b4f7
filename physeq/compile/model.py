"""`Model`: the compiled form of a system, an immutable pytree of pure functions under the user's names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jaxtyping import Array

from physeq.compile.checked_data import check_parameters, checked_data, real_array
from physeq.compile.cost import CostEvaluator, State
from physeq.compile.energy import energy, parameter_gradient, placement_energy
from physeq.compile.initialise import initial_parameters, parameter_records, parameter_shapes, project
from physeq.compile.lowered import Lowered
from physeq.compile.problem import Problem
from physeq.compile.static import static_messages, transposed_matrices
from physeq.compile.wiring import Wiring, wire
from physeq.errors import InternalError, ModelError
from physeq.symbolic.derivation import Derivation, clamped_inputs, driven_inputs
from physeq.symbolic.place import Feed
from physeq.symbolic.reduction import clamped_mask

Params = dict[str, dict[str, Array]]
Inputs = Array | Mapping[str, Array] | None


class Model(eqx.Module):
    """A compiled system; make one with `compile_model` or `System.compile`.

    Parameters are `params["bundle"]["w"]`, states `state["group"]["s"]` of shape `(*batch, nodes)`.
    All methods are pure and may be jitted, vmapped and differentiated.
    """

    lowered: Lowered = eqx.field(static=True)
    wirings: dict[str, Wiring]

    @property
    def derivation(self) -> Derivation:
        """The derivation that this model runs."""
        return self.lowered.derivation

    @property
    def system(self):
        """The declared system."""
        return self.lowered.derivation.system

    # ---- parameters and states -----------------------------------------------------------------------------------

    def init_parameters(self, key: Array, dtype: Any = None) -> Params:
        """Starting parameters: values given with the graph or the system, draws from the declared distributions "
        "elsewhere."""
        return initial_parameters(self.system, key, jnp.result_type(float) if dtype is None else dtype)

    def init_state(self, batch: int | tuple[int, ...] = (), dtype: Any = None) -> State:
        """Every coordinate of every group where the system declares that it starts."""
        batch = (batch,) if isinstance(batch, int) else tuple(batch)
        dtype = jnp.result_type(float) if dtype is None else dtype
        state: State = {}
        for v in self.derivation.variables.values():
            start = self.system.start_of(v.group, v.coordinate)
            state.setdefault(v.group, {})[v.key] = jnp.full((*batch, v.size), start, dtype)
        return state

    def parameter_bounds(self) -> dict[str, dict[str, tuple[float, float]]]:
        """{placement: {parameter: (lower, upper)}}."""
        records = parameter_records(self.system)
        return {name: {k: (p.lower, p.upper) for k, p in own.items()} for name, own in records.items()}

    def trainable(self) -> dict[str, dict[str, bool]]:
        """{placement: {parameter: whether it is trained}}."""
        records = parameter_records(self.system)
        return {name: {k: p.trainable for k, p in own.items()} for name, own in records.items()}

    def project_parameters(self, params: Params) -> Params:
        """Clip parameters to their declared bounds (conductances stay ≥ 0)."""
        return project(self.system, params)

    # ---- the problem of one phase --------------------------------------------------------------------------------

    def problem(
        self,
        params: Params,
        inputs: Inputs = None,
        target: Array | None = None,
        beta: float | Array = 0.0,
        batch: tuple[int, ...] | None = None,
    ) -> Problem:
        """Fix parameters, inputs, target and nudge; `beta` is a number or broadcasts against the batch.

        Raises:
            ModelError: wrong names or shapes, missing inputs, no samples, NaN in concrete data.
        """
        self.check_parameters(params)
        arrays, target = self.check_data(inputs, target)
        shapes = [x.shape[:-1] for x in arrays.values()] + ([target.shape[:-1]] if target is not None else [])
        beta = jnp.asarray(beta)
        dtype = self._dtype(params)
        beta = beta.astype(jnp.result_type(dtype, jnp.complex64) if jnp.iscomplexobj(beta) else dtype)
        try:
            found = jnp.broadcast_shapes(*shapes, beta.shape, batch or ())
        except (TypeError, ValueError):
            named = [f"input {name!r} {x.shape[:-1]}" for name, x in arrays.items()]
            named += [f"target {target.shape[:-1]}"] if target is not None else []
            raise ModelError(
                f"batch shapes do not fit together: {', '.join(named)}, beta {beta.shape}, batch {batch or ()}; "
                "give each the same leading axes, or none"
            ) from None
        arrays = {name: _fit(x, found, beta.dtype) for name, x in arrays.items()}
        target = None if target is None else _fit(target, found, beta.dtype)
        held, clamps = self._clamps(arrays, jnp.finfo(beta.dtype).dtype)
        drives: State = {}
        for name, nodes, coordinate in driven_inputs(self.system):
            for part in nodes.parts:
                v = self.derivation.node_variable(part.group, coordinate, f"input {name!r}")
                x = arrays[name]
                if not part.whole:
                    zeros = jnp.zeros((*x.shape[:-1], v.size), x.dtype)
                    x = zeros.at[..., part.indices].set(x[..., part.columns])
                old = drives.setdefault(part.group, {}).get(v.key)
                drives[part.group][v.key] = x if old is None else old + x
        signals: dict[str, dict[str, Array]] = {}
        for entry in self.system.inputs:
            if isinstance(entry.kind, Feed):
                x = arrays[entry.name]
                placed = self.system.placement(entry.kind.placement)
                shape = placed.pattern.parameter_shape(self.system.sizes(placed))
                signals.setdefault(placed.name, {})[entry.kind.signal.name] = x.reshape(*x.shape[:-1], *shape)
        evaluator = None
        if self.lowered.cost is not None:
            evaluator = _evaluator(self.lowered)
        problem = Problem(
            lowered=self.lowered,
            cost_evaluator=evaluator,
            wirings=self.wirings,
            params=params,
            held=held,
            clamps=clamps,
            drives=drives,
            signals=signals,
            target=target,
            beta=beta,
            bounds={},
            static_messages=static_messages(self.lowered, self.wirings, params, held),
            transposed_matrices=transposed_matrices(self.lowered, self.wirings, params, held),
            batch=found,
        )
        return dataclasses.replace(problem, bounds=self._bounds(problem))

    def check_parameters(self, params: Params) -> None:
        """Check names, shapes and, where they are concrete, values.

        Raises:
            ModelError: a parameter that is missing or not known, of another shape, or not finite.
        """
        check_parameters(params, parameter_shapes(self.system), floating=True)

    def check_data(self, inputs: Inputs, target: Array | None = None) -> tuple[dict[str, Array], Array | None]:
        """({name: input array}, target array or None), checked.

        Raises:
            ModelError: wrong shapes, missing inputs, no samples, NaN in concrete data.
        """
        return self._inputs(inputs), None if target is None else self._target(target)

    def _inputs(self, inputs: Inputs) -> dict[str, Array]:
        names = [entry.name for entry in self.system.inputs]
        if inputs is None:
            inputs = {}
        elif not isinstance(inputs, Mapping):
            if len(names) != 1:
                raise ModelError(f"inputs: this system has the inputs {names}; pass a dict with one array for each")
            inputs = {names[0]: inputs}
        if set(inputs) != set(names):
            raise ModelError(f"inputs: expected {names}, got {sorted(inputs)}; pass one array for each")
        arrays = {}
        for entry in self.system.inputs:
            x = real_array(inputs[entry.name], f"input {entry.name!r}")
            if x.ndim == 0 or x.shape[-1] != entry.size:
                raise ModelError(f"input {entry.name!r}: must have shape (*batch, {entry.size}), got {x.shape}")
            arrays[entry.name] = checked_data(x, f"input {entry.name!r}")
        return arrays

    def _target(self, target: Array) -> Array:
        if self.derivation.cost is None:
            raise ModelError("target: this system has no cost; pass cost= and outputs= to System")
        y = real_array(target, "target")
        size = self.system.readout.size if self.system.readout else self.system.outputs.size
        if y.ndim == 0 or y.shape[-1] != size:
            raise ModelError(f"target: must have shape (*batch, {size}), got {y.shape}")
        return checked_data(y, "target")

    def _clamps(self, arrays: dict[str, Array], dtype: Any):
        """(held groups' state, {group: {key: (mask, values)}} of nodes held singly)."""
        entries: dict[tuple[str, str], list] = {}
        for nodes, value in self.system.fixed:
            for part in nodes.parts:
                for v in self.derivation.group_variables(part.group):
                    entries.setdefault((part.group, v.key), []).append((part, jnp.asarray(value, dtype)))
        for name, nodes, coordinate in clamped_inputs(self.system):
            for part in nodes.parts:
                v = self.derivation.node_variable(part.group, coordinate, f"input {name!r}")
                entries.setdefault((part.group, v.key), []).append((part, arrays[name]))
        held: State = {}
        clamps: dict[str, dict[str, tuple]] = {}
        for (group, key), parts in entries.items():
            size = self.system.topology.group(group).size
            values, mask = _assemble(size, parts)
            if group in self.derivation.held:
                held.setdefault(group, {})[key] = values
            else:
                clamps.setdefault(group, {})[key] = (mask, values)
        return held, clamps

    def _bounds(self, problem: Problem):
        bounds: dict[str, dict[str, tuple]] = {}
        for name, programs in self.lowered.elements.items():
            placement = programs.form.placement
            for slot, (low, high) in programs.bounds.items():
                group = placement.group_of(slot.port)
                if group not in self.lowered.locals:
                    continue
                key = slot.coordinate.key(programs.unknowns[slot].order)
                own = {p: problem.params[name][p.name] for p in placement.component.parameters}
                size = self._size(group)
                ends = []
                for end, merge in ((low, jnp.maximum), (high, jnp.minimum)):
                    value = end(own)[0]
                    infinite = np.isscalar(value) and not np.isfinite(value)
                    dtype = problem.beta.dtype
                    ends.append(None if infinite else self._to_nodes(value, placement, slot, size, merge, dtype))
                old = bounds.setdefault(group, {}).get(key, (None, None))
                bounds[group][key] = (_merge(old[0], ends[0], jnp.maximum), _merge(old[1], ends[1], jnp.minimum))
        return bounds

    def _size(self, group: str) -> int:
        return self.derivation.group_variables(group)[0].size

    def _to_nodes(self, value, placement, slot, size, merge, dtype):
        """Bounds of elements as bounds of the nodes that they touch."""
        dtype = jnp.finfo(dtype).dtype
        shape = placement.pattern.parameter_shape(self.system.sizes(placement))
        each = jnp.broadcast_to(jnp.asarray(value, dtype), shape).reshape(-1)
        if slot.port is None or len(placement.component.ports) == 1:
            return each
        port = placement.component.ports.index(slot.port)
        indices = np.asarray(placement.pattern.rows(self.system.sizes(placement)))[:, port]
        free = jnp.full((size,), -jnp.inf if merge is jnp.maximum else jnp.inf, dtype)
        return free.at[indices].max(each) if merge is jnp.maximum else free.at[indices].min(each)

    def _dtype(self, params: Params):
        leaves = jax.tree.leaves(params)
        return jnp.result_type(*leaves) if leaves else jnp.result_type(float)

    # ---- functions of a state ------------------------------------------------------------------------------------

    def energy(self, params: Params, state: State, inputs: Inputs = None) -> Array:
        """The steady-state function Φ of a state (energy, or co-content of reduced nodes), per batch entry."""
        problem = self.problem(params, inputs)
        return energy(problem, problem.start(state))

    def force(self, params: Params, state: State, inputs: Inputs = None) -> State:
        """The force on every free unknown, zero on held nodes, under the names of the state."""
        problem = self.problem(params, inputs)
        return problem.force(problem.start(state))

    def cost(self, params: Params, state: State, target: Array) -> Array:
        """C of a state, per batch entry."""
        return _evaluator_of(self).value(state, params, self._target(target))

    def cost_of_prediction(self, prediction: Array, target: Array) -> Array:
        """C of predictions (outputs in the user's order, or readout units), per batch entry."""
        return _evaluator_of(self).of_prediction(prediction, target)

    def predict(self, params: Params, state: State) -> Array:
        """What the cost compares with the target: output unknowns, or the readout's units."""
        return _evaluator_of(self).prediction(state, params)

    def parameter_gradient(
        self, params: Params, state: State, inputs: Inputs = None, target: Array | None = None, beta: float = 0.0
    ) -> Params:
        """∂F/∂p at a state, F = Φ + βC, averaged over the batch, from the derived expressions."""
        problem = self.problem(params, inputs, target, beta)
        return parameter_gradient(problem, problem.start(state))

    def observe(self, name: str, params: Params, state: State, inputs: Inputs = None) -> Array:
        """A quantity by name, eliminated ones included.

        `"group.unknown"` a state; `"group.reaction"` the force (current) that the sources holding its nodes supply;
        `"bundle.drop"` x_source − x_target; `"bundle.flow"` ∂Φ/∂x_source, the current from source to target;
        `"placement.energy"` energy (or co-content) summed over the elements.

        Raises:
            ModelError: the name is not one of these.
        """
        owner, _, quantity = name.rpartition(".")
        problem = self.problem(params, inputs)
        full = problem.full(problem.start(state)) | {
            g: v for g, v in state.items() if g in self.derivation.held and g not in problem.held
        }
        if owner in full and quantity in full[owner]:
            return full[owner][quantity]
        if owner in self.lowered.elements:
            programs = self.lowered.elements[owner]
            if quantity == "energy":
                return placement_energy(problem, owner, full)
            environment = problem.element_environment(owner, full)
            if quantity == "flow" and programs.flow is not None:
                return programs.flow(environment)[0]
            ends = [x for slot, x in programs.unknowns.items() if slot.port is not None]
            if quantity == "drop" and len(ends) == 2:
                return environment[ends[0]] - environment[ends[1]]
        if quantity == "reaction" and owner in self.lowered.locals:
            (values,) = problem.reaction(problem.start(state))[owner].values()
            return -values
        raise ModelError(f"no quantity is named {name!r}; there are {', '.join(self.quantities())}")

    def quantities(self) -> list[str]:
        """Names that `observe` knows."""
        names = [f"{v.group}.{v.key}" for v in self.derivation.variables.values()]
        names += [f"{g}.reaction" for g, local in self.lowered.locals.items() if len(local.form.variables) == 1]
        for placement, programs in self.lowered.elements.items():
            names.append(f"{placement}.energy")
            if programs.flow is not None:
                names += [f"{placement}.drop", f"{placement}.flow"]
        return names


def _evaluator(lowered: Lowered) -> CostEvaluator:
    """One evaluator per lowering, so that problems of one model have one static structure."""
    if "evaluator" not in lowered.__dict__:
        outputs = lowered.derivation.system.outputs
        if lowered.cost is None or outputs is None:
            raise InternalError("a cost was asked for that the system does not have")
        lowered.__dict__["evaluator"] = CostEvaluator(lowered.cost, outputs, lowered.derivation.system.readout)
    return lowered.__dict__["evaluator"]


def _evaluator_of(model: Model) -> CostEvaluator:
    if model.lowered.cost is None:
        raise ModelError("this system has no cost; pass cost= and outputs= to System")
    return _evaluator(model.lowered)


def _assemble(size: int, parts) -> tuple[Array, np.ndarray]:
    (part, value) = parts[0]
    if len(parts) == 1 and part.whole and value.ndim:
        return value, np.ones(size, bool)
    values, mask = jnp.zeros(size, value.dtype), np.zeros(size, bool)
    for part, value in parts:
        new = value[..., part.columns] if value.ndim else value
        shape = new.shape[:-1] if value.ndim else ()
        dtype = jnp.result_type(values, new) if mask.any() else new.dtype
        values = jnp.broadcast_to(values, jnp.broadcast_shapes(values.shape, (*shape, size))).astype(dtype)
        values = values.at[..., part.indices].set(new)
        mask[part.indices] = True
    return values, mask


def _merge(a, b, function):
    if a is None or b is None:
        return a if b is None else b
    return function(a, b)


def _fit(x: Array, batch: tuple[int, ...], dtype: Any) -> Array:
    """Data in the parameters' precision, with axes of length one spread over the batch; missing axes stay missing."""
    if not jnp.issubdtype(x.dtype, jnp.complexfloating):
        x = x.astype(jnp.finfo(dtype).dtype)
    return jnp.broadcast_to(x, (*batch[len(batch) - x.ndim + 1 :], x.shape[-1]))


def compile_model(derivation: Derivation, model_class: type[Model] = Model) -> Model:
    """Compile a derivation.

    Raises:
        ModelError: a system without steady states of this kind (constraints, terms in time), nodes of one group with
            different unknowns, floating nodes, outputs that no input reaches.
    """
    _refuse(derivation)
    system = derivation.system
    return model_class(Lowered(derivation), {p.name: wire(p.pattern, system.sizes(p)) for p in system.placements})


def _refuse(derivation: Derivation) -> None:
    system, structure = derivation.system, derivation.structure
    if structure.constraints:
        raise ModelError(
            f"constraint of {structure.constraints[0]!r}: a constrained system has a motion (System.motion(), with its "
            "operating point), and no steady state that minimises a function of free unknowns; for that use a stiff "
            "potential, or clamp the nodes"
        )
    for v in derivation.variables.values():
        if v.group in derivation.held:
            continue
        if not v.uniform:
            free = np.flatnonzero(~clamped_mask(system, v.group, v.coordinate))
            odd = int(np.intersect1d(v.classes[-1].indices, free)[0])
            label = odd if v.internal else system.label(v.group, odd)
            raise ModelError(
                f"group {v.group!r}: coordinate {v.coordinate} is cyclic on some nodes and not on others (node "
                f"{label!r} "
                "differs); put them in groups of their own, or give the element its own internal coordinate"
            )
    if not structure.autonomous:
        raise ModelError(
            "a term holds the time t: there is a motion (System.motion()), and no steady state; for that use a signal "
            "and Feed"
        )
    for form in derivation.forms:
        component, name = form.placement.component, form.placement.name
        for symbol, ends in component.bounds.items():
            unknown = form.unknowns[component.slot(symbol)]
            if unknown != symbol and any(end not in (sp.oo, -sp.oo) for end in ends):
                raise ModelError(
                    f"component {component.name!r} in {name!r}: the bounds of {symbol} cannot be kept at a steady "
                    f"state, where {unknown} is the unknown; bound {unknown}, or leave them out"
                )
    for entry in system.inputs:
        if entry.nodes is not None:
            for part in entry.nodes.parts:
                derivation.node_variable(part.group, entry.kind.coordinate, f"input {entry.name!r}")
    if derivation.floating:
        f = derivation.floating[0]
        more = "" if f.count <= len(f.labels) else f" and {f.count - len(f.labels)} more"
        raise ModelError(
            f"node{'s' if f.count > 1 else ''} {', '.join(map(repr, f.labels))}{more} of group {f.group!r} float: "
            "a common "
            f"shift of {f.coordinate} changes no force; connect them to ground (ground=...) or hold one "
            f"(fixed={{node: 0.0}})"
        )
    if lost := derivation.unreached_outputs:
        raise ModelError(
            f"output {lost[0]!r} is disconnected: no path of edges leads from an input to it (held nodes pass "
            "nothing on); "
            "connect it or choose another output"
        )
