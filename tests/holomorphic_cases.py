"""Smooth systems with parameters and data on which holomorphic EP is measured, in tests and in the published page."""

from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import zoo
from brute_force import random_parameters

import physeq as pq
from physeq.loading import load_system

SYSTEMS = Path(__file__).parents[1] / "systems"


def junctions():
    """Resistors of 1e-4 S with a junction diode from every other node to the next: exponentials in volts."""
    v, y = pq.electrical.v, pq.target("y")
    groups = (pq.Group("nodes", 7),)
    ring = [[k, (k + 1) % 7] for k in range(7)]
    bundles = (
        pq.Bundle("resistors", ("nodes", "nodes"), pq.Sparse([*ring, [0, 3], [1, 5]])),
        pq.Bundle("diodes", ("nodes", "nodes"), pq.Sparse([[2, 3], [3, 4], [4, 5], [5, 6]])),
    )
    return pq.System(
        pq.Topology(groups, bundles),
        edges={
            "resistors": pq.electrical.resistor(pq.Uniform(0.5e-4, 1.5e-4)),
            "diodes": pq.electrical.exponential_diode(1e-12, 0.025),
        },
        ground=0,
        inputs=[1, 2],
        outputs=[4, 6],
        cost=(v - y) ** 2 / 2,
    )


@cache
def case(name):
    """(model, params, inputs, target)."""
    random = np.random.default_rng(5)
    if name in ("prototypical", "layered", "xy", "readout", "driven"):
        model = zoo.compiled(name)
        params = random_parameters(zoo.system(name), np.random.default_rng(21))
        for own in params.values():
            if "w" in own:
                own["w"] = 0.4 * own["w"]
        drawn = model.init_parameters(jax.random.key(1))
        params = jax.tree.map(jnp.asarray, params | ({"readout": drawn["readout"]} if "readout" in drawn else {}))
        inputs, target = zoo.data(name, 2, (3,))
        return model, params, inputs, target + (0.5 if name == "xy" else 0.0)
    if name == "junctions":
        model = junctions().compile()
        inputs = np.stack([random.uniform(0.5, 1.0, 3), random.uniform(1.0, 2.0, 3)], -1)
        return model, model.init_parameters(jax.random.key(2)), inputs, random.uniform(0.0, 0.5, (3, 2))
    folder, variant = name.split(":")
    built = load_system(SYSTEMS / folder).variants[variant].build()
    model = built.compile()
    size = built.inputs[0].size
    return (
        model,
        model.init_parameters(jax.random.key(0)),
        random.uniform(0, 1, (3, size)),
        random.uniform(0, 1, (3, 2)),
    )
