"""Hand-written JAX of continual updates with separate backward weights (C-VF), 784-512-10; nothing here uses physeq.

    hidden ← ρ(W₁x + b₁ + B·output),   output ← ρ(W₂·hidden + b₂ + β(y − output)),   ρ(u) = 1/(1 + exp(−4(u − ½)))
    ΔW₂ = κ Δoutput ⊗ hidden,  ΔB = κ Δhidden ⊗ output,  ΔW₁ = κ Δhidden ⊗ x,  Δb = κ Δs,     κ = η/(β·batch)

at every step of the nudged phase. The input is held, so that ΔW₁ sums up to κ (hidden(t) − hidden(0)) ⊗ x, whose drive
needs the Gram matrix of the batch alone; the small weights are formed at every step.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from handwritten import prototypical_parameters

RATES = {
    "input->hidden": 0.0076,
    "hidden": 0.0076,
    "hidden->output": 0.0038,
    "output->hidden": 0.0038,
    "output": 0.0038,
}


def _rho(u):
    return 0.5 + 0.5 * jnp.tanh(2 * u - 1)


def parameters(key):
    """Forward weights and biases as in the symmetric network; backward weights start as their transpose (angle 0)."""
    params = prototypical_parameters(key)
    return params | {"output->hidden": {"w": params["hidden->output"]["w"].T.copy()}}


def free_states(params, drive, steps):
    """Hidden and output states after `steps` free steps from zero."""
    w, back, bias = (params[p][k] for p, k in (("hidden->output", "w"), ("output->hidden", "w"), ("output", "b")))
    start = jnp.zeros_like(drive), jnp.zeros((len(drive), len(bias)), drive.dtype)
    return jax.lax.fori_loop(0, steps, lambda _, s: (_rho(drive + s[1] @ back), _rho(s[0] @ w + bias)), start, unroll=5)


def step(params, inputs, target, beta, rates=None, free_steps=40, nudged_steps=15):
    """(parameters after one mini-batch, free output); `beta` carries its sign."""
    kappa = {place: rate / (beta * len(inputs)) for place, rate in (RATES if rates is None else rates).items()}
    drive = inputs @ params["input->hidden"]["w"] + params["hidden"]["b"]
    hidden0, output0 = free_states(params, drive, free_steps)
    gram = kappa["input->hidden"] * inputs @ inputs.T + kappa["hidden"]

    def nudged(_, carry):
        hidden, output, w, back, bias = carry
        new_hidden = _rho(drive + gram @ (hidden - hidden0) + output @ back)
        new_output = _rho(hidden @ w + bias + beta * (target - output))
        moved = new_output - output
        w = w + kappa["hidden->output"] * hidden.T @ moved
        back = back + kappa["output->hidden"] * output.T @ (new_hidden - hidden)
        return new_hidden, new_output, w, back, bias + kappa["output"] * moved.sum(0)

    small = params["hidden->output"]["w"], params["output->hidden"]["w"], params["output"]["b"]
    hidden, _, w, back, bias = jax.lax.fori_loop(0, nudged_steps, nudged, (hidden0, output0, *small))
    change = hidden - hidden0
    return {
        "input->hidden": {"w": params["input->hidden"]["w"] + kappa["input->hidden"] * inputs.T @ change},
        "hidden": {"b": params["hidden"]["b"] + kappa["hidden"] * change.sum(0)},
        "hidden->output": {"w": w},
        "output->hidden": {"w": back},
        "output": {"b": bias},
    }, output0


@partial(jax.jit, donate_argnames="params")
def epoch(params, images, labels, order, key):
    """The parameters after one epoch; the sign of β = 0.2 is drawn for every mini-batch."""

    def one(params, chosen):
        rows, sign = chosen
        target = jax.nn.one_hot(labels[rows], params["output"]["b"].shape[0])
        return step(params, images[rows], target, 0.2 * sign)[0], None

    return jax.lax.scan(one, params, (order, jax.random.rademacher(key, (len(order),), np.float32)))[0]


@jax.jit
def error(params, images, labels):
    """Share of wrong answers."""
    drive = images @ params["input->hidden"]["w"] + params["hidden"]["b"]
    return (free_states(params, drive, 40)[1].argmax(1) != labels).mean()
