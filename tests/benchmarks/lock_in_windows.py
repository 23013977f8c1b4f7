"""What the lock-in window of frequency propagation does: bias in β, leakage, noise and lag, measured and predicted.

    python tests/benchmarks/lock_in_windows.py FOLDER

writes `lock-in-windows.md` and `lock-in-windows.svg` into the folder, in about two minutes. Double precision; the
random networks of `systems/resistor_network` with 12 nodes, five random samples, errors relative to the exact gradient.
"""

import importlib.util
import sys
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import numpy as np  # noqa: E402
from jax.flatten_util import ravel_pytree  # noqa: E402

import physeq as pq  # noqa: E402
from physeq.plot._figure import BLUE, GREEN, MARKERS, ORANGE, VERMILION, draw  # noqa: E402

spec = importlib.util.spec_from_file_location(
    "resistor_network", Path(__file__).parents[2] / "systems/resistor_network/model.py"
)
networks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(networks)

BETAS = (1e-1, 1e-2, 1e-3, 1e-4, 3e-5)
WINDOW_BETA = 0.1
HALVES = (1.5, 2.5, 4.5, 8.5, 16.5, 32.5, 64.5, 128.5)
WHOLE = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SIGMAS = (1e-4, 1e-3)
DRAWS = 40
TIME_CONSTANTS = (10, 20, 40, 80, 160)


class Point:
    """A network with parameters, data and the exact gradient."""

    def __init__(self, system, finder, inputs=None):
        self.system, self.model, self.finder = system, system.compile(), finder
        self.params = self.model.init_parameters(jax.random.key(0), dtype=float)
        random = np.random.default_rng(0)
        self.inputs = random.uniform(-1, 1, (5, 3)) if inputs is None else inputs
        self.target = random.uniform(-0.5, 0.5, (5, system.outputs.size))
        self.exact = self.estimate(pq.ImplicitDifferentiation(finder))

    def estimate(self, rule, key=None):
        found = rule.estimate(self.model, self.params, self.inputs, self.target, key=key, start=None)[0]
        return np.asarray(ravel_pytree(found)[0])

    def error(self, rule):
        return float(np.linalg.norm(self.estimate(rule) - self.exact) / np.linalg.norm(self.exact))

    def errors(self, make, values):
        """Relative errors of `make(value)`, compiled once."""
        run = jax.jit(lambda v: ravel_pytree(self._gradient(make(v)))[0])
        return [float(np.linalg.norm(np.asarray(run(v)) - self.exact) / np.linalg.norm(self.exact)) for v in values]

    def _gradient(self, rule, key=None):
        return rule.estimate(self.model, self.params, self.inputs, self.target, key=key, start=None)[0]

    def scatter(self, rule):
        """Root mean square of the relative deviation from the exact gradient over the draws."""
        run = jax.jit(lambda keys: jax.lax.map(lambda k: ravel_pytree(self._gradient(rule, k))[0], keys))
        found = np.asarray(run(jax.random.split(jax.random.key(1), DRAWS)))
        return float(np.sqrt(np.mean(np.sum((found - self.exact) ** 2, 1))) / np.linalg.norm(self.exact))

    def drops(self):
        """Δv of every resistor, `(batch, resistors)`, and how many of its ends are read with noise."""
        v = np.asarray(pq.equilibrium(self.model, self.params, self.inputs, finder=self.finder)["nodes"]["v"])
        rows = np.asarray(
            self.system.placement("edges").pattern.rows(self.system.sizes(self.system.placement("edges")))
        )
        return v[:, rows[:, 0]] - v[:, rows[:, 1]], (rows > 3).sum(1)  # ground and the three sources are known


def slope(x, values):
    """The exponent of a power law, by least squares in logarithms."""
    return float(np.polyfit(np.log(x), np.log(values), 1)[0])


