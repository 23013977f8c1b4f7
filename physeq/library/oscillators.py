"""Oscillators: phases and XY spins, Stuart–Landau, van der Pol, and the springs of Fermi, Pasta, Ulam and Tsingou.

Phases θ are in radians, couplings and fields in units of a frequency. Overdamped phases,
θ̇_i = ω_i − Σ_j K_ij sin(θ_i − θ_j) − h_i sin(θ_i − ψ_i), are the gradient flow of
E = −Σ_edges K_ij cos(θ_i − θ_j) − Σ_i h_i cos(θ_i − ψ_i) − Σ_i ω_i θ_i. Without fields a common rotation costs nothing:
pin one phase. The others live in the mechanical coordinates x and y, here without units, so that springs couple them.
"""

from __future__ import annotations

import sympy as sp

from physeq.library.mechanical import x, y
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

    Args:
        strength, angle: starting h and ψ, numbers or distributions.

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


def stuart_landau(
    growth: Initial = 1.0,
    frequency: Initial = 1.0,
    saturation: Initial = 1.0,
    shear: Initial = 0.0,
    *,
    trainable: bool = False,
) -> Node:
    """The normal form of a Hopf bifurcation, ż = (μ + iω) z − (a + ib) |z|² z with z = x + iy.

    V = −½ μ r² + ¼ a r⁴ and R = ½ (ẋ² + ẏ²) with r² = x² + y²; the rotation (ω − b r²)(−y, x) is a force. For μ > 0
    the limit cycle has radius √(μ/a) and frequency ω − b μ/a. `mechanical.spring(dimensions=2)` couples two of them
    diffusively.

    Args:
        growth, frequency, saturation, shear: starting μ, ω (rad/s), a > 0 and b.
        trainable: whether learning changes them.

    Source: Stuart 1960, doi:10.1017/S002211206000116X; Kuramoto, Chemical Oscillations, Waves, and Turbulence,
        chapter 2.

    >>> import physeq as pq
    >>> [p.name for p in pq.oscillators.stuart_landau().parameters]
    ['a', 'b', 'mu', 'omega']
    """
    mu = parameter("mu", initial=growth, trainable=trainable, unit="1/s", description="rate of growth")
    omega = parameter("omega", initial=frequency, trainable=trainable, unit="rad/s", description="frequency at rest")
    a = parameter("a", positive=True, initial=saturation, trainable=trainable, unit="1/s", description="saturation")
    b = parameter("b", initial=shear, trainable=trainable, unit="1/s", description="shear of the frequency")
    squared = x**2 + y**2
    turning = omega - b * squared
    return Node(
        "Stuart-Landau oscillator",
        potential=-mu * squared / 2 + a * squared**2 / 4,
        dissipation=(x.dot**2 + y.dot**2) / 2,
        force={x: -turning * y, y: turning * x},
        description="oscillator near a Hopf bifurcation",
    )


def van_der_pol(nonlinearity: Initial = 1.0, *, trainable: bool = False) -> Node:
    """van der Pol's oscillator, ẍ − μ (1 − x²) ẋ + x = 0: T = ½ ẋ², V = ½ x², R = ½ μ (x² − 1) ẋ².

    R is negative for |x| < 1, where the oscillator takes up energy. The limit cycle has an amplitude near 2; its period
    goes from 2π at small μ to (3 − 2 log 2) μ at large μ, where the equation is stiff.

    Args:
        nonlinearity: starting μ.
        trainable: whether learning changes μ.

    Source: van der Pol 1926, doi:10.1080/14786442608564127.

    >>> import physeq as pq
    >>> pq.oscillators.van_der_pol().dissipation
    mu*x.dot**2*(x**2 - 1)/2
    """
    mu = parameter("mu", positive=True, initial=nonlinearity, trainable=trainable, description="nonlinearity")
    return Node(
        "van der Pol oscillator",
        kinetic=x.dot**2 / 2,
        potential=x**2 / 2,
        dissipation=mu * (x**2 - 1) * x.dot**2 / 2,
        description="oscillator with friction of both signs",
    )


def fput_spring(
    quadratic: Initial = 0.0, cubic: Initial = 0.0, stiffness: Initial = 1.0, *, trainable: bool = False
) -> Edge:
    """A spring of the Fermi–Pasta–Ulam–Tsingou chain: V = ½ k e² + α e³/3 + β e⁴/4, e = x_target − x_source.

    Its force is k e + α e² + β e³. Chains of masses (`mechanical.mass()`) along the edges' directions are the α and the
    β chain.

    Args:
        quadratic, cubic, stiffness: starting α, β and k.
        trainable: whether learning changes them.

    Source: Fermi, Pasta, Ulam & Tsingou 1955, Los Alamos report LA-1940.

    >>> import physeq as pq
    >>> pq.oscillators.fput_spring().potential
    alpha*(-x.source + x.target)**3/3 + beta*(-x.source + x.target)**4/4 + k*(-x.source + x.target)**2/2
    """
    k = parameter("k", positive=True, initial=stiffness, trainable=trainable, description="linear stiffness")
    alpha = parameter("alpha", initial=quadratic, trainable=trainable, description="quadratic force")
    beta = parameter("beta", initial=cubic, trainable=trainable, description="cubic force")
    e = x.target - x.source
    return Edge("FPUT spring", potential=k * e**2 / 2 + alpha * e**3 / 3 + beta * e**4 / 4, description="FPUT spring")
