"""LagrangianEP and the time-reversed nudge against the exact adjoint: slopes in β, points on the circle, boundaries.

    python tests/benchmarks/lagrangian_extremals.py FOLDER

writes `lagrangian-ep.md` and `lagrangian-ep.svg` into the folder, in a few minutes. Double precision; chains of six
masses and springs, two samples.
"""

import sys
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)
sys.path.insert(0, str(Path(__file__).parents[1]))

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from chains import PERIOD, chain, damped, data, duffing, flat, linear, lossy, spread  # noqa: E402

import physeq as pq  # noqa: E402
from physeq.compile import action_gradient  # noqa: E402
from physeq.plot._figure import BLUE, GREEN, MARKERS, ORANGE, VERMILION, draw  # noqa: E402

SIZE = 4
BETAS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
POINTS = (2, 4, 6, 8, 12)
RADIUS = 0.02
COLOURS = (BLUE, VERMILION, GREEN, ORANGE)
ENDS = ({"nodes": np.linspace(0, 0.2, SIZE)}, {"nodes": 0.1 * np.cos(np.arange(SIZE))})
PERIODIC = (pq.Periodic(PERIOD), pq.HarmonicBalance(6))
CASES = {
    "periodic, linear": (linear, *PERIODIC),
    "periodic, Duffing": (duffing, *PERIODIC),
    "two-point, linear": (linear, pq.TwoPoint(*ENDS, duration=1.2), pq.Collocation(5, 3)),
    "two-point, Duffing": (duffing, pq.TwoPoint(*ENDS, duration=1.2), pq.Collocation(5, 3)),
}


class Point:
    """A model with parameters, data and its exact gradient."""

    def __init__(self, node, boundary, solver, edge=None):
        system = chain(node, size=SIZE) if edge is None else chain(node, edge, size=SIZE)
        self.model = system.trajectories(boundary, solver)
        self.params, (self.push, self.wanted) = spread(self.model), data(self.model)
        self.exact = flat(self.gradient(pq.ContinuousAdjoint())[0])

    def gradient(self, rule):
        return rule.gradient(self.model, self.params, self.push, self.wanted)

    def error(self, found):
        return float(np.linalg.norm(flat(found) - self.exact) / np.linalg.norm(self.exact))

    def errors(self, kind, betas):
        """Errors at several nudges, with one compilation."""
        found = jax.jit(
            lambda beta: pq.LagrangianEP(kind(beta)).estimate(self.model, self.params, self.push, self.wanted)[0]
        )
        return [self.error(found(jnp.asarray(beta))) for beta in betas]


def slope(betas, errors):
    return float(np.polyfit(np.log(betas), np.log(errors), 1)[0])


def nudges():
    """Rows of the first table and the curves of the first panel."""
    rows, curves = [], {}
    for name, case in CASES.items():
        point = Point(*case)
        for kind, fitted in ((pq.Centered, slice(1, 4)), (pq.OneSided, slice(1, 6))):
            errors = point.errors(kind, BETAS)
            label = f"{name}, {'centered' if kind is pq.Centered else 'one-sided'}"
            rows.append([label, *(f"{e:.1e}" for e in errors), f"{slope(BETAS[fitted], errors[fitted]):.3f}"])
            curves[label] = errors
    return rows, curves


def circles():
    """Rows and curves over the number of points on the circle."""
    rows, curves = [], {}
    for name, case in CASES.items():
        point = Point(*case)
        errors = [point.error(point.gradient(pq.LagrangianEP(pq.Holomorphic(RADIUS, n)))[0]) for n in POINTS]
        one_sided = point.error(point.gradient(pq.LagrangianEP(pq.OneSided(RADIUS)))[0])
        rows.append([name, *(f"{e:.1e}" for e in errors), f"{one_sided:.1e}"])
        curves[name] = errors
    return rows, curves


def losses():
    """Rows of the chain with losses: the bilinear contrast, and that of actions by hand."""
    rows = []
    boundaries = {
        "periodic": PERIODIC,
        "two-point": (pq.TwoPoint(*ENDS, duration=1.2), pq.Collocation(5, 3)),
        "initial value": (pq.InitialValue({"nodes": np.linspace(0, 0.2, SIZE)}, duration=6.0), pq.Collocation(10, 3)),
    }
    for name, (boundary, solver) in boundaries.items():
        point = Point(damped, boundary, solver, lossy)
        bilinear = point.error(point.gradient(pq.TimeReversedNudge())[0])
        plain = contrast_of_actions(point)
        right = point.exact
        cosine = float(plain @ right / np.linalg.norm(plain) / np.linalg.norm(right))
        wrong = float(np.linalg.norm(plain - right) / np.linalg.norm(right))
        rows.append([name, f"{bilinear:.1e}", f"{wrong:.2f}", f"{cosine:.2f}"])
    return rows


