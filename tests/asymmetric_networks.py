"""Networks without symmetry, and some with it, with their exact gradients: what rules for them are held against."""

import importlib.util
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import zoo
from brute_force import random_parameters
from jax.flatten_util import ravel_pytree

import physeq as pq

TIGHT = pq.Newton(tolerance=0.0)
MAP = pq.FixedPoint(5000, tolerance=1e-14)
y = pq.target("y")


class Network:
    """A compiled network with parameters, a batch and its exact gradient by implicit differentiation."""

    def __init__(self, system, finder=TIGHT, seed=0, batch=(4,), params=None):
        self.model, self.finder = system.compile() if isinstance(system, pq.System) else system, finder
        self.params = self.model.init_parameters(jax.random.key(seed)) if params is None else params
        rng = np.random.default_rng(seed)
        self.inputs = jnp.asarray(rng.uniform(-1, 1, (*batch, self.model.system.inputs[0].size)))
        readout = self.model.system.readout
        size = readout.size if readout else self.model.system.outputs.size
        self.target = jnp.asarray(rng.uniform(-0.8, 0.8, (*batch, size)))
        self.exact_tree = self.gradient(pq.ImplicitDifferentiation(finder))
        self.exact = flat(self.exact_tree)

    def gradient(self, rule, **options):
        return rule.gradient(self.model, self.params, self.inputs, self.target, throw=False, **options)[0]

    def error(self, rule, **options):
        return relative(flat(self.gradient(rule, **options)), self.exact)

    def errors(self, nudging, make, betas):
        """Relative errors over nudges, compiled once."""

        @jax.jit
        def estimate(beta):
            rule = make(nudging(beta))
            return rule.estimate(self.model, self.params, self.inputs, self.target, key=None, start=None)[0]

        return [relative(flat(estimate(jnp.asarray(beta))), self.exact) for beta in betas]


def flat(tree):
    return np.asarray(ravel_pytree(tree)[0])


def relative(found, exact):
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


def cosine(a, b):
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def hopfield():
    path = Path(__file__).parents[1] / "systems" / "hopfield" / "model.py"
    spec = importlib.util.spec_from_file_location("hopfield_model", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def random_digraph(units, size=50, probability=0.1, weights=0.9, seed=0):
    """Leaky ("units") or prototypical ("map") tanh units on a random directed graph."""
    if units == "units":
        return hopfield().directed(size, probability, seed, weights=weights)
    deviation = weights / np.sqrt(size * probability)
    return pq.System.from_graph(
        nx.gnp_random_graph(size, probability, seed=seed, directed=True),
        nodes=pq.neural.prototypical_unit(pq.neural.tanh, pq.Normal(0.0, 0.3)),
        edges=pq.neural.directed_synapse(initial=pq.Normal(0.0, deviation)),
        inputs=list(range(5)),
        outputs=list(range(size - 5, size)),
        cost=(pq.neural.s - y) ** 2 / 2,
    )


@cache
def large(units):
    return Network(random_digraph(units), MAP if units == "map" else TIGHT)


@cache
def small(units):
    return Network(random_digraph(units, size=14, probability=0.3, weights=0.7, seed=1), TIGHT)


@cache
def symmetric(name):
    scale = {"w": 0.4, "b": 1.0} if name != "saturating" else {"w": 0.12, "b": 0.3}  # or all units reach their bounds
    drawn = random_parameters(zoo.system(name), np.random.default_rng(21))
    params = {n: {k: jnp.asarray(scale.get(k, 1.0) * v) for k, v in own.items()} for n, own in drawn.items()}
    model = zoo.compiled(name)
    if "readout" in (start := model.init_parameters(jax.random.key(1))):
        params["readout"] = start["readout"]
    return Network(model, TIGHT, params=params)
