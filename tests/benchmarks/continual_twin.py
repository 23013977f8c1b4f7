"""The rows C-EP-1h and C-VF-1h of `c-ep-table` by hand-written JAX: does their test error belong to the method?

    python tests/benchmarks/continual_twin.py c-ep-1h|c-vf-1h [epochs [seeds]]

784-512-10, 40 free and 15 nudged steps, |β| = 0.2, batches of 20 of MNIST, single precision. C-EP-1h: nudge outside,
one sign, rates 0.0028 and 0.0056. C-VF-1h: nudge inside, random sign, rates 0.0038 and 0.0076. Prints the test error
of every epoch. Nothing but the data set comes from physeq.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import handwritten
import handwritten_continual
import handwritten_vector_field
import jax
import jax.numpy as jnp
import numpy as np

from physeq.data import load

FREE_STEPS, BATCH = 40, 20


def _continual_epoch(params: Any, images: Any, labels: Any, order: Any, _: Any) -> Any:
    return handwritten_continual.continual_epoch(params, images, labels, order, nudge="outside")[0]


def _continual_error(params: Any, images: Any, labels: Any) -> Any:
    return handwritten.prototypical_error(params, images, labels, FREE_STEPS)


ROWS: dict[str, tuple[Callable, Callable, Callable]] = {
    "c-ep-1h": (handwritten.prototypical_parameters, _continual_epoch, _continual_error),
    "c-vf-1h": (
        handwritten_vector_field.parameters,
        handwritten_vector_field.epoch,
        handwritten_vector_field.error,
    ),
}


def errors(row: str, seed: int, epochs: int) -> list[float]:
    """Test error % after every epoch."""
    begin, epoch_of, error_of = ROWS[row]
    data = load("mnist")
    images, test_images = (jnp.asarray(x, jnp.float32) for x in (data.train_inputs, data.test_inputs))
    labels, test_labels = (jnp.asarray(y.argmax(1)) for y in (data.train_targets, data.test_targets))
    key = jax.random.key(seed)
    params = begin(jax.random.fold_in(key, 0))
    found = []
    for number in range(1, epochs + 1):
        now = jax.random.fold_in(key, number)
        order = handwritten.minibatches(now, len(images), BATCH)
        params = epoch_of(params, images, labels, order, jax.random.fold_in(now, 1))
        found.append(100 * float(error_of(params, test_images, test_labels)))
    return found


def main(row: str, epochs: int = 100, seeds: int = 3) -> None:
    """Print the errors of every seed, and over the second half of the epochs."""
    for seed in range(seeds):
        found = errors(row, seed, epochs)
        late = np.asarray(found[epochs // 2 :])
        print(f"seed {seed}:", " ".join(f"{e:.2f}" for e in found))
        print(
            f"  last {found[-1]:.2f}, from epoch {epochs // 2 + 1} on {late.min():.2f} to {late.max():.2f}", flush=True
        )


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
