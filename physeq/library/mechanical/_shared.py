"""What the mechanical components share: coordinates in space, separations of two ends, parameters."""

from __future__ import annotations

import sympy as sp

from physeq.errors import ModelError
from physeq.symbolic import Distribution, coordinate, parameter
from physeq.symbolic.symbols import Coordinate, Parameter

x = coordinate("x", unit="m", rate_unit="m/s", description="position along x")
y = coordinate("y", unit="m", rate_unit="m/s", description="position along y")
z = coordinate("z", unit="m", rate_unit="m/s", description="position along z")

# Standard acceleration of gravity in m/s², exact by definition (3rd General Conference on Weights and Measures, 1901).
STANDARD_GRAVITY = 9.80665

# Added in square to the square of a distance: nothing beside any real length, and no division by zero at none.
SOFTENING = 1e-12

Initial = Distribution | float | None


def axes(dimensions: int) -> tuple[Coordinate, ...]:
    """The coordinates of a point in 1, 2 or 3 dimensions."""
    if dimensions not in (1, 2, 3):
        raise ModelError(f"dimensions must be 1, 2 or 3, got {dimensions!r}")
    return (x, y, z)[:dimensions]


def separation(dimensions: int, displacements: bool) -> list[sp.Expr]:
    """From the source to the target of an edge, per axis; the rest vector (dx, dy, dz) included for displacements."""
    found = [q.target - q.source for q in axes(dimensions)]
    if not displacements:
        return found
    rest = [
        parameter(f"d{q.name}", trainable=False, initial=0.0, unit="m", description=f"rest separation along {q.name}")
        for q in axes(dimensions)
    ]
    return [d + r for d, r in zip(rest, found, strict=True)]


def closing(dimensions: int) -> list[sp.Expr]:
    """The rates of the separation, per axis."""
    return [q.target.dot - q.source.dot for q in axes(dimensions)]


def square(vector: list[sp.Expr]) -> sp.Expr:
    """The squared length of a vector."""
    return sum((e**2 for e in vector), sp.S.Zero)


def positive(name: str, initial: Initial, unit: str, description: str, trainable: bool = False) -> Parameter:
    """A parameter that is not negative."""
    return parameter(name, positive=True, initial=initial, trainable=trainable, unit=unit, description=description)


def point(dimensions: int) -> list[Parameter]:
    """A fixed point (x_0, y_0, z_0) of each instance, the origin unless `values=` says otherwise."""
    return [
        parameter(f"{q.name}_0", trainable=False, initial=0.0, unit="m", description=f"fixed point, along {q.name}")
        for q in axes(dimensions)
    ]
