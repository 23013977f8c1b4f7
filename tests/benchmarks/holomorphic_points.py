"""Holomorphic EP against the number of points on its circle, at the recommended radius, beside one-sided EP there.

    python tests/benchmarks/holomorphic_points.py FOLDER

writes `holomorphic-ep.md` and `holomorphic-ep.svg` into the folder, in about two minutes. Double precision; the cases
of tests/unit/learn/test_holomorphic_ep.py, which asserts these numbers.
"""

import sys
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)
sys.path.insert(0, str(Path(__file__).parents[1]))

from holomorphic_cases import case  # noqa: E402

import physeq as pq  # noqa: E402
from physeq.plot._figure import BLUE, GREEN, MARKERS, ORANGE, VERMILION, draw  # noqa: E402

CASES = {
    "layered": "layered, smooth units",
    "hopfield:graph": "arbitrary graph, smooth units",
    "junctions": "exponential diodes, 1e-4 S",
    "xy": "XY phases",
}
COLOURS = (BLUE, VERMILION, GREEN, ORANGE)
PAGE = """# Holomorphic EP: the number of points on the circle

Relative error of `HolomorphicEP(r, N)` to implicit differentiation in double precision, at the radius r = R/4 that
the audit recommends; R is the distance in β to the nearest singularity, in the unit of the energy over that of the
cost. The decrease is geometric, error ≈ c qᴺ with q near r/R = 1/4 until rounding ends it. One-sided EP at β = r, the
same finite nudge, is off by what the last column says.

```sh
python tests/benchmarks/holomorphic_points.py FOLDER
```

![Error against the number of points; one-sided EP at the same radius as dashed levels](holomorphic-ep.svg)

| network | R | {points} | q | one-sided EP at β = r |
|{rule}
{lines}

`pytest -n 0 -m '' tests/unit/learn/test_holomorphic_ep.py -k quarter` asserts for each of them: at most 1e-9 with 16
points, at most 1e-12 with 32, q between 0.1 and 0.3, one-sided EP off by more than 1e-3.
"""


def circles():
    """{case: the audit of its circle}."""
    found = {}
    for name in CASES:
        model, params, inputs, target = case(name)
        found[name] = pq.audit(model, params, pq.HolomorphicEP(), inputs, target).holomorphic
    return found


def picture(path, found):
    def fill(figure):
        axis = figure.subplots()
        for k, (name, circle) in enumerate(found.items()):
            points = [(one.points, one.relative_error) for one in circle.over_points]
            axis.semilogy(*zip(*points, strict=True), color=COLOURS[k], marker=MARKERS[k], ms=4, label=CASES[name])
            axis.axhline(circle.one_sided, color=COLOURS[k], linestyle="--", linewidth=0.8)
        axis.set_xlabel("points N on the circle, r = R/4")
        axis.set_ylabel("relative error of the gradient")
        axis.legend(fontsize=7)

    draw(path, (5.5, 3.8), fill)


def main(folder):
    found = circles()
    picture(folder / "holomorphic-ep.svg", found)
    counts = [one.points for one in next(iter(found.values())).over_points]
    lines = []
    for name, circle in found.items():
        errors = " | ".join(f"{one.relative_error:.1e}" for one in circle.over_points)
        lines.append(
            f"| {CASES[name]} | {circle.singularity.distance:.2g} | {errors} | {circle.ratio:.2f} | "
            f"{circle.one_sided:.2g} |"
        )
    text = PAGE.format(
        points=" | ".join(f"N = {n}" for n in counts), rule="---|" * (len(counts) + 4), lines="\n".join(lines)
    )
    (folder / "holomorphic-ep.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
