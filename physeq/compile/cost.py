"""Evaluation of a cost and its readout: C, ∂C/∂x on the output nodes, and ∂C/∂p of the readout's parameters."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile.lowered import CostPrograms
from physeq.compile.wiring import real_outer, real_product
from physeq.symbolic.place import NodeSet, Readout

State = dict[str, dict[str, Array]]


class CostEvaluator:
    """C = Σ_k C_k(x_k, y_k) over output nodes, or over readout units z_k = Σ_j c(p_jk) a(x_j) + b_k."""

    def __init__(self, programs: CostPrograms, outputs: NodeSet, readout: Readout | None):
        self.programs, self.outputs = programs, outputs
        self.bias = None if readout is None or readout.bias is None else readout.bias.name
        self.units = None if readout is None else readout.size

    @property
    def _keys(self) -> dict[str, str]:
        return {group: v.key for group, v in self.programs.form.unknowns.items()}

    def outputs_of(self, state: State) -> Array:
        """The output unknowns in the order of the user's outputs, `(*batch, outputs)`."""
        parts = self.outputs.parts
        if len(parts) == 1 and parts[0].whole:
            return state[parts[0].group][self._keys[parts[0].group]]
        arrays = [state[p.group][self._keys[p.group]][..., p.indices] for p in parts]
        joined = jnp.concatenate(arrays, -1)
        order = [int(c) for p in parts for c in p.columns]
        return joined[..., jnp.argsort(jnp.asarray(order))] if order != sorted(order) else joined

    def prediction(self, state: State, params: dict) -> Array:
        """What the cost compares with the target: output unknowns, or the readout's z."""
        x = self.outputs_of(state)
        if self.programs.readout is None:
            return x
        z: Any = 0.0
        for product, _ in self.programs.readout:
            a = product.source({self._x: x})[0] if product.source else jnp.ones_like(x)
            z = z + product.number({})[0] * real_product(a, self._weights(product.coefficient, params))
        return z + params["readout"][self.bias] if self.bias else z

    def value(self, state: State, params: dict, target: Array) -> Array:
        """C, one number per batch entry."""
        return self.of_prediction(self.prediction(state, params), target)

    def of_prediction(self, prediction: Array, target: Array) -> Array:
        """C of predictions, one number per batch entry."""
        density = self.programs.density(self._environment(prediction, target))[0]
        return jnp.sum(density * jnp.ones_like(prediction), -1)

    def gradient(self, state: State, params: dict, target: Array) -> dict[str, Array]:
        """∂C/∂x per output group, zero on nodes that are no outputs."""
        return self._back(state, params, target, self.programs.derivative)

    def curvature(self, state: State, params: dict, target: Array) -> dict[str, Array]:
        """∂²C/∂x² per output group where there is no readout; zero (a lower bound of a convex cost's) with one."""
        if self.programs.readout is not None:
            return {group: jnp.zeros_like(state[group][key]) for group, key in self._keys.items()}
        return self._back(state, params, target, self.programs.curvature)

    def parameter_gradient(self, state: State, params: dict, target: Array, weights: Array) -> dict[str, Array]:
        """Re Σ_batch weights·∂C/∂p of the readout's parameters."""
        if self.programs.readout is None:
            return {}
        x, z = self.outputs_of(state), self.prediction(state, params)
        slope = self.programs.derivative(self._environment(z, target))[0] * weights[..., None]
        slope = jnp.broadcast_to(slope, z.shape).reshape(-1, z.shape[-1])
        gradients = {}
        for p, terms in self.programs.readout_changes.items():
            total: Any = 0.0
            for change, feature in terms:
                a = feature({self._x: x})[0] if feature else jnp.ones_like(x)
                total = total + self._weights(change, params) * real_outer(a.reshape(-1, x.shape[-1]), slope)
            value = params["readout"][p.name]
            gradients[p.name] = total if value.ndim else jnp.sum(total)
        if self.bias:
            gradients[self.bias] = slope.real.sum(0)
        return gradients

    def _back(self, state, params, target, program) -> dict[str, Array]:
        z = self.prediction(state, params)
        slope = program(self._environment(z, target))[0] * jnp.ones_like(z)
        if self.programs.readout is not None:
            x = self.outputs_of(state)
            slope = sum(
                product.number({})[0]
                * feature({self._x: x})[0]
                * real_product(slope, self._weights(product.coefficient, params).T)
                for product, feature in self.programs.readout
            )
        result = {}
        for part in self.outputs.parts:
            if part.whole:
                result[part.group] = slope
            else:
                like = state[part.group][self._keys[part.group]]
                zeros = jnp.zeros((*slope.shape[:-1], like.shape[-1]), slope.dtype)
                result[part.group] = zeros.at[..., part.indices].set(slope[..., part.columns])
        return result

    @property
    def _x(self):
        return next(iter(self.programs.form.unknowns.values())).symbol

    def _weights(self, program, params):
        found = program({s: params["readout"][s.name] for s in program.symbols})[0]
        # One number for all pairs of an output and a unit, where the parameter is shared or there is none.
        return found if jnp.ndim(found) else jnp.broadcast_to(found, (self.outputs.size, self.units))

    def _environment(self, z, target):
        variable, y = self.programs.form.variable, self.programs.form.target
        return {variable: z} if y is None else {variable: z, y: target}
