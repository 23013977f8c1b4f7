"""Phase oscillators and XY spins: θ in radians, couplings and fields in units of a frequency.

Overdamped phases, θ̇_i = ω_i − Σ_j K_ij sin(θ_i − θ_j) − h_i sin(θ_i − ψ_i), are the gradient flow of
E = −Σ_edges K_ij cos(θ_i − θ_j) − Σ_i h_i cos(θ_i − ψ_i) − Σ_i ω_i θ_i. Without fields a common rotation costs nothing:
pin one phase.
"""

from __future__ import annotations

import sympy as sp

from physeq.symbolic import Distribution, Edge, Node, coordinate, parameter

theta = coordinate("theta", unit="rad", rate_unit="rad/s", description="phase")

Initial = Distribution | float | None


def phase_coupling(initial: Initial = None) -> Edge:
    """Kuramoto or XY coupling: V = −K cos(θ_source − θ_target); K > 0 aligns the two phases.

    Separable in two features, cos θ and sin θ. Learning measures cos(θ_source − θ_target).

    Args:
        initial: starting coupling, a number or a distribution.

    Source: Kuramoto 1975; learning in XY networks: Wang, Wanjura, Marquardt 2024, arXiv:2402.08579.

    >>> import physeq as pq
    >>> pq.oscillators.phase_coupling().potential
    -K*cos(theta.source - theta.target)
    """
    coupling = parameter("K", initial=initial, unit="rad/s", description="coupling")
    return Edge(
        "phase coupling",
        potential=-coupling * sp.cos(theta.source - theta.target),
        description="coupling of two phases",
    )


def phase_unit(initial: Initial = None) -> Node:
    """An oscillator of its own frequency: R = ½ θ̇², force ω on θ, so that θ̇ = ω + couplings.

    The force has the energy −ω θ, not periodic: only locked states are equilibria.

    Args:
        initial: starting frequency ω, a number or a distribution.

    >>> import physeq as pq
    >>> pq.oscillators.phase_unit().force
    mappingproxy({theta: omega})
    """
    omega = parameter("omega", initial=initial, unit="rad/s", description="natural frequency")
    return Node(
        "phase unit", dissipation=theta.dot**2 / 2, force={theta: omega}, description="oscillator with a frequency"
    )


def _field(strength: Initial, angle: Initial) -> sp.Expr:
    h = parameter("h", initial=strength, unit="rad/s", description="strength of the local field")
    psi = parameter("psi", initial=angle, unit="rad", description="angle of the local field")
    return -h * sp.cos(theta - psi)


def local_field(strength: Initial = 1.0, angle: Initial = 0.0) -> Node:
    """A field on a phase: V = −h cos(θ − ψ), in addition to another node component.

    >>> import physeq as pq
    >>> pq.oscillators.local_field().potential
    -h*cos(theta - psi)
    """
    return Node("local field", potential=_field(strength, angle), description="field on a phase")


def spin(strength: Initial = 1.0, angle: Initial = 0.0) -> Node:
    """An overdamped XY spin in a field of its own: V = −h cos(θ − ψ), R = ½ θ̇². The field is its bias.

    Args:
        strength, angle: starting h and ψ, numbers or distributions.

    Source: Wang, Wanjura, Marquardt 2024, arXiv:2402.08579.

    >>> import physeq as pq
    >>> pq.oscillators.spin().parameters
    (h, psi)
    """
    return Node(
        "spin", potential=_field(strength, angle), dissipation=theta.dot**2 / 2, description="XY spin in a local field"
    )
