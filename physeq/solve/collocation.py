"""Collocation at Gauss points: trajectories between any boundary conditions, all intervals solved together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physeq.errors import ModelError
from physeq.solve.boundary import InitialValue, Periodic, ends, positions
from physeq.solve.linear_backend import solve_dense
from physeq.solve.trajectory_solver import AllAtOnce, refuse_series_in_mass, scales_of


@dataclass(frozen=True)
class Collocation(AllAtOnce):
    """Gauss collocation of d/dt m(t, y) = f(t, y) on equal intervals, for any boundary condition.

    With intervals of length h and s points in each, m(Y_i) = m_n + h Σ_j a_ij f(Y_j), m_{n+1} = m_n + h Σ_j b_j f(Y_j),
    and f(Y_i) = 0 on rows without mass.

    Of order 2s at the ends of intervals; symplectic, and the extremal of the discrete action Σ h b_i L(Q_i, Q̇_i) where
    inertia is constant: rules that contrast actions are exact for what is solved. Newton's matrix is dense, with about
    intervals × (points + 1) × unknowns rows: a few thousand at most.

    Source: E. Hairer, C. Lubich, G. Wanner, Geometric Numerical Integration, II.1 and VI.6.

    Attributes:
        intervals: their number.
        points: s, in each.

    >>> Collocation(intervals=4, points=3).grid(Periodic(1.0))[0].shape
    (12,)
    """

    intervals: int = 16
    points: int = 3

    def __post_init__(self):
        for name in ("intervals", "points"):
            if not (isinstance(value := getattr(self, name), int) and value >= 1):
                raise ModelError(f"Collocation: {name} must be a whole number above 0, got {value!r}")
        super().__post_init__()

    def _tableau(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(a, b, c) of the Gauss method with s points."""
        x, w = np.polynomial.legendre.leggauss(self.points)
        c = (x + 1) / 2
        powers = np.arange(1, self.points + 1)
        # Σ_j a_ij c_j^{k−1} = c_i^k / k for k = 1 … s.
        moments = c[None, :] ** (powers[:, None] - 1)
        a = np.linalg.solve(moments, (c[:, None] ** powers / powers).T).T
        return a, w / 2, c

    def grid(self, boundary: Any) -> tuple[Array, Array]:
        _, b, c = self._tableau()
        h = boundary.duration / self.intervals
        times = (np.arange(self.intervals)[:, None] + c[None, :]).reshape(-1)
        return jnp.asarray(times) * h, jnp.asarray(np.tile(b, self.intervals)) * h

    def check(self, model: Any) -> None:
        refuse_series_in_mass("Collocation", model.layout)
        terminal = model.cost is not None and model.cost.form.terminal != 0
        if not isinstance(model.boundary, InitialValue):
            if terminal:
                raise ModelError(
                    f"{type(model.boundary).__name__} fixes what happens at the end: a terminal cost needs InitialValue"
                )
        elif terminal and (odd := (*model.structure.without_inertia, *map(str, model.structure.not_separable))):
            raise ModelError(
                f"Collocation: {odd[0]}, and its state at the end is no unknown of the equations; use a running cost "
                "over the last part of the interval"
            )

    # ---- unknowns ------------------------------------------------------------------------------------------------

    def _split(self, one: Any, x: Array) -> tuple[Array, Array]:
        """(states on the grid, m of massive rows at the ends of intervals)."""
        size = one.layout.size
        count = self.intervals * self.points * size
        return x[:count].reshape(-1, size), x[count:].reshape(self.intervals + 1, -1)

    def pack(self, one: Any, ys: Array) -> Array:
        _, _, c = self._tableau()
        # m at the ends of intervals, from the polynomial through the points of each.
        powers = np.vander(c, increasing=True)
        left = np.linalg.solve(powers.T, np.eye(self.points)[0] if self.points else np.ones(1))
        right = np.linalg.solve(powers.T, np.ones(self.points))
        m = one.momentum(ys)[:, one.massive].reshape(self.intervals, self.points, -1)
        first = jnp.einsum("s,esd->ed", jnp.asarray(left, m.real.dtype), m)
        last = jnp.einsum("s,sd->d", jnp.asarray(right, m.real.dtype), m[-1])
        return jnp.concatenate([ys.reshape(-1), first.reshape(-1), last])

    def states(self, one: Any, x: Array) -> Array:
        return self._split(one, x)[0]

    def end(self, one: Any, x: Array) -> Array | None:
        if not isinstance(one.boundary, InitialValue) or not one.differential:
            return None
        from_mass = one.mass(x.dtype)[np.ix_(one.massive, one.massive)]
        last = solve_dense(from_mass.astype(x.dtype), self.ends_of_intervals(one, x)[-1])
        held = one.bound(-1).held_values(jnp.asarray(one.boundary.duration), x.dtype)
        return held.at[one.massive].set(last)

    def ends_of_intervals(self, one: Any, x: Array) -> Array:
        """m of the rows with mass at the ends of intervals, `(intervals + 1, rows)`."""
        return self._split(one, x)[1]

    def seed_of_end(self, one: Any, x: Array, seed: Array) -> Array:
        """The vector like x whose product with it is seed·m(T)."""
        return jnp.zeros_like(x).at[x.shape[0] - seed.shape[0] :].set(seed)

    def scales(self, one: Any, x: Array) -> Array:
        ys, m = self._split(one, x)
        return jnp.concatenate([scales_of(ys).reshape(-1), scales_of(m).reshape(-1)])

    # ---- equations -----------------------------------------------------------------------------------------------

    def equations(self, one: Any, x: Array) -> Array:
        ys, m = self._split(one, x)
        a, b, _ = (jnp.asarray(v, jnp.finfo(x.dtype).dtype) for v in self._tableau())
        h = one.boundary.duration / self.intervals
        shape = (self.intervals, self.points, -1)
        f = one.force(ys).reshape(shape)
        heavy = one.massive
        moved = m[:-1, None] + h * jnp.einsum("ij,ejd->eid", a, f[..., heavy])
        stages = (-f).at[..., heavy].set(one.momentum(ys).reshape(shape)[..., heavy] - moved)
        nodes = m[1:] - m[:-1] - h * jnp.einsum("j,ejd->ed", b, f[..., heavy])
        return jnp.concatenate([stages.reshape(-1), nodes.reshape(-1), self._boundary(one, m)])

    def _boundary(self, one: Any, m: Array) -> Array:
        if isinstance(one.boundary, Periodic):
            return m[-1] - m[0]
        if isinstance(one.boundary, InitialValue):
            return m[0] - self._initial(one, m)
        first, last = (self._fixed(one, which) for which in (one.boundary.start, one.boundary.end))
        wanted, _ = self._rows(one)
        return jnp.concatenate([m[0][wanted] - first, m[-1][wanted] - last])

    def _initial(self, one: Any, m: Array) -> Array:
        """m(0) of the initial state."""
        y0 = one.boundary.state(one.motion, jnp.finfo(m.dtype).dtype).astype(m.dtype)
        return one.still_momentum(one.bound(), jnp.zeros((), one.times.dtype), y0)[one.massive]

    def _rows(self, one: Any) -> tuple[np.ndarray, np.ndarray]:
        """Free coordinates: (where they stand among massive rows, where in y)."""
        low, _ = positions(one.layout)
        place = np.full(one.layout.size, -1)
        place[one.massive] = np.arange(len(one.massive))
        free = low[~one.layout.held[low]]
        return place[free], free

    def _fixed(self, one: Any, given: Any) -> Array:
        y = one.motion.start(ends(one.motion, given, "TwoPoint"), one.times.dtype)
        return y[self._rows(one)[1]]

    def jacobian(self, one: Any, x: Array) -> Array:
        ys, _ = self._split(one, x)
        a, b, _ = (jnp.asarray(v, jnp.finfo(x.dtype).dtype) for v in self._tableau())
        h = one.boundary.duration / self.intervals
        e, s, n, heavy = self.intervals, self.points, one.layout.size, one.massive
        d = len(heavy)
        slope = one.force_jacobian(ys).reshape(e, s, n, n)
        inertia = one.momentum_jacobian(ys).reshape(e, s, n, n)[:, :, heavy]
        own = jnp.zeros((e, s, n, s, n), x.dtype)
        i = np.arange(s)
        own = own.at[:, i, :, i, :].set(-jnp.moveaxis(slope, 1, 0))
        pulled = -h * jnp.einsum("ij,ejab->eiajb", a, slope[:, :, heavy])
        pulled = pulled.at[:, i, :, i, :].add(jnp.moveaxis(inertia, 1, 0))
        own = own.at[:, :, heavy].set(pulled)
        total = e * s * n + (e + 1) * d
        whole = jnp.zeros((total, total), x.dtype)
        k = np.arange(e)
        stage = (k[:, None] * s * n + np.arange(s * n)[None, :]).astype(int)
        node = e * s * n + k[:, None] * d + np.arange(d)[None, :]
        whole = whole.at[stage[:, :, None], stage[:, None, :]].set(own.reshape(e, s * n, s * n))
        heavy_rows = (stage.reshape(e, s, n)[:, :, heavy]).reshape(e, s * d)
        eye = np.tile(np.eye(d), (s, 1))
        whole = whole.at[heavy_rows[:, :, None], node[:, None, :]].set(jnp.asarray(-eye, x.dtype))
        back = -h * jnp.einsum("j,ejab->eajb", b, slope[:, :, heavy]).reshape(e, d, s * n)
        whole = whole.at[node[:, :, None], stage[:, None, :]].set(back)
        same = jnp.asarray(np.eye(d), x.dtype)
        whole = whole.at[node[:, :, None], node[:, None, :]].set(-same)
        whole = whole.at[node[:, :, None], node[:, None, :] + d].set(same)
        first, last = e * s * n + np.arange(d), e * s * n + e * d + np.arange(d)
        rows = e * s * n + e * d + np.arange(d)
        if isinstance(one.boundary, Periodic):
            return whole.at[rows, last].set(1.0).at[rows, first].set(-1.0)
        if isinstance(one.boundary, InitialValue):
            return whole.at[rows, first].set(1.0)
        wanted, _ = self._rows(one)
        half = len(wanted)
        return whole.at[rows[:half], first[wanted]].set(1.0).at[rows[half:], last[wanted]].set(1.0)
