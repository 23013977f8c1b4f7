"""A sparse network of 100,000 nodes and 400,000 edges: force, compilation, memory, and derivation against size.

Run with `pytest -n 0 -m benchmark tests/benchmarks -s`; no test asserts a time.
"""

import subprocess
import sys
import time
from pathlib import Path

import equinox as eqx
import handwritten
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from timing import ratio, report

import physeq as pq

pytestmark = pytest.mark.benchmark


def hopfield(topology):
    s, w, b = pq.coordinate("s"), pq.parameter("w"), pq.parameter("b")
    unit = pq.Node("unit", potential=s**2 / 2 - b * sp.tanh(s))
    synapse = pq.Edge("synapse", potential=-w * sp.tanh(s.source) * sp.tanh(s.target))
    return pq.System(topology, nodes=unit, edges=synapse)


@eqx.filter_jit
def force(model, params, state):
    return model.force(params, {"nodes": {"s": state}})["nodes"]["s"]


def test_force():
    source, target, weight, bias = handwritten.sparse_network()
    model = hopfield(pq.from_edges(source, target, len(bias))).compile()
    params = {"nodes": {"b": jnp.asarray(bias)}, "edges": {"w": jnp.asarray(weight)}}
    state = jax.random.normal(jax.random.key(0), bias.shape)
    edges = [jnp.asarray(a) for a in (source, target, weight, bias)]
    np.testing.assert_allclose(force(model, params, state), handwritten.sparse_force_two_sums(state, *edges), atol=1e-5)
    measured = ratio(
        lambda: force(model, params, state),
        lambda: handwritten.sparse_force_two_sums(state, *edges),
        repeats=41,
        inner=5,
    )
    report("force of 100,000 nodes and 400,000 edges", measured, 1.3)


FRESH = """
import resource, sys, time
sys.path.insert(0, {folder!r})
import handwritten, jax, jax.numpy as jnp
import physeq as pq
from test_sparse_network import force, hopfield
source, target, weight, bias = handwritten.sparse_network()
jax.block_until_ready(jnp.zeros(1) + 1)
begin = time.perf_counter()
model = hopfield(pq.from_edges(source, target, len(bias))).compile()
params = dict(nodes=dict(b=jnp.asarray(bias)), edges=dict(w=jnp.asarray(weight)))
jax.block_until_ready(force(model, params, jnp.zeros(len(bias))))
seconds = time.perf_counter() - begin
print(f"{{seconds:.2f}} s, peak {{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f}} GB")
"""


def test_from_arrays_to_compiled_force():
    script = FRESH.format(folder=str(Path(__file__).parent))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    print(f"\ngraph arrays to compiled force, fresh process (goal 5 s, 1.5 GB): {done.stdout.strip()}")


def test_derivation_time_does_not_grow():
    sizes = {1_000: [], 100_000: []}
    random = np.random.default_rng(0)
    topologies = {edges: pq.from_edges(*random.integers(0, edges // 4, (2, edges)), edges // 4) for edges in sizes}
    for topology in topologies.values():
        hopfield(topology).derive()  # fill SymPy's cache for both
    for _ in range(9):
        for edges, topology in topologies.items():
            system = hopfield(topology)
            sp.core.cache.clear_cache()
            begin = time.perf_counter()
            system.derive()
            sizes[edges].append(time.perf_counter() - begin)
    small, large = (float(np.median(times)) for times in sizes.values())
    print(
        f"\nderivation of 1,000 edges {small * 1e3:.1f} ms, of 100,000 edges {large * 1e3:.1f} ms: "
        f"{large / small:.3f} x (goal 1.2)"
    )
