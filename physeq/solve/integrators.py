"""Integrators by name, for the command line and `Simulation`."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import diffrax
import optimistix as optx

from physeq.errors import ModelError
from physeq.solve.implicit_symplectic import GaussLegendre, ImplicitMidpoint
from physeq.solve.rodas5p import Rodas5P
from physeq.solve.symplectic import BlanesMoan, StormerVerlet


def _implicit(kind: type[diffrax.AbstractSolver]) -> Callable[[], diffrax.AbstractSolver]:
    # Their own root finder stalls: a plain Newton method takes its place.
    return lambda: kind(root_finder=optx.Newton(rtol=1e-10, atol=1e-12))


INTEGRATORS: MappingProxyType[str, tuple[Callable[[], diffrax.AbstractSolver], str]] = MappingProxyType(
    {
        "rodas5p": (Rodas5P, "Rosenbrock method of order 5 for stiff systems and DAEs; one factorisation a step"),
        "tsit5": (diffrax.Tsit5, "explicit, order 5"),
        "dopri8": (diffrax.Dopri8, "explicit, order 8, for tight tolerances"),
        "stormer-verlet": (StormerVerlet, "symplectic, order 2, separable Hamiltonians; constant step"),
        "blanes-moan": (BlanesMoan, "symplectic, order 4, separable Hamiltonians; constant step"),
        "implicit-midpoint": (ImplicitMidpoint, "symplectic, order 2, any Hamiltonian; constant step"),
        "gauss-legendre": (GaussLegendre, "symplectic, order 4, any Hamiltonian; constant step"),
        "kvaerno5": (_implicit(diffrax.Kvaerno5), "implicit, order 5, dense Newton steps"),
    }
)


def integrator(name: str) -> diffrax.AbstractSolver:
    """The integrator of that name.

    Raises:
        ModelError: there is none; the message lists what there is.

    >>> type(integrator("rodas5p")).__name__
    'Rodas5P'
    """
    if name not in INTEGRATORS:
        raise ModelError(f"no integrator is named {name!r}; there are {', '.join(INTEGRATORS)}")
    return INTEGRATORS[name][0]()
