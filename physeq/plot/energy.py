"""Energy going down: along the steps of a relaxation, and along a motion with the power that it loses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from physeq.errors import ModelError
from physeq.plot._figure import GREEN, VERMILION, grid, look, new_axes, with_unit
from physeq.plot._labels import unit_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_SAMPLES = 6


@dataclass(frozen=True, eq=False)
class Descent:
    """The energy at every step of a finder's map.

    Attributes:
        energy: `(steps + 1, samples)`, the start included.
        change: `(steps, samples)`, the largest change of an unknown by each step.
        finder: the finder's name.
    """

    energy: np.ndarray
    change: np.ndarray
    finder: str

    def __repr__(self) -> str:
        return f"Descent({self.finder}: {len(self.change)} steps, {self.energy.shape[1]} samples)"


def descent(
    model: Any, params: Any, inputs: Any = None, *, finder: Any = None, steps: int = 100, start: Any = None
) -> Descent:
    """Follow the energy of the free phase, step by step of a finder that iterates a map.

    Args:
        model, params, inputs: the compiled system, its parameters, one batch of inputs.
        finder: `FixedPoint`, `EulerSteps` or `NodeDescent`; by default the model's own.
        steps: how many.
        start: a state to start from.

    Raises:
        ModelError: a system without an energy, or a finder that takes no steps.

    >>> import jax, physeq as pq
    >>> net = pq.System(pq.lattice((4, 4)), edges=pq.electrical.resistor(), ground=(0, 0), fixed={(3, 3): 1.0})
    >>> model = net.compile()
    >>> found = descent(model, model.init_parameters(jax.random.key(0)), finder=pq.NodeDescent(20), steps=20)
    >>> bool((np.diff(found.energy[:, 0]) <= 1e-6).all())  # every sweep lowers the co-content
    True
    """
    import jax
    import jax.numpy as jnp

    from physeq.compile import energy
    from physeq.solve import default_finder
    from physeq.solve.finder import largest_change

    if not model.derivation.structure.conservative:
        raise ModelError("descent: this system has no energy; its structure report names the component that spoils it")
    finder = default_finder(model) if finder is None else finder
    finder.check(model)
    problem = model.problem(params, inputs)
    advance = finder.stepper(problem)
    if advance is None:
        raise ModelError(
            f"descent: {type(finder).__name__} takes no steps of a map; use FixedPoint, EulerSteps or NodeDescent"
        )

    def step(old: Any, _: None) -> Any:
        new = advance(old)
        return new, (energy(problem, new), largest_change(new, old, problem.batch))

    @jax.jit
    def run(begin: Any) -> Any:
        _, (energies, changes) = jax.lax.scan(step, begin, length=steps)
        return jnp.concatenate([energy(problem, begin)[None], energies]), changes

    energies, changes = run(problem.start(start, problem.beta.dtype))
    heights, moves = (np.asarray(part).reshape(part.shape[0], -1) for part in (energies, changes))
    return Descent(heights, moves, type(finder).__name__)


def energy_descent(found: Any, *, excess: bool = False, ax: Axes | None = None) -> Axes:
    """Draw the energy along the steps of a relaxation, or along a motion.

    Args:
        found: a `Descent`, whose first six samples are drawn, or a `Solution`.
        excess: draw the energy above the lowest one reached, on a logarithmic scale.
        ax: axes to draw on; by default those of a new figure.

    Raises:
        ModelError: no matplotlib.
    """
    moving = not isinstance(found, Descent)
    energies = np.asarray(found["energy"])[:, None] if moving else found.energy
    along = np.asarray(found.ts) if moving else np.arange(len(energies))
    kept = np.isfinite(along)
    axis = new_axes(ax)
    for k, values in enumerate(energies.T[:_MOST_SAMPLES]):
        values = values[kept]
        if excess:
            above = values - values.min()
            values = np.where(above > 0, above, np.nan)
        axis.plot(along[kept], values, label=None if energies.shape[1] == 1 else f"sample {k}", **look(k))
    unit = unit_of(found, "energy") if moving else ""
    axis.set_ylabel(with_unit("energy above the lowest" if excess else "energy", unit))
    axis.set_xlabel("time (s)" if moving else f"step of {found.finder}")
    if excess:
        axis.set_yscale("log")
    if energies.shape[1] > 1:
        axis.legend(frameon=False, fontsize="small")
    grid(axis)
    return axis


def power(solution: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the power that a motion dissipates and the power that its sources supply.

    Args:
        solution: a `Solution`.
        ax: axes to draw on; by default those of a new figure.

    Raises:
        ModelError: no matplotlib.
    """
    times = np.asarray(solution.ts)
    kept = np.isfinite(times)
    axis = new_axes(ax)
    for name, colour, dash in (("dissipated", VERMILION, "-"), ("supplied", GREEN, "--")):
        axis.plot(times[kept], np.asarray(solution[name])[kept], dash, color=colour, label=name)
    axis.set_xlabel("time (s)")
    axis.set_ylabel(with_unit("power", unit_of(solution, "dissipated")))
    axis.legend(frameon=False)
    grid(axis)
    return axis
