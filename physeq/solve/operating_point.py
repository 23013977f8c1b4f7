"""`operating_point`: the steady state of a motion's equations, with every quantity by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile.motion import BoundMotion, Motion, State
from physeq.compile.motion_observe import names, observe, quantity
from physeq.errors import ModelError
from physeq.shown import Shown
from physeq.solve.rest import SparseNewton, steady


class Rest(Shown, eqx.Module):
    """A state in which nothing changes, f(t, y) = 0. `rest["R1.i"]` is a quantity by name.

    Attributes:
        y: all unknowns, shape `(size,)`.
        bound: the motion with its parameters and inputs.
        residual: the largest |row| of f.
        steps: Newton steps used.
        converged: whether the last step was within the tolerance.
    """

    y: Array
    t: Array
    bound: BoundMotion
    residual: Array
    steps: Array
    converged: Array

    def __repr__(self) -> str:
        return f"Rest({self.bound.layout.system.name!r}: {self.bound.layout.size} unknowns)"

    def __getitem__(self, name: str) -> Array:
        """A quantity: one number, or one per instance of a group or bundle."""
        return observe(self.bound, quantity(self.bound, name), self.t, self.y, jnp.zeros_like(self.y))

    def names(self) -> list[str]:
        """Names of quantities."""
        return names(self.bound)

    @property
    def state(self) -> State:
        """{group or bundle: {key: values}}, which `simulate(start=...)` takes."""
        return self.bound.motion.unflatten(self.y)


def operating_point(
    motion: Motion,
    params: Mapping,
    inputs: Any = None,
    *,
    t: float = 0.0,
    start: Mapping | None = None,
    newton: SparseNewton | None = None,
    throw: bool = True,
) -> Rest:
    """The operating point: f(t, y) = 0, with capacitors open, inductors short and nothing moving.

    Sparse Newton steps with every junction limited by itself, then source stepping. Differentiable in parameters and
    inputs, by the implicit function theorem.

    Args:
        motion: the compiled motion, `System.motion()`.
        params, inputs: as for `Motion.bind`; inputs that are functions of time are taken at t.
        t: the time at which sources are taken.
        start: where Newton's method starts, by group and key; by default the declared starts.
        newton: limits of the method; by default `SparseNewton()`.
        throw: raise where nothing was found (outside jit); else see `converged`.

    Raises:
        ModelError: a start that is no dict of values.
        SolveError: no operating point was found; the message has the residual, the worst equation and the remedy.

    >>> import networkx as nx, physeq as pq
    >>> graph = nx.MultiDiGraph()
    >>> for name, a, b in [("V1", "in", "0"), ("R1", "in", "out"), ("R2", "out", "0")]:
    ...     _ = graph.add_edge(a, b, component=name[0], name=name)
    >>> parts = {"V": pq.electrical.voltage_source(5.0), "R": pq.electrical.resistor()}
    >>> motion = pq.System.from_graph(graph, edges=parts, ground="0").motion()
    >>> at = operating_point(motion, motion.init_parameters(__import__("jax").random.key(0)))
    >>> round(float(at["out.v"]), 6), round(float(at["V1.i"]), 6)
    (2.5, -2.5)
    """
    if start is not None and not isinstance(start, Mapping):
        raise ModelError(
            "operating_point: start must be a dict of values by group or bundle and key, as `motion.unflatten(y)` gives"
            f" it, got {type(start).__name__}"
        )
    bound = motion.bind(params, inputs)
    dtype = jnp.result_type(float, *(x.dtype for own in bound.params.values() for x in own.values()))
    time = jnp.asarray(t, dtype)
    found = steady(bound, time, motion.start(start, dtype), newton or SparseNewton(), throw)
    return Rest(found.y, time, bound, found.residual, found.steps, found.converged)
