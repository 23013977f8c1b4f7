"""EP, coupled and contrastive learning on the tasks of 100 nodes, each against the objective that it estimates.

    python tests/benchmarks/task_audits.py FOLDER

writes `learning-rules-audit.md` and `learning-rules-audit.svg` into the folder, in about three minutes. Double
precision; tests/systems/test_resistor_tasks.py asserts these numbers.
"""

import sys
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)
sys.path.insert(0, str(Path(__file__).parents[1]))

from task_cases import RULES, SAMPLES, TASKS, audited  # noqa: E402

from physeq.plot._figure import BLUE, GREEN, VERMILION, draw  # noqa: E402

WORDS = {"ep": "equilibrium propagation", "coupled": "coupled learning", "contrastive": "contrastive learning"}
COLOURS = {"ep": BLUE, "coupled": VERMILION, "contrastive": GREEN}
PAGE = f"""# Equilibrium propagation, coupled learning and contrastive learning, audited on their tasks

The networks of 100 nodes and 300 resistors and the tasks of [the comparison of the three rules](learning-rules.md).
Each estimate is held against the exact gradient, by implicit differentiation, of the objective that its rule follows:
equilibrium propagation the cost, coupled learning the stiffness-weighted cost, contrastive learning the contrastive
function. Double precision, the first {SAMPLES} training samples, seed 0, at the first parameters and after a tenth of
the epochs.

```sh
python tests/benchmarks/task_audits.py FOLDER
```

![Relative error against β or η on the four tasks](learning-rules-audit.svg)

Lines: at the first parameters; dashed: after a tenth of the epochs. Contrastive learning has no nudge, so its error is
one level.

| task | rule | parameters | least relative error | as trained | order in β or η | cosine to the cost's gradient |
|---|---|---|---|---|---|---|
{{lines}}

"As trained" is the error at the β = 0.1 or η = 0.1 of the experiments, "cosine to the cost's gradient" that of the
estimate with the smallest error.

`pytest -n 0 -m '' tests/systems/test_resistor_tasks.py` asserts: order 2 of centered equilibrium propagation and order
1 of coupled learning to 2 %, errors below 1e-8 and 1e-6, contrastive learning below 1e-12.
"""


def line(task, rule, trained, found):
    used = [one.relative_error for one in found.curve if one.beta is not None and abs(one.beta - 0.1) < 1e-9]
    return [
        task,
        WORDS[rule],
        "after a tenth" if trained else "first",
        f"{found.best.relative_error:.1e}",
        f"{used[0]:.1e}" if used else "the same",
        "–" if found.slope is None else f"{found.slope:.3f}",
        "–" if found.cost_cosine is None else f"{found.cost_cosine:.4f}",
    ]


def picture(path, found):
    def fill(figure):
        axes = figure.subplots(2, 2, sharex=True, sharey=True).ravel()
        for axis, task in zip(axes, TASKS, strict=True):
            for (name, rule, trained), audit in found.items():
                if name != task:
                    continue
                style = {"color": COLOURS[rule], "linestyle": "--" if trained else "-"}
                if not trained:
                    style["label"] = WORDS[rule]
                points = [(one.beta, one.relative_error) for one in audit.curve if one.beta is not None]
                if points:
                    axis.loglog(*zip(*points, strict=True), marker=".", ms=4, **style)
                else:
                    axis.axhline(audit.best.relative_error, **style)
            axis.set_title(task, fontsize=9)
        for axis in axes[2:]:
            axis.set_xlabel("β or η")
        for axis in axes[::2]:
            axis.set_ylabel("relative error")
        axes[0].legend(fontsize=7, loc="lower right", bbox_to_anchor=(1.0, 0.12))

    draw(path, (7.0, 5.5), fill)


def main(folder):
    found = {
        (task, rule, trained): audited(task, rule, trained=trained)
        for task in TASKS
        for rule in RULES
        for trained in (False, True)
    }
    picture(folder / "learning-rules-audit.svg", found)
    lines = "\n".join(f"| {' | '.join(line(*key, audit))} |" for key, audit in found.items())
    (folder / "learning-rules-audit.md").write_text(PAGE.format(lines=lines), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
