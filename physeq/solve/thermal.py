"""Motion at a temperature: the stochastic differential equation of a dissipative system with its own thermal noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from physeq.compile.motion import BoundMotion
from physeq.compile.thermal import thermal_programs
from physeq.errors import ModelError
from physeq.solve.explicit_motion import split_of
from physeq.solve.motion_route import FieldRoute


@dataclass(frozen=True)
class ThermalNoise:
    """Every dissipative element fluctuates as its temperature asks: random forces of covariance 2 k_B T ∂²R/∂q̇² dt.

    Johnson noise in resistors, Brownian motion with dampers; at rest every quadratic term of the energy has the mean
    k_B T/2. White noise needs inertia (a capacitance) wherever it acts.

    Attributes:
        temperature: k_B T in the unit of the energies: 1.380649e-23 J/K times kelvin in SI units.

    Source: H. Nyquist, Phys. Rev. 32, 110 (1928); R. Kubo, Rep. Prog. Phys. 29, 255 (1966).

    >>> ThermalNoise(1.380649e-23 * 300).temperature
    4.141947e-21
    """

    temperature: float

    def __post_init__(self):
        if not self.temperature >= 0:
            raise ModelError(f"ThermalNoise: temperature (k_B T, an energy) must be at least 0, got {self.temperature}")


class ThermalRoute(FieldRoute):
    """ẏ dt + M⁻¹ B dW on the unknowns that move by themselves."""

    noise: ThermalNoise = eqx.field(static=True)
    path: Any

    @property
    def adaptive(self):
        return False

    def term(self, bound):
        def diffusion(t, y, args):
            bound, _ = args
            programs, split = thermal_programs(bound.layout), split_of(bound)
            temperature = jnp.asarray(self.noise.temperature, y.dtype)

            def columns(increment):
                push = programs.push(bound, increment, temperature)[split.moving_rows]
                return split.mass[1].solve(bound.mass(y.dtype)[split.mass[0]], push)

            return jax.jacfwd(columns)(jnp.zeros(programs.count, y.dtype))

        return diffrax.MultiTerm(super().term(bound), diffrax.ControlTerm(diffusion, self.path))


def thermal_route(
    bound: BoundMotion, noise: ThermalNoise, solver: Any, t0: Array, t1: Array, step: float, key: Array
) -> ThermalRoute:
    """The route of a motion with thermal noise.

    Raises:
        ModelError: noise on an unknown without inertia, friction that is not quadratic, a solver without noise.
    """
    stochastic = isinstance(solver, diffrax.AbstractItoSolver | diffrax.AbstractStratonovichSolver)
    if solver is not None and (not stochastic or isinstance(solver, diffrax.AbstractFosterLangevinSRK)):
        raise ModelError(
            f"{type(solver).__name__} does not integrate the stochastic differential equation of a motion with thermal "
            "noise; leave solver= away for diffrax.ShARK(), or give diffrax.Heun() or another of its kind"
        )
    programs, split = thermal_programs(bound.layout), split_of(bound)
    bare = programs.touched & ~bound.layout.held
    bare[split.moving_rows] = False
    if bare.any():
        name = bound.layout.names()[int(bare.nonzero()[0][0])]
        raise ModelError(
            f"thermal noise acts on {name}, which has no inertia: white noise would make it infinite; give the node a "
            "capacitance (or a mass)"
        )
    path = diffrax.VirtualBrownianTree(
        t0, t1, tol=step / 2, shape=(programs.count,), key=key, levy_area=diffrax.SpaceTimeLevyArea
    )
    return ThermalRoute(diffrax.ShARK() if solver is None else solver, noise, path)
