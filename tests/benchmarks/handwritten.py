"""Hand-written JAX: the floor that compiled models are compared with.

Nothing here uses physeq. Each program does one thing as fast as clean JAX allows: what does not change in a phase is
computed once per phase, both signs of a nudge run stacked in one batch, and a whole epoch is one compiled scan that
reuses the buffers of its parameters.

Parameters are nested dicts by group ("hidden") and bundle ("input->hidden"). Weights and conductances have the shape
(sources, targets). Gradients are those of the cost ½‖output − target‖², averaged over the batch, to be descended.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

BUNDLES = ("input->hidden", "hidden->output")
GROUPS = ("hidden", "output")


def minibatches(key, samples, batch):
    """Shuffled sample numbers of one epoch, shape (steps, batch); what does not fill a batch is left out."""
    steps = samples // batch
    return jax.random.permutation(key, samples)[: steps * batch].reshape(steps, batch)


# ---------------------------------------------------------------------------------------------------------------------
# Equilibrium propagation in the prototypical layered network, input-hidden-output.
#
#   s_i ← ρ(Σ_j W_ij s_j + b_i) for all nodes at once,   ρ(u) = 1/(1 + exp(−4(u − ½)))
#   nudge inside:   output ← ρ(a + β (y − output));   outside:   output ← ρ(a) + β (y − output)
# ---------------------------------------------------------------------------------------------------------------------


def prototypical_parameters(key, sizes=(784, 512, 10)):
    """Weights and biases, uniform in ±1/√(number of sources)."""
    params = {}
    for bundle, group, sources, targets in zip(BUNDLES, GROUPS, sizes[:-1], sizes[1:], strict=True):
        key, of_weight, of_bias = jax.random.split(key, 3)
        limit = 1 / np.sqrt(sources)
        params[bundle] = {"w": jax.random.uniform(of_weight, (sources, targets), minval=-limit, maxval=limit)}
        params[group] = {"b": jax.random.uniform(of_bias, (targets,), minval=-limit, maxval=limit)}
    return params


def _rho(scaled):
    """The logistic of the network from an argument that already is 2u − 1: the factors are hoisted out of the steps."""
    return 0.5 + 0.5 * jnp.tanh(scaled)


def _prototypical_phase(drive, w, bias, hidden, output, steps, target=None, beta=0.0, nudge="inside"):
    """Synchronous steps; `drive`, `w` and `bias` are scaled for `_rho`, `drive` is all that the input does."""

    def step(_, state):
        hidden, output = state
        field = hidden @ w + bias
        if target is not None and nudge == "inside":
            field = field + 2 * beta * (target - output)
        new = _rho(field)
        if target is not None and nudge == "outside":
            new = new + beta * (target - output)
        return _rho(drive + output @ w.T), new

    return jax.lax.fori_loop(0, steps, step, (hidden, output), unroll=5)


def _scaled(params, inputs):
    drive = (2 * inputs) @ params["input->hidden"]["w"] + (2 * params["hidden"]["b"] - 1)
    return drive, 2 * params["hidden->output"]["w"], 2 * params["output"]["b"] - 1


@partial(jax.jit, static_argnames="steps")
def prototypical_states(params, inputs, steps=30):
    """Hidden and output states after `steps` free steps from zero."""
    drive, w, bias = _scaled(params, inputs)
    return _prototypical_phase(drive, w, bias, jnp.zeros_like(drive), jnp.zeros((len(inputs), len(bias))), steps)


def prototypical_gradient(
    params, inputs, target, beta=0.1, free_steps=30, nudged_steps=10, nudge="outside", centered=False
):
    """One estimate: (gradient, free output). `beta` may be negative and traced; `centered` uses ±β."""
    drive, w, bias = _scaled(params, inputs)
    batch = len(inputs)
    start = jnp.zeros_like(drive), jnp.zeros_like(target)
    hidden, output = _prototypical_phase(drive, w, bias, *start, free_steps)
    if centered:  # both signs in one batch
        twice = [jnp.concatenate([a, a]) for a in (drive, hidden, output, target)]
        signed = beta * jnp.concatenate([jnp.ones((batch, 1)), -jnp.ones((batch, 1))])
        ends = _prototypical_phase(twice[0], w, bias, *twice[1:3], nudged_steps, twice[3], signed, nudge)
        (hidden_a, hidden_b), (output_a, output_b) = (jnp.split(end, 2) for end in ends)
        scale = -1 / (2 * beta * batch)
    else:
        hidden_a, output_a = _prototypical_phase(drive, w, bias, hidden, output, nudged_steps, target, beta, nudge)
        hidden_b, output_b = hidden, output
        scale = -1 / (beta * batch)
    change = scale * (hidden_a - hidden_b)
    gradient = {
        "input->hidden": {"w": inputs.T @ change},
        "hidden": {"b": change.sum(0)},
        "hidden->output": {"w": scale * (hidden_a.T @ output_a - hidden_b.T @ output_b)},
        "output": {"b": scale * (output_a - output_b).sum(0)},
    }
    return gradient, output


@partial(
    jax.jit,
    static_argnames=("free_steps", "nudged_steps", "nudge", "sign"),
    donate_argnames="params",
)
def prototypical_epoch(
    params,
    images,
    labels,
    order,
    key,
    rates=(0.08, 0.04),
    beta=0.1,
    free_steps=30,
    nudged_steps=10,
    nudge="outside",
    sign="positive",
):
    """One epoch of stochastic gradient descent: (parameters, share of wrong answers of the free phases while learning).

    `images` (samples, pixels), `labels` integers, `order` from `minibatches`, `rates` input→hidden and hidden→output,
    `sign` "positive", "random" (drawn per mini-batch) or "centered".
    """
    rate = dict(zip(BUNDLES + GROUPS, (*rates, *rates), strict=True))
    signs = jnp.where(jax.random.bernoulli(key, 0.5, (len(order),)), 1.0, -1.0) if sign == "random" else None

    def step(params, xs):
        rows, drawn = xs
        inputs, label = images[rows], labels[rows]
        target = jax.nn.one_hot(label, params["output"]["b"].shape[0])
        signed = beta if drawn is None else beta * drawn
        gradient, output = prototypical_gradient(
            params, inputs, target, signed, free_steps, nudged_steps, nudge, sign == "centered"
        )
        params = {
            place: {name: value - rate[place] * gradient[place][name] for name, value in values.items()}
            for place, values in params.items()
        }
        return params, (output.argmax(1) != label).mean()

    params, wrong = jax.lax.scan(step, params, (order, signs))
    return params, wrong.mean()


@partial(jax.jit, static_argnames="steps")
def prototypical_error(params, images, labels, steps=30):
    """Share of wrong answers."""
    return (prototypical_states(params, images, steps)[1].argmax(1) != labels).mean()


# ---------------------------------------------------------------------------------------------------------------------
# Deep resistive network, input-hidden-output (Scellier 2024, "A fast algorithm to simulate nonlinear resistive
# networks"). Input sources at ±gain·x; ideal diodes hold the first half of the hidden nodes at v ≥ 0, the second at
# v ≤ 0; the outputs are linear; biases are current sources. Steady states minimise the co-content
#
#   E = ½ Σ_ij g_ij (v_i − v_j)² − Σ_i b_i v_i,      nudged: E + β ½‖v_output − y‖²
#
# and a sweep minimises over the whole hidden layer, then over the whole output layer. For biases as conductances to
# fixed voltages, append a constant column to the images.
# ---------------------------------------------------------------------------------------------------------------------


def resistive_parameters(key, sizes=(784, 100, 10)):
    """Conductances max(0, uniform in ±1/√sources), where a doubled input counts as two sources; biases zero."""
    params = {}
    for bundle, group, sources, targets in zip(BUNDLES, GROUPS, (2 * sizes[0], sizes[1]), sizes[1:], strict=True):
        key, of_bundle = jax.random.split(key)
        limit = 1 / np.sqrt(sources)
        params[bundle] = {
            "g": jnp.maximum(jax.random.uniform(of_bundle, (sources, targets), minval=-limit, maxval=limit), 0)
        }
        params[group] = {"b": jnp.zeros(targets)}
    return params


def _resistive_constants(params, inputs, gain):
    """What a phase keeps: injected currents, inverse total conductances, bounds."""
    g_in, g_out = params["input->hidden"]["g"], params["hidden->output"]["g"]
    nodes = g_out.shape[0]
    # One more source at 1 gives the column sums in the same pass over the conductances: a fifth faster than sum(0).
    sources = jnp.concatenate([gain * jnp.concatenate([inputs, -inputs], 1), jnp.ones((1, g_in.shape[0]))])
    sums = sources @ g_in
    current = sums[:-1] + params["hidden"]["b"]
    total = sums[-1] + g_out.sum(1)
    positive = jnp.arange(nodes) < nodes // 2
    bounds = jnp.where(positive, 0.0, -jnp.inf), jnp.where(positive, jnp.inf, 0.0)
    return current, 1 / total, g_out, g_out.sum(0), bounds


def _resistive_sweeps(current, inverse, g_out, inverse_out, injected, bounds, output, sweeps):
    """Exact block minimisation. Bounded nodes are clipped, which is exact since every local energy is a parabola."""

    def sweep(_, state):
        hidden = jnp.clip((current + state[1] @ g_out.T) * inverse, *bounds)
        return hidden, (hidden @ g_out + injected) * inverse_out

    return jax.lax.fori_loop(0, sweeps, sweep, (jnp.zeros_like(current), output))


@partial(jax.jit, static_argnames="sweeps")
def resistive_states(params, inputs, gain=100.0, sweeps=4):
    """Voltages of hidden and output nodes after free sweeps from zero."""
    current, inverse, g_out, total_out, bounds = _resistive_constants(params, inputs, gain)
    start = jnp.zeros((len(inputs), len(total_out)))
    return _resistive_sweeps(current, inverse, g_out, 1 / total_out, params["output"]["b"], bounds, start, sweeps)


def resistive_update(params, inputs, target, rates=(0.006, 0.006), gain=100.0, beta=1.0, sweeps=4):
    """One step of centered equilibrium propagation with g ≥ 0 kept by clipping: (parameters, free output).

    ∂E/∂g_ij = ½ (v_i − v_j)²; the squares of the clamped inputs cancel in the contrast, and the two rows of a doubled
    input share one product. The total conductance of every output must exceed β.
    """
    current, inverse, g_out, total_out, bounds = _resistive_constants(params, inputs, gain)
    batch, pixels = inputs.shape
    bias_out = params["output"]["b"]
    start = jnp.zeros_like(target)
    _, free = _resistive_sweeps(current, inverse, g_out, 1 / total_out, bias_out, bounds, start, sweeps)
    signed = beta * jnp.concatenate([jnp.ones((batch, 1)), -jnp.ones((batch, 1))])
    ends = _resistive_sweeps(
        jnp.concatenate([current, current]),
        inverse,
        g_out,
        1 / (total_out + signed),
        bias_out + signed * jnp.concatenate([target, target]),
        bounds,
        jnp.concatenate([free, free]),
        sweeps,
    )
    (hidden_a, hidden_b), (output_a, output_b) = (jnp.split(end, 2) for end in ends)
    scale = 1 / (2 * beta * batch)
    squares = 0.5 * scale * (hidden_a**2 - hidden_b**2).sum(0)
    squares_out = 0.5 * scale * (output_a**2 - output_b**2).sum(0)
    change, change_out = scale * (hidden_a - hidden_b), scale * (output_a - output_b)
    product = inputs.T @ (gain * change)
    product_out = scale * (hidden_a.T @ output_a - hidden_b.T @ output_b)
    g_in = params["input->hidden"]["g"]
    pairs, halves = g_in.reshape(2, pixels, -1), jnp.array([-1.0, 1.0])[:, None, None]
    rate, rate_out = rates
    return {
        "input->hidden": {"g": jnp.maximum(pairs - rate * (squares + halves * product), 0).reshape(g_in.shape)},
        "hidden->output": {"g": jnp.maximum(g_out - rate_out * (squares[:, None] + squares_out - product_out), 0)},
        "hidden": {"b": params["hidden"]["b"] + rate * change.sum(0)},
        "output": {"b": bias_out + rate_out * change_out.sum(0)},
    }, free


def resistive_update_of_voltages(params, voltages, target, rates=(0.006, 0.006), beta=1.0, sweeps=4):
    """`resistive_update` for input voltages as they come, (batch, sources), without knowledge of their doubling."""
    g_in, g_out = params["input->hidden"]["g"], params["hidden->output"]["g"]
    nodes, batch, bias_out = g_out.shape[0], len(voltages), params["output"]["b"]
    sums = jnp.concatenate([voltages, jnp.ones((1, g_in.shape[0]))]) @ g_in
    current, inverse, total_out = sums[:-1] + params["hidden"]["b"], 1 / (sums[-1] + g_out.sum(1)), g_out.sum(0)
    positive = jnp.arange(nodes) < nodes // 2
    bounds = jnp.where(positive, 0.0, -jnp.inf), jnp.where(positive, jnp.inf, 0.0)
    _, free = _resistive_sweeps(
        current, inverse, g_out, 1 / total_out, bias_out, bounds, jnp.zeros_like(target), sweeps
    )
    signed = beta * jnp.concatenate([jnp.ones((batch, 1)), -jnp.ones((batch, 1))])
    ends = _resistive_sweeps(
        jnp.concatenate([current, current]),
        inverse,
        g_out,
        1 / (total_out + signed),
        bias_out + signed * jnp.concatenate([target, target]),
        bounds,
        jnp.concatenate([free, free]),
        sweeps,
    )
    (hidden_a, hidden_b), (output_a, output_b) = (jnp.split(end, 2) for end in ends)
    scale = 1 / (2 * beta * batch)
    squares = 0.5 * scale * (hidden_a**2 - hidden_b**2).sum(0)
    squares_out = 0.5 * scale * (output_a**2 - output_b**2).sum(0)
    change, change_out = scale * (hidden_a - hidden_b), scale * (output_a - output_b)
    product_out = scale * (hidden_a.T @ output_a - hidden_b.T @ output_b)
    rate, rate_out = rates
    return {
        "input->hidden": {"g": jnp.maximum(g_in - rate * (squares - voltages.T @ change), 0)},
        "hidden->output": {"g": jnp.maximum(g_out - rate_out * (squares[:, None] + squares_out - product_out), 0)},
        "hidden": {"b": params["hidden"]["b"] + rate * change.sum(0)},
        "output": {"b": bias_out + rate_out * change_out.sum(0)},
    }, free


@partial(jax.jit, static_argnames="sweeps", donate_argnames="params")
def resistive_epoch(params, images, labels, order, rates=(0.006, 0.006), gain=100.0, beta=1.0, sweeps=4):
    """One epoch: (parameters, share of wrong answers of the free phases while learning)."""

    def step(params, rows):
        target = jax.nn.one_hot(labels[rows], params["output"]["b"].shape[0])
        params, output = resistive_update(params, images[rows], target, rates, gain, beta, sweeps)
        return params, (output.argmax(1) != labels[rows]).mean()

    params, wrong = jax.lax.scan(step, params, order)
    return params, wrong.mean()


@partial(jax.jit, static_argnames="sweeps")
def resistive_error(params, images, labels, gain=100.0, sweeps=4):
    """Share of wrong answers."""
    return (resistive_states(params, images, gain, sweeps)[1].argmax(1) != labels).mean()


# ---------------------------------------------------------------------------------------------------------------------
# Force of a sparse Hopfield network, undirected edges (i, j, w):
#
#   E = ½ Σ_i s_i² − Σ_edges w_ij ρ(s_i) ρ(s_j) − Σ_i b_i ρ(s_i),   ρ = tanh
#   −∂E/∂s_i = −s_i + ρ′(s_i) (Σ_j w_ij ρ(s_j) + b_i)
#
# 100,000 nodes and 400,000 edges, float32, two shared cores (load 1 to 2.5), formulations in turn, median (best) of 40
# to 80 runs in milliseconds. Medians move by 0.2 ms and more with the load, the last three rows had most of it:
#
#   edges once, ordered by source, a sum to each end, then added   1.04 (0.67)   sparse_force_two_sums
#   the same, edges in any order                                   1.03 (0.68)
#   the same by jax.grad of the energy, any order                  1.10 (0.65)
#   edges once, both sums into one array, one after the other      1.10 (0.86)
#   both directions, sorted by receiver, segment_sum               1.29 (1.09)   sparse_force_sorted
#   both directions, unsorted                                      1.47 (1.20)
#   jagged diagonals, one gather, no scatter                       1.38 (1.07)
#   jagged diagonals, a gather for each, no scatter                1.51 (1.36)   sparse_force_jagged
#   neighbours padded to the largest degree (22)                   1.89 (1.73)
#   differences of a running sum over sorted edges                 2.89 (2.66)   error 3e-5 instead of 1e-6
#   NumPy with a SciPy CSR product                                 1.56 (1.46)
#
# On a CPU XLA's scatter is a plain serial loop, and a good one: sorting and padding gain nothing.
# ---------------------------------------------------------------------------------------------------------------------


def sparse_network(seed=0, nodes=100_000, edges=400_000):
    """Random edges without self-loops: (sources, targets, weights, biases), numpy."""
    random = np.random.default_rng(seed)
    source = random.integers(0, nodes, edges)
    target = (source + 1 + random.integers(0, nodes - 1, edges)) % nodes
    weight = random.normal(scale=0.3, size=edges).astype(np.float32)
    return source.astype(np.int32), target.astype(np.int32), weight, random.normal(size=nodes).astype(np.float32)


def both_directions(source, target, weight):
    """Every edge twice, once towards each end, sorted by receiver: (senders, receivers, weights)."""
    sender, receiver = np.concatenate([source, target]), np.concatenate([target, source])
    order = np.lexsort((sender, receiver))
    return sender[order], receiver[order], np.concatenate([weight, weight])[order]


def _sparse_force(state, rho, message, bias):
    return (1 - rho * rho) * (message + bias) - state


@jax.jit
def sparse_force_two_sums(state, source, target, weight, bias):
    """Edges stored once, in any order: one gather and one sum towards each end."""
    rho = jnp.tanh(state)
    at_source, at_target = (rho.at[ends].get(mode="promise_in_bounds") for ends in (source, target))
    zero = jnp.zeros_like(
        state
    )  # two independent sums, which may run at the same time, rather than one after the other
    to_source = zero.at[source].add(weight * at_target, mode="promise_in_bounds")
    to_target = zero.at[target].add(weight * at_source, mode="promise_in_bounds")
    return _sparse_force(state, rho, to_source + to_target, bias)


@jax.jit
def sparse_force_sorted(state, sender, receiver, weight, bias):
    """Edges stored in `both_directions`: one gather and one sum over sorted segments."""
    rho = jnp.tanh(state)
    message = jax.ops.segment_sum(weight * rho[sender], receiver, state.shape[0], indices_are_sorted=True)
    return _sparse_force(state, rho, message, bias)


def jagged_diagonals(source, target, weight, nodes):
    """Slabs for `sparse_force_jagged`: (slabs, rank).

    Nodes are ranked by falling degree; slab k holds the k-th neighbour, as (senders, weights), of all nodes that have
    more than k, so that the sum over neighbours needs no scatter. `rank` takes the ranked messages back to the nodes.
    """
    sender, receiver, weight = both_directions(source, target, weight)
    degree = np.bincount(receiver, minlength=nodes)
    first = np.cumsum(degree) - degree
    ranked = np.argsort(-degree, kind="stable")
    slabs = []
    for k in range(degree.max(initial=0)):
        rows = first[ranked[: (degree > k).sum()]] + k
        slabs.append((sender[rows], weight[rows]))
    return tuple(slabs), np.argsort(ranked).astype(np.int32)


@jax.jit
def sparse_force_jagged(state, slabs, rank, bias):
    """Edges stored in `jagged_diagonals`: contiguous additions only."""
    rho = jnp.tanh(state)
    message = jnp.zeros_like(state)
    for sender, weight in slabs:
        message = message.at[: len(sender)].add(weight * rho[sender])
    return _sparse_force(state, rho, message[rank], bias)
