"""Run the simulation of a variant: what `physeq simulate` does, without its words."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from physeq.errors import ModelError
from physeq.interface import Motion, System
from physeq.simulation import Simulation
from physeq.solve import OperatingPoint, Rest, Solution
from physeq.solve.integrators import integrator


def run(
    system: System, simulation: Simulation, *, points: int = 201, seed: int = 0, progress: Any = None
) -> tuple[Solution, float]:
    """(the solution, seconds of wall time) of a simulation.

    Raises:
        ModelError, SolveError: as `physeq.simulate`.
    """
    motion = system.motion()
    params = parameters(motion, simulation, seed)
    began = time.perf_counter()
    solution = motion.simulate(
        params,
        simulation.inputs,
        t0=simulation.t0,
        t1=simulation.t1,
        ts=np.linspace(simulation.t0, simulation.t1, points),
        start=starting(motion, simulation),
        solver=None if simulation.solver is None else integrator(simulation.solver),
        step=simulation.step,
        rtol=simulation.rtol,
        **({} if progress is None else {"progress": progress}),
    )
    jax.block_until_ready(solution.ys)
    return solution, time.perf_counter() - began


def parameters(motion: Motion, simulation: Simulation, seed: int = 0) -> dict[str, dict[str, Any]]:
    """The initial parameters, with those that the simulation uses in their place."""
    params = motion.init_parameters(jax.random.key(seed))
    for placement, values in (simulation.uses or {}).items():
        for name, value in values.items():
            params[placement][name] = jnp.broadcast_to(jnp.asarray(value), params[placement][name].shape)
    return params


def starting(motion: Motion, simulation: Simulation) -> Any:
    """The start of a simulation, found for this motion where it is a function of it."""
    start = simulation.start
    if callable(start) and not isinstance(start, OperatingPoint):
        return start(motion)
    return start


def shown(solution: Solution, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """{name: values over time} of quantities; by default the unknowns of a small system, the energy of a large one."""
    if not names:
        labels = [n for n in solution.bound.layout.names() if not n.endswith("_dot")]
        names = tuple(labels) if len(labels) <= 12 else ("energy",)
    columns = solution.to_columns(names)
    return {name: values for name, values in columns.items() if name != "t"}


def at_rest(system: System, seed: int = 0) -> Rest:
    """The operating point of a system, with its initial parameters.

    Raises:
        SolveError: there is none, as `physeq.operating_point` says.
    """
    motion = system.motion()
    return motion.operating_point(motion.init_parameters(jax.random.key(seed)))


def resting(rest: Rest, names: tuple[str, ...] | None = None) -> dict[str, float]:
    """{name: value} of an operating point; by default voltages of nodes and currents of elements with two ends."""
    if names is None:
        topology = rest.bound.layout.system.topology
        known = set(rest.names())
        found: dict[str, float] = {}
        for key, owners in (("v", topology.groups), ("i", topology.bundles)):
            for one in owners:
                labels = [f"{label}.{key}" for label in one.labels or ()]
                if known.issuperset(labels[:1]) and labels:
                    found |= dict(zip(labels, rest[f"{one.name}.{key}"].tolist(), strict=True))
        found.pop("0.v", None)
        return found
    return {name: float(rest[name]) for name in names}


def save(solution: Solution, names: tuple[str, ...], file: Path) -> None:
    """Write the times and quantities as CSV (a column each) or NPZ, by the file's ending.

    Raises:
        ModelError: another ending.
    """
    columns = solution.to_columns(names or None)
    if file.suffix == ".csv":
        rows = np.stack(list(columns.values()), axis=1)
        head = ",".join(f'"{name}"' if "," in name else name for name in columns)
        file.write_text(head + "\n" + "\n".join(",".join(f"{x:.17g}" for x in row) for row in rows) + "\n", "utf-8")
    elif file.suffix == ".npz":
        np.savez_compressed(file, allow_pickle=False, **columns)
    else:
        raise ModelError(f"{file}: name it .csv or .npz")


def changed(simulation: Simulation | None, **given: Any) -> Simulation:
    """A simulation with the settings that are given in place of its own.

    Raises:
        ModelError: there is no simulation to change and no end time is given.
    """
    given = {key: value for key, value in given.items() if value is not None}
    if simulation is None:
        if "t1" not in given:
            raise ModelError("this system has no simulation of its own (Variant(simulation=...)); say --t1")
        return Simulation(**given)
    return replace(simulation, **given)


def summary(solution: Solution, names: tuple[str, ...], seconds: float) -> dict[str, Any]:
    """The JSON object of `physeq simulate`."""
    kept = {k: float(jnp.max(jnp.abs(v - v[0]))) for k, v in solution.invariants().items()}
    motion = solution.bound.layout
    kinds = sorted({v.kind.value for v in motion.variables.values()})
    return {
        "class": ", ".join(kinds),
        "solver": solution.solver,
        "steps": int(solution.steps),
        "rejected": int(solution.rejected),
        "final": {name: float(values[-1]) for name, values in shown(solution, names).items()},
        "invariants": kept,
        "seconds": seconds,
    }
