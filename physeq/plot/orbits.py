"""Orbits of the state while the nudge goes once around a circle in the complex plane, β = r e^{iφ}."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from physeq.errors import ModelError
from physeq.plot._figure import GREY, VERMILION, grid, look, new_figure, plain, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CLOSED = 1e-6  # the end of an orbit must meet its start to this part of its size


@dataclass(frozen=True, eq=False)
class NudgeOrbit:
    """Equilibria over one turn of the nudge.

    Attributes:
        betas: β_k = r e^{2πik/N}, k = 0 … N: the first and the last are the same nudge.
        states: {"group.unknown": `(N + 1, nodes)`, complex}, each solved from the one before.
        free: {"group.unknown": `(nodes,)`}, the state at β = 0.
        gap: largest |s(2π) − s(0)|, relative to the size of the orbit: 0 to rounding unless a branch point is inside.
        singularity: the distance R from 0 to the nearest singularity of the state in β; None where it is not known.
    """

    betas: np.ndarray
    states: Mapping[str, np.ndarray]
    free: Mapping[str, np.ndarray]
    gap: float
    singularity: float | None = None

    @property
    def radius(self) -> float:
        """r."""
        return float(np.abs(self.betas[0]))

    @property
    def closed(self) -> bool:
        """Whether the state comes back, as it does where the circle holds no singularity."""
        return self.gap <= _CLOSED

    def __repr__(self) -> str:
        word = "closed" if self.closed else "open"
        return f"NudgeOrbit(r = {self.radius:.3g}, {len(self.betas) - 1} nudges, {word})"


def nudge_orbit(
    model: Any,
    params: Any,
    inputs: Any,
    target: Any,
    *,
    radius: float | None = None,
    points: int = 64,
    finder: Any = None,
    sample: int = 0,
) -> NudgeOrbit:
    """Solve for the state of one sample around a circle of complex nudges, each from the state before.

    Args:
        model, params: the compiled system and its parameters; its terms must continue to complex states.
        inputs, target: one batch.
        radius: r; by default a quarter of the distance to the nearest singularity, as `HolomorphicEP` recommends.
        points: N.
        finder: of the nudged states, by default Newton's method. In double precision orbits close to rounding.
        sample: which of the batch.

    Raises:
        ModelError: no cost, or a term that does not continue to complex states.
        SolveError: a state was not found.
    """
    import jax
    import jax.numpy as jnp

    from physeq.learn.rule import require_cost, require_holomorphic
    from physeq.learn.singularity import nearest_singularity
    from physeq.learn.tight import free_state
    from physeq.solve import Newton
    from physeq.solve.result import raise_if_failed

    require_cost(model, "nudge_orbit")
    require_holomorphic(model, "nudge_orbit", "real nudges")
    one = lambda tree: jax.tree.map(lambda a: jnp.asarray(a)[sample] if jnp.ndim(a) > 1 else jnp.asarray(a), tree)  # noqa: E731
    inputs, target = one(inputs), one(target)
    free = free_state(model, params, inputs, target)
    distance = None
    if radius is None:
        found = nearest_singularity(model, params, inputs, target, start=free)
        distance, radius = found.distance, (found.radius if np.isfinite(found.radius) else 1.0)
    finder = Newton() if finder is None else finder
    finder.check_complex(model)
    problem = model.problem(params, inputs, target)
    kind = jnp.result_type(problem.beta.dtype, jnp.complex64)
    roots = np.exp(2j * np.pi * np.arange(points + 1) / points)
    roots[-1] = roots[0]
    betas = jnp.asarray(radius * roots, kind)
    begin = jax.tree.map(lambda x: x.astype(kind), problem.start(free, problem.beta.dtype))

    def step(state: Any, beta: Any) -> Any:
        new, residual, steps, outcome = finder.find(dataclasses.replace(problem, beta=beta), state)
        return new, (new, residual, steps, outcome)

    @jax.jit
    def turn(start: Any) -> Any:
        first, _ = step(start, betas[0])
        return jax.lax.scan(step, first, betas)[1]

    states, residual, steps, outcome = turn(begin)
    raise_if_failed(outcome, residual, steps, f"nudge_orbit at r = {radius:.3g}")
    paths = {f"{group}.{key}": np.asarray(x) for group, own in states.items() for key, x in own.items()}
    rest = {f"{g}.{k}": np.asarray(free[g][k]) for g, own in states.items() for k in own}
    size = max(float(np.abs(path - path.mean(0)).max()) for path in paths.values())
    gap = max(float(np.abs(path[-1] - path[0]).max()) for path in paths.values())
    return NudgeOrbit(np.asarray(betas), paths, rest, gap / size if size else 0.0, distance)


def nudge_orbits(
    orbit: NudgeOrbit,
    names: Any = None,
    *,
    singularity: Any = None,
    most: int = 8,
    relative: bool = True,
    figure: Figure | None = None,
) -> Figure:
    """Draw the circle of nudges, and beside it the orbits of unknowns in the complex plane.

    Args:
        orbit: of `nudge_orbit`.
        names: "group.unknown", or several; by default all.
        singularity: of `nearest_singularity`, or its distance R, drawn around the circle of nudges; by default what
            the orbit knows.
        most: nodes that are drawn, those that move furthest.
        relative: draw s^β − s⁰, so that all orbits turn about one point.
        figure: a figure, or a part of one, to draw on; by default a new one.

    Raises:
        ModelError: an unknown name, or no matplotlib.
    """
    wanted = [names] if isinstance(names, str) else list(orbit.states) if names is None else list(names)
    if unknown := [name for name in wanted if name not in orbit.states]:
        raise ModelError(f"nudge_orbits: no unknown is named {unknown[0]!r}; there are {', '.join(orbit.states)}")
    paths = [(f"{n}[{i}]", orbit.states[n][:, i], orbit.free[n][i]) for n in wanted for i in range(len(orbit.free[n]))]
    paths = sorted(paths, key=lambda path: -np.abs(path[1] - path[2]).max())[:most]
    whole = new_figure(figure, (9.4, 4.2))
    with style():
        left, right = whole.subplots(1, 2)
    left.plot(orbit.betas.real, orbit.betas.imag, "o-", color="black", markersize=2.5, label=f"r = {orbit.radius:.3g}")
    distance = orbit.singularity if singularity is None else getattr(singularity, "distance", singularity)
    if distance is not None and np.isfinite(distance):
        circle = distance * np.exp(2j * np.pi * np.linspace(0, 1, 200))
        left.plot(circle.real, circle.imag, "--", color=VERMILION, label=f"nearest singularity, R = {distance:.3g}")
    left.plot(0, 0, "+", color=GREY)
    left.set_xlabel("Re β")
    left.set_ylabel("Im β")
    left.legend(frameon=False, fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1.0))
    for k, (name, path, free) in enumerate(paths):
        shown = path - free if relative else path
        own = look(k)
        right.plot(shown.real, shown.imag, label=plain(name), linewidth=1.3, **own)
        right.plot(shown.real[:1], shown.imag[:1], "o", color=own["color"], markersize=4)
        if not relative:
            right.plot(np.real(free), np.imag(free), "+", color=own["color"], markersize=6)
    if relative:
        right.plot(0, 0, "+", color=GREY)
    moved = " (s^β − s⁰)" if relative else " s^β"
    right.set_xlabel(f"real part{moved}")
    right.set_ylabel(f"imaginary part{moved}")
    right.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    for axis in (left, right):
        axis.set_aspect("equal", adjustable="datalim")
        grid(axis)
    return whole
