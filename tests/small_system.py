"""A system folder of a few nodes, written where a test wants it, so that tests of the tools need none of systems/."""

from pathlib import Path

MODEL = """
import physeq as pq

print("a model may print")
s, y = pq.coordinate("s"), pq.target("y")
b, w = pq.parameter("b", initial=pq.Normal(0.0, 0.1)), pq.parameter("w", initial=pq.Normal(0.0, 0.5))
unit = pq.Node(
    "unit",
    potential=pq.xlogx(s) + pq.xlogx(1 - s) - b * s,
    dissipation=s.dot**2 / 2,
    minimiser=pq.sigmoid(pq.drive + b),
)
synapse = pq.Edge("synapse", potential=-w * s.source * s.target)
one_way = pq.Edge("one-way", force={s.target: w * s.source})
leaky = pq.Node("leaky", potential=s**2 / 2 - b * s, dissipation=s.dot**2 / 2)


def _system(sizes, node, edge, **options):
    topology = pq.layered(sizes, **options)
    return pq.System(
        topology,
        nodes={group.name: node for group in topology.groups[1:]},
        edges=edge,
        inputs="input",
        outputs="output",
        cost=(s - y) ** 2 / 2,
        name="small",
    )


def smooth(sizes=(2, 3, 2), scale=1.0):
    return _system(sizes, unit, synapse)


def linear(sizes=(2, 2)):
    return _system(sizes, leaky, synapse)


def directed(sizes=(2, 3, 2)):
    return _system(sizes, leaky, one_way, directed=True)


variants = {
    "smooth": pq.Variant(smooth, "logistic units"),
    "linear": pq.Variant(linear, "leaky units"),
    "directed": pq.Variant(directed, "leaky units, one-way synapses"),
}
"""

EXPERIMENT = """
system = "smooth"
description = "two moons"
seed = 1
epochs = 3
batch_size = 10

[build]
sizes = [2, 4, 2]

[data]
name = "two-moons"
train = 40
test = 20

[rule]
name = "equilibrium-propagation"
nudging = { name = "centered", beta = 0.1 }
free = { name = "fixed-point", steps = 20 }
nudged = { name = "fixed-point", steps = 10, nudge = { name = "inside" } }

[optimizer]
name = "sgd"
momentum = 0.5
decay = 0.9
rate = 0.5

[optimizer.rates]
"input->hidden" = 1.0
"""


def write_system(base: Path, name: str = "small") -> Path:
    """Write systems/NAME under a folder; returns its folder."""
    folder = base / "systems" / name
    folder.mkdir(parents=True)
    (folder / "model.py").write_text(MODEL)
    (folder / "moons.toml").write_text(EXPERIMENT)
    return folder
