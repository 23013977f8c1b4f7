"""Updates of continual rules against backpropagation through time at the settings of arXiv:2005.04168.

    python tests/benchmarks/gradient_descending.py FOLDER [SETTING ...]

prints the relative root mean square deviation of neurons and synapses, in percent and for three seeds, of the toy
network 10-50-5 (5,000 free steps where time is continuous) and of 784-512-10 with one MNIST digit, and draws the
updates of every setting into the folder. Needs `physeq data mnist`.
"""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from sympy import tanh  # noqa: E402

import physeq as pq  # noqa: E402
from physeq import plot  # noqa: E402
from physeq.data import load  # noqa: E402

spec = importlib.util.spec_from_file_location("hopfield", Path(__file__).parents[2] / "systems/hopfield/model.py")
hopfield = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hopfield)

s, y = pq.coordinate("s"), pq.target("y")
INITIAL = pq.FanInUniform(1.0)


def linear_output(sizes):
    """The authors' continuous program: no ρ′ on the output, ds_0/dt = −s_0 + W ρ(s_1) + b + β (y − s_0); no energy."""
    w, b = (pq.parameter(name, initial=INITIAL) for name in "wb")
    last = {s.target: w * tanh(s.source), s.source: w * tanh(s.source).diff(s.source) * tanh(s.target)}
    rho = pq.neural.tanh
    return pq.System(
        pq.layered(sizes),
        nodes={
            "hidden": pq.neural.unit(rho, INITIAL),
            "output": pq.Node("linear", potential=s**2 / 2 - b * s, dissipation=s.dot**2 / 2),
        },
        edges={
            "input->hidden": pq.neural.synapse(rho, INITIAL, source=pq.neural.identity),
            "hidden->output": pq.Edge("last", force=last),
        },
        inputs="input",
        outputs="output",
        cost=(s - y) ** 2 / 2,
    )


@dataclass(frozen=True)
class ProductContrast(pq.ContinualVectorFieldEP):
    """The update of that program, Δw = (η/β) Δ[ρ(s_i) ρ(s_j)], which no energy of it has as its derivative."""

    def telescoping(self, model):
        return {}

    def changes(self, problem, old, new, weights):
        def sent(x, group):
            value = problem.full(x)[group]["s"]
            return value if group == "input" else jnp.tanh(value)

        found = {}
        for a, b in (("input", "hidden"), ("hidden", "output")):
            pairs = [jnp.einsum("b,bi,bj->ij", weights, sent(x, a), sent(x, b)) for x in (old, new)]
            ends = [jnp.einsum("b,bj->j", weights, sent(x, b)) for x in (old, new)]
            found |= {f"{a}->{b}": {"w": pairs[0] - pairs[1]}, b: {"b": ends[0] - ends[1]}}
        return found


def prototypical(sizes):
    return hopfield.prototypical(sizes, "tanh")


def energy_based(sizes):
    return hopfield.layered(sizes, "tanh")


def asymmetric(angle):
    return lambda sizes: hopfield.asymmetric(sizes, "tanh", angle=angle)


def asymmetric_in_time(angle):
    """ds_i/dt = −s_i + ρ′(s_i)(W_f ρ(s_{i−1}) + W_b ρ(s_{i+1}) + b_i); at 0 degrees W_b = W_fᵀ, with an energy."""

    def synapse(initial, source=pq.neural.tanh):
        w, here = pq.parameter("w", initial=initial), tanh(s.target)
        return pq.Edge("synapse", force={s.target: w * here.diff(s.target) * source.function(s.source)})

    def build(sizes):
        free = pq.layered(sizes, bidirected=True)
        back = pq.TransposeOf("hidden->output", flip=(1 - np.cos(np.radians(angle))) / 2)
        return pq.System(
            pq.Topology(free.groups, tuple(b for b in free.bundles if b.groups[1] != "input")),
            nodes={group: pq.neural.unit(pq.neural.tanh, INITIAL) for group in ("hidden", "output")},
            edges={
                "input->hidden": synapse(INITIAL, pq.neural.identity),
                "hidden->output": synapse(INITIAL),
                "output->hidden": synapse(back),
            },
            inputs="input",
            outputs="output",
            cost=(s - y) ** 2 / 2,
        )

    return build


def maps(free, nudged, nudge=None):
    return tuple(pq.FixedPoint(n, nudge=nudge or pq.Inside()) for n in (free, nudged))


def euler(free, nudged):
    return tuple(pq.EulerSteps(0.08, n) for n in (free, nudged))


