"""Hamiltonian echoes beside backpropagation: error in the nudge, single steps, long and chaotic motions, memory.

    python tests/benchmarks/hamiltonian_echo.py FOLDER

writes `echo.md`, `echo.json` and `echo.svg` into the folder, in two to five minutes. Double precision, CPU.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)
sys.path.insert(0, str(Path(__file__).parents[1]))

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax.flatten_util import ravel_pytree  # noqa: E402
from oscillator_networks import model_of, oscillators, waves  # noqa: E402

import physeq as pq  # noqa: E402
from physeq.plot._figure import CYCLE, MARKERS, draw  # noqa: E402

BETAS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 3e-6, 1e-6, 1e-7, 1e-8)
STEP = 0.01
STEPS = 4000
NETWORKS = {
    "6 quartic": {"count": 6, "quartic": True},
    "50 linear": {"count": 50, "quartic": False},
    "50 quartic": {"count": 50, "quartic": True},
}
FITTED = slice(1, 5)  # where neither rounding nor higher orders of the nudge are seen
LENGTHS = (4_000, 8_000, 16_000, 40_000)
MEMORY = (1_000, 10_000, 100_000)
MEMORY_BETA = 1e-6


class Motion:
    """Oscillators with parameters and data, the gradient by backpropagation, and echoes of any nudge."""

    def __init__(self, network, steps, *, series=True):
        system = oscillators(**network, **({} if series else {"pushed": False, "ring": False}))
        self.model = model_of(system, steps, duration=STEP * steps)
        self.params = self.model.init_parameters(jax.random.key(0))
        self.data = waves(self.model) if series else (None, jnp.full((1, 2), 0.2))
        self.exact = pq.BackpropagationThroughTime(self.model.solver)

    def estimate(self, rule, params, data):
        return ravel_pytree(rule.estimate(self.model, params, *data, key=None, start=None)[0])[0]

    def errors(self, betas, nudging=pq.Centered):
        """Relative errors to backpropagation."""
        wanted = jax.jit(lambda p: self.estimate(self.exact, p, self.data))(self.params)
        run = jax.jit(lambda p, b: self.estimate(pq.HamiltonianEcho(nudging(b)), p, self.data))
        return [relative(run(self.params, b), wanted) for b in betas]

    def adjoint_error(self):
        found = jax.jit(lambda p: [self.estimate(r, p, self.data) for r in (pq.ContinuousAdjoint(), self.exact)])
        return relative(*found(self.params))

    def single_steps(self, beta):
        """(smallest cosine, largest relative difference) of what echo and backpropagation give for every step."""
        echo, steps = (
            each_step(rule.gradient_in_time(self.model, self.params, *self.data))
            for rule in (pq.HamiltonianEcho(pq.Centered(beta)), self.exact)
        )
        sizes = np.linalg.norm(steps, axis=1)
        cosines = np.sum(echo * steps, 1) / np.linalg.norm(echo, axis=1) / sizes
        return float(cosines.min()), float(np.max(np.linalg.norm(echo - steps, axis=1) / sizes))


def relative(found, wanted):
    return float(np.linalg.norm(np.asarray(found) - wanted) / np.linalg.norm(wanted))


def each_step(tree):
    return np.concatenate([np.asarray(a).reshape(len(a), -1) for a in jax.tree.leaves(tree)], -1)


# ---- memory --------------------------------------------------------------------------------------------------------

RULES = {
    "echo": lambda model: pq.HamiltonianEcho(pq.Centered(MEMORY_BETA)),
    "adjoint, backwards": lambda model: pq.ContinuousAdjoint(),
    "backpropagation": lambda model: pq.BackpropagationThroughTime(model.solver),
}


def memory(steps, *, series=False):
    """What one gradient of 50 linear oscillators needs: {rule: (temporary bytes, bytes of data, seconds, gradient)}."""
    motion, found = Motion({"count": 50, "quartic": False}, steps, series=series), {}
    for name, make in RULES.items():
        rule = make(motion.model)
        run = jax.jit(lambda p, d, r=rule: motion.estimate(r, p, d)).lower(motion.params, motion.data).compile()
        sizes = run.memory_analysis()
        jax.block_until_ready(run(motion.params, motion.data))
        began = time.perf_counter()
        gradient = jax.block_until_ready(run(motion.params, motion.data))
        seconds = time.perf_counter() - began
        found[name] = (sizes.temp_size_in_bytes, sizes.argument_size_in_bytes, seconds, np.asarray(gradient))
    return found


def peak(name, steps):
    """Most memory that a process of its own ever held which computes one gradient, in bytes."""
    command = [sys.executable, __file__, "--peak", name, str(steps)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_peak(name, steps):
    motion = Motion({"count": 50, "quartic": False}, steps, series=False)
    rule = RULES[name](motion.model)
    jax.block_until_ready(jax.jit(lambda p: motion.estimate(rule, p, motion.data))(motion.params))
    # `getrusage` would give that of the process which started this one, where it was larger.
    status = Path("/proc/self/status").read_text()
    print(int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024)


# ---- the page ------------------------------------------------------------------------------------------------------


def measure():
    """All numbers of the page."""
    found = {"betas": BETAS, "errors": {}, "adjoint": {}, "single steps": {}, "lengths": {}, "memory": [], "series": []}
    for name, network in NETWORKS.items():
        motion = Motion(network, STEPS)
        found["errors"][name] = motion.errors(BETAS)
        found["adjoint"][name] = motion.adjoint_error()
        found["single steps"][name] = motion.single_steps(BETAS[4])
        longer = [Motion(network, steps) for steps in LENGTHS]
        found["lengths"][f"{name}, echo"] = [min(m.errors(BETAS[3:])) for m in longer]
        found["lengths"][f"{name}, adjoint"] = [m.adjoint_error() for m in longer]
    found["one-sided"] = Motion(NETWORKS["6 quartic"], STEPS).errors(BETAS, pq.OneSided)
    for steps in MEMORY:
        rules = memory(steps)
        wanted = rules["adjoint, backwards"][3]
        for name, (temporary, _, seconds, gradient) in rules.items():
            row = {"rule": name, "steps": steps, "temporary": temporary, "peak": peak(name, steps)}
            found["memory"].append(row | {"seconds": seconds, "error": relative(gradient, wanted)})
        for name, (temporary, data, _, _) in memory(steps, series=True).items():
            found["series"].append({"rule": name, "steps": steps, "temporary": temporary, "data": data})
    return found


def slope(betas, errors):
    """The exponent of a power law, by least squares in logarithms."""
    return float(np.polyfit(np.log(betas[FITTED]), np.log(errors[FITTED]), 1)[0])


def picture(found, path):
    def fill(figure):
        left, right = figure.subplots(1, 2)
        for k, (name, errors) in enumerate(found["errors"].items()):
            left.loglog(found["betas"], errors, MARKERS[k] + "-", color=CYCLE[k], label=name)
        left.loglog(found["betas"], found["one-sided"], "x:", color=CYCLE[0], label="6 quartic, one-sided")
        left.set_xlabel("nudge ε")
        left.set_ylabel("relative error to backpropagation")
        left.set_title(f"{STEPS} steps", fontsize=10)
        for k, name in enumerate(RULES):
            rows = [row for row in found["memory"] if row["rule"] == name]
            right.loglog([r["steps"] for r in rows], [r["temporary"] for r in rows], MARKERS[k] + "-", color=CYCLE[k],
                         label=name)  # fmt: skip
        right.set_xlabel("steps")
        right.set_ylabel("temporary memory, bytes")
        right.set_title("50 linear oscillators", fontsize=10)
        for axis in (left, right):
            axis.grid(True, alpha=0.25)
            axis.legend(frameon=False, fontsize=8)

    return draw(path, (9.0, 3.8), fill)


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def size(count):
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count} B"


def page(found):
    betas = found["betas"]
    errors = [
        [name, *(f"{e:.1e}" for e in values), f"{slope(betas, values):.3f}"] for name, values in found["errors"].items()
    ]
    single = found["one-sided"]
    errors.append(["6 quartic, one-sided", *(f"{e:.1e}" for e in single), f"{slope(betas, single):.3f}"])
    exact = [
        [name, f"{found['adjoint'][name]:.1e}", f"1 − {1 - cosine:.0e}", f"{worst:.1e}"]
        for name, (cosine, worst) in found["single steps"].items()
    ]
    lengths = [[name, *(f"{e:.1e}" for e in values)] for name, values in found["lengths"].items()]
    needed = [
        [r["rule"], str(r["steps"]), size(r["temporary"]), size(r["peak"]), f"{r['seconds']:.2g}", f"{r['error']:.1e}"]
        for r in found["memory"]
    ]
    series = [[r["rule"], str(r["steps"]), size(r["temporary"]), size(r["data"])] for r in found["series"]]
    return f"""# Hamiltonian echoes beside backpropagation