def measure():
    """All numbers of the page."""
    linear = Point(networks.linear(), pq.LinearSolve())
    diodes = Point(networks.nonlinear(), pq.Newton(tolerance=0.0))
    found = {"bias": {}}
    for name, point in (("linear", linear), ("junction diodes", diodes)):
        finder = point.finder
        found["bias"][name] = (
            point.errors(lambda b, f=finder: pq.FrequencyPropagation(b, free=f), BETAS),
            point.errors(lambda b, f=finder: pq.EquilibriumPropagation(pq.Centered(b), free=f), BETAS),
        )
    size, (drops, ends) = np.linalg.norm(linear.exact), linear.drops()
    powers = np.linalg.norm(np.mean(drops**2 / 2, 0)) / size

    def at(window, beta=WINDOW_BETA):
        return pq.FrequencyPropagation(beta, window, free=linear.finder)

    found["plain"] = [linear.error(at(pq.LockIn(p))) for p in HALVES]
    found["predicted"] = [abs(pq.LockIn(p).leakage) / WINDOW_BETA * powers for p in HALVES]
    found["fitted"] = [linear.error(at(pq.LockIn(p, fitted=True))) for p in HALVES]
    found["whole"] = linear.error(at(pq.LockIn()))
    found["noise"], found["noise predicted"] = {}, {}
    for sigma in SIGMAS:
        windows = [pq.LockIn(p, noise=pq.GaussianNoise(sigma)) for p in WHOLE]
        found["noise"][sigma] = [linear.scatter(at(w)) for w in windows]
        # Var g = (2/β)² σ² ends Σ Δv²/B² · 1/(2N), summed over the resistors.
        variance = (2 / WINDOW_BETA * sigma) ** 2 * np.sum(ends * np.sum(drops**2, 0)) / len(drops) ** 2
        found["noise predicted"][sigma] = [float(np.sqrt(variance / (2 * w.count)) / size) for w in windows]
    random = np.random.default_rng(0)
    capacitors = Point(networks.rc_diodes(), pq.Newton(tolerance=0.0), random.uniform(-1, 1, (5, 6)))
    rate = 1e-3  # s: 1 mF at conductances of the order of 1 S
    found["lag"] = [
        capacitors.error(
            pq.FrequencyPropagation(
                1e-3, free=capacitors.finder, dynamics=pq.NudgeInTime(rate * t, discard=2, rtol=1e-8, atol=1e-11)
            )
        )
        for t in TIME_CONSTANTS
    ]
    return found


def picture(found, path):
    def fill(figure):
        (a, b), (c, d) = figure.subplots(2, 2)
        for k, (name, (own, centered)) in enumerate(found["bias"].items()):
            colour = (BLUE, VERMILION)[k]
            a.loglog(BETAS, own, color=colour, marker=MARKERS[k], label=name)
            a.loglog(BETAS, centered, ":", color=colour, label=f"{name}, centered EP")
        a.set_xlabel("amplitude β of the nudge")
        a.set_title("whole periods: bias", fontsize=10)
        b.loglog(HALVES, found["plain"], "o", color=VERMILION, label="half a period more")
        b.loglog(HALVES, found["predicted"], color="black", linewidth=1, label="leakage, predicted")
        b.loglog(HALVES, found["fitted"], "s-", color=GREEN, label="the same, fitted")
        b.axhline(found["whole"], color=BLUE, linestyle="--", label="whole periods")
        b.set_xlabel("length of the window, periods")
        b.set_title(f"other windows, β = {WINDOW_BETA:g}", fontsize=10)
        for k, sigma in enumerate(SIGMAS):
            c.loglog(WHOLE, found["noise"][sigma], MARKERS[k], color=(BLUE, ORANGE)[k], label=f"σ = {1e3 * sigma:g} mV")
            label = "1/√window, predicted" if k == 0 else None
            c.loglog(WHOLE, found["noise predicted"][sigma], color="black", linewidth=1, label=label)
        c.axhline(found["whole"], color=BLUE, linestyle="--", label="without noise")
        c.set_xlabel("length of the window, periods")
        c.set_title(f"noisy readings, β = {WINDOW_BETA:g}", fontsize=10)
        d.loglog(TIME_CONSTANTS, found["lag"], "o-", color=BLUE, label="capacitors, junction diodes")
        d.loglog(TIME_CONSTANTS, [found["lag"][-1] * (TIME_CONSTANTS[-1] / t) ** 2 for t in TIME_CONSTANTS],
                 color="black", linewidth=1, label="1/period²")  # fmt: skip
        d.set_xlabel("period of the nudge, ms")
        d.set_title("finite frequency: lag", fontsize=10)
        for axis in (a, b, c, d):
            axis.set_ylabel("relative error of the gradient")
            axis.grid(True, alpha=0.25)
            axis.legend(frameon=False, fontsize=8)

    return draw(path, (9.0, 7.0), fill)


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def numbers(values):
    return [f"{v:.2e}" for v in values]