DISCRETE, CONTINUOUS = (150, 10), (800, 80)
# name: (system, rule, steps, β, η); the last of several β shows the rate with η ∝ β².
SETTINGS = {
    "c-ep, map, nudge inside": (prototypical, pq.ContinualEP, maps(*DISCRETE), 0.01, 2e-6),
    "c-ep, map, nudge inside, β halved": (prototypical, pq.ContinualEP, maps(*DISCRETE), 0.005, 5e-7),
    "c-ep, map, nudge outside": (prototypical, pq.ContinualEP, maps(*DISCRETE, pq.Outside()), 0.01, 2e-6),
    "c-ep, map, nudge outside, β halved": (
        prototypical,
        pq.ContinualEP,
        maps(*DISCRETE, pq.Outside()),
        0.005,
        5e-7,
    ),
    "c-ep, map, η of the paper": (prototypical, pq.ContinualEP, maps(*DISCRETE), 0.01, 2e-5),
    "c-ep, continuous, energy": (energy_based, pq.ContinualEP, euler(*CONTINUOUS), 0.005, 5e-7),
    "c-ep, continuous, energy, β halved": (energy_based, pq.ContinualEP, euler(*CONTINUOUS), 0.0025, 1.25e-7),
    "c-ep, continuous, linear output": (linear_output, ProductContrast, euler(*CONTINUOUS), 0.005, 5e-7),
    "c-ep, continuous, linear output, β halved": (
        linear_output,
        ProductContrast,
        euler(*CONTINUOUS),
        0.0025,
        1.25e-7,
    ),
    "c-vf, map, 0 degrees": (asymmetric(0.0), pq.ContinualVectorFieldEP, maps(*DISCRETE), 0.01, 2e-6),
    "c-vf, map, 45 degrees": (asymmetric(45.0), pq.ContinualVectorFieldEP, maps(*DISCRETE), 0.01, 2e-6),
    "c-vf, map, 90 degrees": (asymmetric(90.0), pq.ContinualVectorFieldEP, maps(*DISCRETE), 0.01, 2e-6),
    "c-vf, continuous, 0 degrees": (
        asymmetric_in_time(0.0),
        pq.ContinualVectorFieldEP,
        euler(*CONTINUOUS),
        0.005,
        5e-7,
    ),
    "c-vf, continuous, 45 degrees": (
        asymmetric_in_time(45.0),
        pq.ContinualVectorFieldEP,
        euler(*CONTINUOUS),
        0.005,
        5e-7,
    ),
    "c-vf, continuous, 90 degrees": (
        asymmetric_in_time(90.0),
        pq.ContinualVectorFieldEP,
        euler(*CONTINUOUS),
        0.005,
        5e-7,
    ),
    "c-ep, continuous, energy, β of the paper's toy": (energy_based, pq.ContinualEP, euler(*CONTINUOUS), 0.01, 2e-6),
}


def sample(sizes, seed):
    if sizes[0] == 784:
        digits = load("mnist")
        found = digits.train_inputs[seed : seed + 1], digits.train_targets[seed : seed + 1]
    else:
        random = np.random.default_rng(seed)
        found = random.uniform(0, 1, (1, sizes[0])), random.uniform(0, 1, (1, sizes[-1]))
    return [jnp.asarray(x, float) for x in found]


def main(folder, *only):
    for sizes, seeds in (((10, 50, 5), range(3)), ((784, 512, 10), range(3))):
        print(f"\n| {'-'.join(map(str, sizes))} | β | η | neurons % | synapses % |\n|---|---|---|---|---|")
        for name, (build, rule, (free, nudged), beta, eta) in SETTINGS.items():
            if only and name not in only:
                continue
            model = build(sizes).compile()
            if sizes[0] == 10 and isinstance(free, pq.EulerSteps):
                free = pq.EulerSteps(free.dt, 5000)
            rows = []
            for seed in seeds:
                case = rule({}, eta, pq.OneSided(beta), free, nudged)
                params = model.init_parameters(jax.random.key(seed))
                found = pq.gradient_descending_updates(model, params, case, *sample(sizes, seed))
                rows.append([100 * found.relative(kind) for kind in ("neurons", "synapses")])
                if seed == 0:
                    file = f"gdu-{sizes[0]}-{name}".replace(", ", "-").replace(" ", "-").replace("β", "beta")
                    plot.to_file(folder / f"{file.replace('η', 'eta')}.svg", plot.update_curves, found)
            cells = [" ".join(f"{value:.2f}" for value in column) for column in np.transpose(rows)]
            print(f"| {name} | {beta} | {eta:g} | {cells[0]} | {cells[1]} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
