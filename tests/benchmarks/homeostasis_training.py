"""Jacobian homeostasis over training: antisymmetry of the Jacobian and the cosine of vector-field EP to the gradient.

    python tests/benchmarks/homeostasis_training.py FOLDER

writes `homeostasis.md` and `homeostasis.svg` into the folder, in some minutes. Double precision; the network and the
training of tests/unit/learn/test_jacobian_homeostasis.py, which asserts begin and end.
"""

import sys
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)
sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "unit" / "learn")]

from test_jacobian_homeostasis import measured, trained  # noqa: E402

from physeq.plot._figure import BLUE, VERMILION, draw  # noqa: E402

STEPS = (0, 30, 60, 100, 150, 200, 250, 300)
STRENGTHS = {"without": 0.0, "strength 0.03": 0.03}
PAGE = """# Jacobian homeostasis over training

`VectorFieldEP` alone and wrapped in `JacobianHomeostasis`, on ten prototypical units that are all joined both ways,
plain descent at the rate 0.05. ‖A‖/‖J‖ is the size of the antisymmetric part of the Jacobian at the free state, the
mean over the batch; the cosine is that of vector-field EP's estimate to the exact gradient, both at the parameters
that the training has reached. Double precision.

```sh
python tests/benchmarks/homeostasis_training.py FOLDER
```

![Antisymmetry and cosine over training](homeostasis.svg)

| step | {names} |
|---|{rule}
{lines}
"""


def curves():
    """{name: [(antisymmetry, cosine) after each number of steps]}."""
    found = {}
    for name, strength in STRENGTHS.items():
        found[name] = [measured(*trained(strength, steps)[:2]) for steps in STEPS]
    return found


def picture(path, found):
    def fill(figure):
        axes = figure.subplots(1, 2)
        for colour, (name, points) in zip((BLUE, VERMILION), found.items(), strict=True):
            for axis, values in zip(axes, zip(*points, strict=True), strict=True):
                axis.plot(STEPS, values, color=colour, marker="o", ms=4, label=name)
        for axis, label in zip(axes, ("‖A‖/‖J‖", "cosine to the gradient"), strict=True):
            axis.set_xlabel("training step")
            axis.set_ylabel(label)
            axis.legend(fontsize=8)

    draw(path, (8.0, 3.4), fill)


def main(folder):
    found = curves()
    picture(folder / "homeostasis.svg", found)
    lines = []
    for k, step in enumerate(STEPS):
        cells = " | ".join(f"{a:.3f} | {c:.3f}" for a, c in (points[k] for points in found.values()))
        lines.append(f"| {step} | {cells} |")
    names = " | ".join(f"{name}: ‖A‖/‖J‖ | cosine" for name in found)
    text = PAGE.format(names=names, rule="---|" * 2 * len(found), lines="\n".join(lines))
    (folder / "homeostasis.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
