"""The row C-EP-1h of `c-ep-table` by hand-written JAX: does the late swing of the test error belong to the method?

    python tests/benchmarks/continual_twin.py [epochs [seeds]]

784-512-10, nudge outside with β = 0.2, 40 free and 15 nudged steps, rates 0.0028 and 0.0056, batches of 20 of MNIST,
single precision. Prints the test error of every epoch. Nothing but the data set comes from physeq.
"""

from __future__ import annotations

import sys

import handwritten
import handwritten_continual
import jax
import jax.numpy as jnp
import numpy as np

from physeq.data import load

FREE_STEPS, BATCH = 40, 20


def errors(seed: int, epochs: int) -> list[float]:
    """Test error % after every epoch."""
    data = load("mnist")
    images, test_images = (jnp.asarray(x, jnp.float32) for x in (data.train_inputs, data.test_inputs))
    labels, test_labels = (jnp.asarray(y.argmax(1)) for y in (data.train_targets, data.test_targets))
    key = jax.random.key(seed)
    params = handwritten.prototypical_parameters(jax.random.fold_in(key, 0))
    found = []
    for epoch in range(epochs):
        order = handwritten.minibatches(jax.random.fold_in(key, epoch + 1), len(images), BATCH)
        params, _ = handwritten_continual.continual_epoch(params, images, labels, order, nudge="outside")
        found.append(100 * float(handwritten.prototypical_error(params, test_images, test_labels, FREE_STEPS)))
    return found


def main(epochs: int = 100, seeds: int = 3) -> None:
    """Print the errors of every seed, and over the second half of the epochs."""
    for seed in range(seeds):
        found = errors(seed, epochs)
        late = np.asarray(found[epochs // 2 :])
        print(f"seed {seed}:", " ".join(f"{e:.2f}" for e in found))
        print(
            f"  last {found[-1]:.2f}, from epoch {epochs // 2 + 1} on {late.min():.2f} to {late.max():.2f}", flush=True
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
