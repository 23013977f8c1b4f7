"""Hand-written JAX of continual equilibrium propagation in the prototypical layered network; nothing here uses physeq.

The change of a weight telescopes over a nudged phase, W(t) = W(0) + (η/(βB)) Σ_batch [s_i(t) s_j(t) − s_i(0) s_j(0)],
so that the input's drive needs the Gram matrix of the batch, and the weights of the last layer, which are small, are
formed at every step.
"""

from functools import partial

import jax
import jax.numpy as jnp
from handwritten import _prototypical_phase, _rho, _scaled

RATES = {"input->hidden": 0.0056, "hidden": 0.0056, "hidden->output": 0.0028, "output": 0.0028}


def continual_step(params, inputs, target, beta=0.2, free_steps=40, nudged_steps=15, nudge="inside", rates=None):
    """(parameters after one mini-batch, free output)."""
    rates = RATES if rates is None else rates
    drive, w2, bias2 = _scaled(params, inputs)
    start = jnp.zeros_like(drive), jnp.zeros_like(target)
    hidden0, output0 = _prototypical_phase(drive, w2, bias2, *start, free_steps)
    w, b = params["hidden->output"]["w"], params["output"]["b"]
    kappa = {place: rate / (beta * len(inputs)) for place, rate in rates.items()}
    # One more column of ones makes the bias part of the Gram matrix.
    gram = 2 * (kappa["input->hidden"] * inputs @ inputs.T + kappa["hidden"])
    product0 = hidden0.T @ output0

    def step(_, state):
        hidden, output = state
        now = w + kappa["hidden->output"] * (hidden.T @ output - product0)
        shift = b + kappa["output"] * (output - output0).sum(0)
        field = 2 * (hidden @ now + shift) - 1
        if nudge == "inside":
            new = _rho(field + 2 * beta * (target - output))
        else:
            new = _rho(field) + beta * (target - output)
        return _rho(drive + gram @ (hidden - hidden0) + 2 * output @ now.T), new

    hidden, output = jax.lax.fori_loop(0, nudged_steps, step, (hidden0, output0))
    change = hidden - hidden0
    moved = {
        "input->hidden": {"w": params["input->hidden"]["w"] + kappa["input->hidden"] * inputs.T @ change},
        "hidden": {"b": params["hidden"]["b"] + kappa["hidden"] * change.sum(0)},
        "hidden->output": {"w": w + kappa["hidden->output"] * (hidden.T @ output - product0)},
        "output": {"b": b + kappa["output"] * (output - output0).sum(0)},
    }
    return moved, output0


@partial(jax.jit, static_argnames=("nudge",), donate_argnames="params")
def continual_epoch(params, images, labels, order, nudge="inside"):
    """One epoch: (parameters, share of wrong answers of the free phases while learning)."""

    def step(params, rows):
        inputs, label = images[rows], labels[rows]
        target = jax.nn.one_hot(label, params["output"]["b"].shape[0])
        params, output = continual_step(params, inputs, target, nudge=nudge)
        return params, (output.argmax(1) != label).mean()

    params, wrong = jax.lax.scan(step, params, order)
    return params, wrong.mean()