def page(found):
    bias = [
        [f"{name}, {rule}", *numbers(values), f"{slope(BETAS[:4], values[:4]):.3f}"]
        for name, pair in found["bias"].items()
        for rule, values in zip(("frequency propagation", "centered EP"), pair, strict=True)
    ]
    windows = [
        ["plain", *numbers(found["plain"]), f"{slope(HALVES, found['plain']):.3f}"],
        ["plain, predicted", *numbers(found["predicted"]), f"{slope(HALVES, found['predicted']):.3f}"],
        ["fitted", *numbers(found["fitted"]), ""],
    ]
    noise = []
    for sigma in SIGMAS:
        for name, key in (("measured", "noise"), ("predicted", "noise predicted")):
            values = found[key][sigma]
            noise.append([f"σ = {1e3 * sigma:g} mV, {name}", *numbers(values), f"{slope(WHOLE[:6], values[:6]):.3f}"])
    lag = [["error", *numbers(found["lag"]), f"{slope(TIME_CONSTANTS[2:], found['lag'][2:]):.3f}"]]
    return f"""# Windows of the lock-in

Frequency propagation reads the gradient with a lock-in of 8 samples per period. These are relative errors to implicit
differentiation in double precision, in the random resistor networks of 12 nodes (`systems/resistor_network`, `linear`
and `nonlinear`), five random samples. "Slope" is the exponent of the error as a power of what heads the columns.

```sh
python tests/benchmarks/lock_in_windows.py FOLDER
```

![Bias, leakage, noise and lag](lock-in-windows.svg)

## Whole periods

The bias falls as β², and is three quarters of that of centered EP at the same amplitude.

{table(["β", *(f"{b:g}" for b in BETAS), "slope to 1e-4"], bias)}

## Windows that are no whole number of periods

The mean of ∂F/∂θ leaks into its sine component: (leakage/β) ∂F/∂θ of the free state, with a leakage of
(2/N) Σ sin φ_n, about 2/(π·periods) for half a period too much. At β = {WINDOW_BETA:g}, where whole periods leave
{found["whole"]:.2e}, the linear network has:

{table(["periods", *(f"{p:g}" for p in HALVES), "slope"], windows)}

A fit of mean and sine by least squares (`LockIn(..., fitted=True)`) keeps the mean out. What leaks
then are even harmonics.

## Noise

Every reading of a voltage has an error of its own, σ·N(0, 1) on nodes that are not held. Root mean square of the
relative error over {DRAWS} draws, linear network, β = {WINDOW_BETA:g}; the prediction has no free constant and leaves
the bias out, at which the smaller noise levels off. The slope is that of the first six windows.

{table(["periods", *(f"{p:g}" for p in WHOLE), "slope"], noise)}

## Finite frequency

The network of junction diodes with a capacitor of 1 mF at every free node (`rc_diodes`, 6-8-3) follows a nudge of
β = 1e-3 in time. The lag leaves an error that falls with the square of the period:

{table(["period, ms", *(f"{t:g}" for t in TIME_CONSTANTS), "slope from 40"], lag)}
"""


def main(folder):
    found = measure()
    picture(found, folder / "lock-in-windows.svg")
    (folder / "lock-in-windows.md").write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
