"""Neurons and synapses: continuous Hopfield units in two forms, and the activations that they share.

*Energy-based* units live in the variable before the activation,
E = Σ_i (½ s_i² − b_i ρ(s_i)) − Σ_edges w ρ(s_i) ρ(s_j), and relax by ṡ = −∂E/∂s. *Prototypical* units live after it,
E = Σ_i (∫ρ⁻¹(s_i) ds − b_i s_i) − Σ_edges w s_i s_j, whose local minimum is the map s_i ← ρ(Σ_j w_ij s_j + b_i) of
discrete-time equilibrium propagation. *Leaky* units sum what they receive, τ ṡ_i = −s_i + b_i + Σ_j w_ij ρ(s_j), the
equations of Hopfield 1984. All variables are dimensionless; times are in units of the membrane's constant unless a
time constant τ is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp

from physeq.symbolic import Distribution, Edge, Node, coordinate, drive, parameter, sigmoid, xlogx

s = coordinate("s", description="state of a unit")

Initial = Distribution | float | None


@dataclass(frozen=True)
class Activation:
    """An activation function ρ with what its two kinds of unit need.

    Attributes:
        name: as printed.
        function: ρ(x), a function of SymPy expressions.
        inverse_integral: ∫ρ⁻¹(s) ds, the potential of a prototypical unit.
        bounds: interval of the state, where a projection is part of the activation; (None, None) otherwise.

    >>> import physeq as pq, sympy as sp
    >>> x = sp.Symbol("x", real=True)
    >>> pq.neural.tanh.function(x), pq.neural.tanh.inverse_integral(x).diff(x).equals(sp.atanh(x).rewrite(sp.log))
    (tanh(x), True)
    """

    name: str
    function: Callable[[sp.Expr], sp.Expr]
    inverse_integral: Callable[[sp.Expr], sp.Expr]
    bounds: tuple[float | None, float | None] = (None, None)

    @property
    def bounded(self) -> bool:
        """Whether the state is projected onto an interval."""
        return self.bounds != (None, None)


def _half_square(x: sp.Expr) -> sp.Expr:
    return x**2 / 2


identity = Activation("identity", lambda x: x, _half_square)

# ρ(x) = 1/(1 + e^{−4(x − ½)}): slope 1 at ½, of the code to Ernoult et al. 2020, arXiv:2005.04168.
logistic = Activation("logistic", lambda x: sigmoid(4 * x - 2), lambda x: x / 2 + (xlogx(x) + xlogx(1 - x)) / 4)

tanh = Activation("tanh", sp.tanh, lambda x: (xlogx(1 + x) + xlogx(1 - x)) / 2)

# clip(x, 0, 1) as a box on the state: inside it ρ is the identity, and the projection does the clipping.
hard_sigmoid = Activation("hard-sigmoid", lambda x: x, _half_square, bounds=(0, 1))

ACTIVATIONS = {a.name: a for a in (identity, logistic, tanh, hard_sigmoid)}


def _bounds(activation: Activation) -> dict:
    return {s: activation.bounds} if activation.bounded else {}


def _bias(initial: Initial):
    return parameter("b", initial=initial, description="bias")


def _friction(time_constant: Initial) -> sp.Expr:
    """R of a unit: ½ τ ṡ², with τ = 1 where None."""
    if time_constant is None:
        return s.dot**2 / 2
    tau = parameter("tau", positive=True, initial=time_constant, trainable=False, unit="s", description="time constant")
    return tau * s.dot**2 / 2


def unit(activation: Activation = tanh, initial: Initial = None, *, time_constant: Initial = None) -> Node:
    """An energy-based unit: V = ½ s² − b ρ(s), R = ½ τ ṡ², so that τ ṡ = −s + ρ′(s)(b + synapses).

    With `hard_sigmoid` the state is kept in [0, 1] by projection and ρ(s) = s.

    Args:
        activation: ρ.
        initial: starting bias, a number or a distribution.
        time_constant: τ of each unit, or None for 1.

    Source: Scellier & Bengio 2017, arXiv:1602.05179; Hopfield 1984, doi:10.1073/pnas.81.10.3088.

    >>> import physeq as pq
    >>> pq.neural.unit(pq.neural.tanh).potential
    s**2/2 - b*tanh(s)
    """
    return Node(
        "unit",
        potential=s**2 / 2 - _bias(initial) * activation.function(s),
        dissipation=_friction(time_constant),
        bounds=_bounds(activation),
        description=f"energy-based unit, {activation.name} activation",
    )


def synapse(activation: Activation = tanh, initial: Initial = None, *, source: Activation | None = None) -> Edge:
    """A symmetric synapse between energy-based units: V = −w ρ(s_source) ρ(s_target).

    Learning measures ρ(s_source) ρ(s_target), the product of what the two ends send.

    Args:
        activation: ρ.
        initial: starting weight, a number or a distribution.
        source: another activation at the source; `identity` for inputs that are sent as they are.

    Source: Scellier & Bengio 2017, arXiv:1602.05179.

    >>> import physeq as pq
    >>> pq.neural.synapse(pq.neural.tanh, source=pq.neural.identity).potential
    -w*s.source*tanh(s.target)
    """
    w = parameter("w", initial=initial, description="weight")
    sent = (source or activation).function(s.source)
    return Edge("synapse", potential=-w * sent * activation.function(s.target), description="symmetric synapse")


def prototypical_unit(
    activation: Activation = logistic, initial: Initial = None, *, time_constant: Initial = None
) -> Node:
    """A prototypical unit: V = ∫ρ⁻¹(s) ds − b s, with the local minimum s* = ρ(D + b) under a drive D, R = ½ τ ṡ².

    Args:
        activation: ρ, monotonic.
        initial: starting bias, a number or a distribution.
        time_constant: τ of each unit, or None for 1.

    Source: Ernoult, Grollier, Querlioz, Bengio, Scellier 2020, arXiv:2005.04168, "prototypical" setting.

    >>> import physeq as pq
    >>> pq.neural.prototypical_unit(pq.neural.tanh).minimiser
    tanh(drive + b)
    """
    b = _bias(initial)
    return Node(
        "prototypical unit",
        potential=activation.inverse_integral(s) - b * s,
        dissipation=_friction(time_constant),
        bounds=_bounds(activation),
        # With a box the closed form is linear, found by itself and clipped.
        minimiser=None if activation.bounded else activation.function(drive + b),
        description=f"unit of the prototypical map, {activation.name} activation",
    )


def prototypical_synapse(initial: Initial = None) -> Edge:
    """A symmetric synapse between prototypical units: V = −w s_source s_target.

    Args:
        initial: starting weight, a number or a distribution.

    >>> import physeq as pq
    >>> pq.neural.prototypical_synapse().potential
    -w*s.source*s.target
    """
    w = parameter("w", initial=initial, description="weight")
    return Edge("synapse", potential=-w * s.source * s.target, description="symmetric synapse")


def leaky_unit(initial: Initial = None, *, time_constant: Initial = 1.0) -> Node:
    """A leaky unit: V = ½ s² − b s, R = ½ τ ṡ², so that τ ṡ = −s + b + what synapses send.

    With `hopfield_synapse` it is the continuous Hopfield network, s the potential of a membrane; with
    `directed_synapse(ρ)` the rate network of any weights. A step of its input is followed as 1 − exp(−t/τ).

    Args:
        initial: starting bias, a number or a distribution.
        time_constant: τ of each unit.

    Source: Hopfield 1984, doi:10.1073/pnas.81.10.3088, equation 5, with R = 1 and C = τ.

    >>> import physeq as pq
    >>> pq.neural.leaky_unit().potential
    s**2/2 - s*b
    """
    return Node(
        "leaky unit",
        potential=s**2 / 2 - _bias(initial) * s,
        dissipation=_friction(time_constant),
        description="leaky integrator",
    )


def hopfield_synapse(activation: Activation = tanh, initial: Initial = None) -> Edge:
    """A symmetric synapse between leaky units: the forces w ρ(s_target) on the source and w ρ(s_source) on the target.

    With these the network decreases Hopfield's energy −½ Σ w_ij ρ_i ρ_j + Σ (∫ρ⁻¹ − b_i ρ_i) of the outputs
    ρ_i = ρ(s_i): a gradient flow of the potentials in the metric ρ′. `prototypical_unit(ρ)` with `prototypical_synapse`
    has the same equilibria in ρ_i and follows the gradient itself.

    Args:
        activation: ρ.
        initial: starting weight, a number or a distribution.

    Source: Hopfield 1984, doi:10.1073/pnas.81.10.3088, equations 5 and 7.

    >>> import physeq as pq
    >>> pq.neural.hopfield_synapse(pq.neural.tanh).coupling
    'bidirectional'
    """
    w = parameter("w", initial=initial, description="weight")
    return Edge(
        "Hopfield synapse",
        force={s.source: w * activation.function(s.target), s.target: w * activation.function(s.source)},
        description="symmetric synapse of leaky units",
    )


def directed_synapse(activation: Activation = identity, initial: Initial = None) -> Edge:
    """A one-way synapse: the force w ρ(s_source) on its target alone. It has no energy.

    With prototypical units and the identity, the map is s_target ← ρ(Σ w s_source + b); two such bundles in opposite
    directions have asymmetric weights. With leaky units and an activation it is the rate network of any weights.

    Args:
        activation: ρ.
        initial: starting weight, a number or a distribution.

    >>> import physeq as pq
    >>> pq.neural.directed_synapse().directed
    True
    """
    w = parameter("w", initial=initial, description="weight")
    return Edge("directed synapse", force={s.target: w * activation.function(s.source)}, description="one-way synapse")
