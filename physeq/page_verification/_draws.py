"""What is drawn for a verification, and how a function that is wanted once is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# Programs that run once: time goes into compiling them.
_OPTIONS: dict[str, Any] = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def run_once(function: Callable, *arguments: Any) -> Any:
    """A function of arrays, compiled with as little effort as possible, as NumPy arrays."""
    given = jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(float)), arguments)
    compiled = jax.jit(function).lower(*given).compile(compiler_options=_OPTIONS)
    return jax.tree.map(np.asarray, compiled(*given))


def uniform_noise(system: Any, rng: np.random.Generator) -> dict[str, dict[str, np.ndarray]]:
    """Numbers between one half and one in the shapes of the parameters."""
    return {
        placement.name: {
            p.name: rng.uniform(0.5, 1.0, system.parameter_shape(placement, p)) for p in placement.component.parameters
        }
        for placement in system.placements
    }


def cheap_key(seed: int) -> Any:
    """A key whose generator is one operation: the default one takes longer to compile than most systems."""
    return jax.random.key(seed, impl="unsafe_rbg")


def shifted(system: Any, params: Any, noise: Any) -> dict[str, dict[str, Any]]:
    """Parameters away from their start values, where many are zero and their terms would not be seen."""
    found = {name: dict(own) for name, own in params.items()}
    for placement in system.placements:
        for p in placement.component.parameters:
            value = params[placement.name][p.name]
            size = jnp.max(jnp.abs(value), initial=0.0)
            moved = value + 0.2 * jnp.where(size == 0, 1.0, size) * noise[placement.name][p.name]
            found[placement.name][p.name] = jnp.clip(moved, p.lower, p.upper).astype(value.dtype)
    return found