def contrast_of_actions(point, beta=1e-4):
    """What LagrangianEP would estimate if it did not refuse losses."""
    free, sides = point.model.solve(point.params, point.push).ys, []
    for sign in (1, -1):
        problem = point.model.problem(point.params, point.push, point.wanted, sign * beta)
        path, *_ = point.model.solver.find(problem, free)
        each = problem.map(lambda one, ys: action_gradient(one, ys, one.weights), path.ys)
        sides.append(flat(jax.tree.map(lambda g: -jnp.mean(g, 0) / (2 * beta), each)))
    return sides[0] - sides[1]


def boundary_terms():
    """Rows of initial values: how wrong the contrast is, and how much of that the reported term explains."""
    rows = []
    for name, node in (("linear", linear), ("Duffing", duffing)):
        start = pq.InitialValue({"nodes": np.linspace(0.3, 0, SIZE)}, duration=6.0)
        point = Point(node, start, pq.Collocation(10, 3))
        found, info = point.gradient(pq.LagrangianEP(pq.Centered(1e-3), accept_boundary_term=True))
        error = flat(found) - point.exact
        cosine = float(flat(found) @ point.exact / np.linalg.norm(flat(found)) / np.linalg.norm(point.exact))
        left = float(np.linalg.norm(error - flat(info.boundary)) / np.linalg.norm(error))
        wrong = float(np.linalg.norm(error) / np.linalg.norm(point.exact))
        rows.append([name, f"{wrong:.2f}", f"{cosine:.2f}", f"{left:.1e}"])
    return rows


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def picture(path, by_beta, by_points):
    def fill(figure):
        left, right = figure.subplots(1, 2)
        for i, (name, errors) in enumerate(by_beta.items()):
            style = "-" if "centered" in name else "--"
            left.loglog(BETAS, errors, style, color=COLOURS[i // 2], marker=MARKERS[i // 2], ms=4, label=name)
        left.set_xlabel("nudge β")
        left.set_ylabel("relative error of the gradient")
        left.legend(fontsize=6.5)
        for i, (name, errors) in enumerate(by_points.items()):
            right.semilogy(POINTS, errors, color=COLOURS[i], marker=MARKERS[i], ms=4, label=name)
        right.set_xlabel(f"points on the circle, r = {RADIUS}")
        right.legend(fontsize=7)

    draw(path, (9.0, 3.8), fill)


def main(folder):
    nudge_rows, by_beta = nudges()
    circle_rows, by_points = circles()
    picture(folder / "lagrangian-ep.svg", by_beta, by_points)
    text = PAGE.format(
        nudges=table(["motion, nudging", *(f"{b:g}" for b in BETAS), "slope"], nudge_rows),
        circles=table(["motion", *(f"N = {n}" for n in POINTS), "one-sided"], circle_rows),
        losses=table(["boundary", "bilinear, error", "contrast of actions, error", "its cosine"], losses()),
        boundaries=table(
            ["chain", "error of the contrast", "cosine", "left of it beside the reported term"], boundary_terms()
        ),
        size=SIZE,
        radius=RADIUS,
    )
    (folder / "lagrangian-ep.md").write_text(text, encoding="utf-8")


PAGE = """# Extremals of actions: the rules against the adjoint

Chains of {size} masses and springs, linear and Duffing, pushed at the first mass and read at the last; masses,
stiffnesses, couplings and, where there are any, losses are trained. Relative error of the whole
gradient to `ContinuousAdjoint`, which agrees with differences of the cost to 1e-7 in the tests. Double precision.

```sh
python tests/benchmarks/lagrangian_extremals.py FOLDER
```

![Error against the nudge, and against the number of points on the circle](lagrangian-ep.svg)

## Error in the nudge

`LagrangianEP`; the slope is fitted between 1e-2 and 1e-4 where centered, 1e-2 and 1e-6 where one-sided.

{nudges}

## On the circle

`LagrangianEP(Holomorphic(r, N))` at r = {radius}, beside the one-sided contrast at the same nudge.

{circles}

## Losses

Dampers at every mass and along every spring. `TimeReversedNudge` is exact; the contrast of actions, which
`LagrangianEP` refuses here, was formed by hand at β = 1e-4.

{losses}

## Initial values

`LagrangianEP(accept_boundary_term=True)` and the boundary term that it reports.

{boundaries}
"""


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
