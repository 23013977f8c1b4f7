"""What flows through the elements of a network at a steady state: currents of circuits, forces of springs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from physeq.errors import ModelError
from physeq.plot._figure import with_unit
from physeq.plot._values import Labelled


def flows(model: Any, params: Any, state: Any, inputs: Any = None, *, sample: int = 0) -> Mapping[str, np.ndarray]:
    """What leaves the source node into every element, i = ∂Φ/∂x_source − F: the current of a resistor.

    Args:
        model, params: the compiled system and its parameters.
        state: a solved state of it, or an `Equilibrium`.
        inputs: those of the state.
        sample: which sample of a batch.

    Returns:
        {bundle: one number per element}, which `graph(..., edges=)` takes.

    Raises:
        ModelError: inputs that do not fit, or no bundle of elements with two ends.

    >>> import jax, physeq as pq
    >>> net = pq.System(pq.from_edges([0, 1], [1, 2], 3), edges=pq.electrical.resistor(), ground=2, fixed={0: 2.0})
    >>> model = net.compile()
    >>> params = jax.tree.map(np.ones_like, model.init_parameters(jax.random.key(0)))
    >>> flows(model, params, model.equilibrium(params))["edges"].round(6).tolist()
    [1.0, 1.0]
    """
    from physeq.compile.printer import Program

    full = dict(getattr(state, "state", state))
    problem = model.problem(params, inputs)
    found, label = {}, ""
    for form in model.derivation.forms:
        placement = form.placement
        ports = placement.component.ports
        slots = [slot for slot in form.unknowns if slot.port == ports[0]]
        if len(ports) < 2 or not slots:
            continue
        slot = slots[0]
        program = Program([-form.force(slot)])
        value = np.asarray(program(problem.element_environment(placement.name, full))[0])
        shape = model.system.topology.parameter_shape(placement.name)
        lead = max(value.ndim - len(shape), 0)
        value = value[(sample,) + (0,) * (lead - 1)] if lead else value
        found[placement.name] = np.broadcast_to(value, shape)
        current = form.unknowns[slot].order == 1 and slot.coordinate.rate_unit == "V"
        label = label or (with_unit("current", "A") if current else "flow")
    if not found:
        raise ModelError("flows: this system has no elements with two ends")
    return Labelled(found, label)