`HamiltonianEcho` on `Leapfrog` trajectories of rings of oscillators, T = ½ m ẋ² and V = ½ k x² + ¼ a x⁴ (a = 0 where
linear), joined by springs, started from random positions and velocities, pushed at two nodes and read at two by the
running cost ½(x − y(t))². Masses, stiffnesses and couplings are trained. h = {STEP:g}, double precision; the
reference is backpropagation through the same steps.

```sh
python tests/benchmarks/hamiltonian_echo.py FOLDER
```

![Error against the nudge, memory against the number of steps](echo.svg)

Source of the rule: Pourcel and Ernoult 2025, arXiv:2506.05259; no numbers of the paper are compared.

## Error in the nudge

Relative error over {STEPS} steps. It falls as ε² down to a floor of rounding, which grows as 1/ε. The slope is fitted
between ε = {betas[FITTED][0]:g} and {betas[FITTED][-1]:g}.

{table(["ε", *(f"{b:g}" for b in betas), "slope"], errors)}

Goals: 1e-8 for 6 quartic and 50 linear oscillators, 1e-7 for 50 quartic ones.

## Single steps

The adjoint run backwards (`ContinuousAdjoint`, whole gradient) against backpropagation, then what every one of the
{STEPS} steps adds to the gradient, by an echo of ε = {betas[4]:g} and by backpropagation with parameters of its own
for every step (`gradient_in_time`): the smallest cosine and the largest relative difference of all steps.

{table(["oscillators", "adjoint, relative error", "smallest cosine", "largest difference"], exact)}

## Longer motions

The error at the best of the nudges from {betas[3]:g} down, and that of the adjoint, whose states are found by running
the motion backwards too. Linear motions keep their accuracy. Where neighbouring motions part exponentially rounding
does too, until nothing of the gradient is left.

{table(["steps", *(str(n) for n in LENGTHS)], lengths)}

## Memory

A chain of 50 linear oscillators without inputs, constant target, ε = {MEMORY_BETA:g}. Temporary memory is what the
compiled program allocates beside its arguments and results; the peak is that of a whole process that computes one
gradient, JAX included. Errors are relative to the adjoint run backwards. Times are of a shared machine.

{table(["rule", "steps", "temporary", "peak of the process", "seconds", "relative error"], needed)}

With series of inputs and targets the data themselves grow with the number of steps, and nothing else does:

{table(["rule", "steps", "temporary", "data"], series)}
"""


def main(folder):
    found = measure()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "echo.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    picture(found, folder / "echo.svg")
    (folder / "echo.md").write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "--peak":
        print_peak(sys.argv[2], int(sys.argv[3]))
    else:
        main(Path(sys.argv[1]))
