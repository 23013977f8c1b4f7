"""SYSTEM_NAME: units that stiffen, joined by symmetric synapses. Change the terms; all else is derived from them."""

import physeq as pq

s, y = pq.coordinate("s"), pq.target("y")
b = pq.parameter("b", initial=0.0, description="bias")
w = pq.parameter("w", initial=pq.FanInUniform(), description="weight")

# What a node is: its energy, and the friction that makes it relax.
unit = pq.Node("stiffening unit", potential=s**2 / 2 + s**4 / 4 - b * s, dissipation=s.dot**2 / 2)

# What an edge is: an energy of its two ends. Both forces follow from it.
synapse = pq.Edge("synapse", potential=-w * s.source * s.target)


def layered(sizes=(6, 8, 3)) -> pq.System:
    """Layers of units, the input layer clamped; the defaults give the small instance that `physeq check` uses."""
    topology = pq.layered(sizes)
    return pq.System(
        topology,
        nodes={group.name: unit for group in topology.groups[1:]},
        edges=synapse,
        inputs="input",
        outputs="output",
        cost=(s - y) ** 2 / 2,
        name="SYSTEM_NAME",
    )


variants = {"layered": pq.Variant(layered, "layers of stiffening units, every layer joined to the next")}
