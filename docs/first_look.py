"""Draw the picture of the README: `python docs/first_look.py` trains a network of resistors and diodes and audits it.

Left: the trained network, voltages and currents of one sample. Middle: the curve that was wanted and those before and
after training. Right: errors of two estimates of its gradient against the exact one. About a minute on one core.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np

import physeq as pq
from physeq.experiment import read_experiment
from physeq.loading import load_system

HERE = Path(__file__).parent
PICTURE = HERE / "_static" / "first-look.svg"
FOLDER = HERE.parent / "systems" / "resistor_network"
VOLTAGE = "voltage (V)"


def main(path: Path = PICTURE) -> Path:
    """Train, audit, draw."""
    jax.config.update("jax_enable_x64", True)
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "physeq"  # the same picture from the same numbers
    experiment = read_experiment(FOLDER / "regression-nonlinear-ep.toml")
    variant = load_system(FOLDER).variant(experiment.system)
    model, data = experiment.build_model(variant), experiment.load_data(variant)
    trained = pq.fit(
        model, experiment.rule, data, optimizer=experiment.optimizer.build(), epochs=experiment.epochs,
        batch_size=experiment.batch_size, seed=experiment.seed,
    )  # fmt: skip
    blank = model.init_parameters(jax.random.key(experiment.seed))
    inputs, targets = jnp.asarray(data.train_inputs), jnp.asarray(data.train_targets)
    few = slice(0, 10)
    newton = experiment.rule.free
    audits = {
        name: pq.audit(model, trained.params, rule, inputs[few], targets[few])
        for name, rule in {
            "one-sided EP": pq.EquilibriumPropagation(pq.OneSided(0.1), free=newton),
            "centered EP": pq.EquilibriumPropagation(pq.Centered(0.1), free=newton),
        }.items()
    }

    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(15, 4.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.35, 0.9, 1))
    state = model.equilibrium(trained.params, inputs)
    sample = int(jnp.argmax(jnp.abs(inputs).max(-1)))
    currents = pq.plot.flows(model, trained.params, state, inputs, sample=sample)
    pq.plot.graph(model, state, currents, sample=sample, ax=left, title="a trained network of resistors and diodes")
    _curves(middle, model, {"before": blank, "after training": trained.params}, inputs, targets)
    pq.plot.audit_curve(audits, ax=right)
    pq.plot.save(figure, path)
    return path


def _curves(axis, model, parameters, inputs, targets) -> None:
    order = np.argsort(np.asarray(inputs)[:, 0])
    across = np.asarray(inputs)[order, 0]
    axis.plot(across, np.asarray(targets)[order, 0], "k--", lw=3, alpha=0.5, label="wanted")
    for (name, params), look in zip(parameters.items(), ({"c": "#56B4E9", "ls": ":"}, {"c": "#D55E00"}), strict=True):
        found = model.predict(params, model.equilibrium(params, inputs))
        axis.plot(across, np.asarray(found)[order, 0], lw=2, label=name, **look)
    axis.set(xlabel=f"source {VOLTAGE}", ylabel=f"output {VOLTAGE}", title="what it has learnt by local updates")
    axis.legend(frameon=False)


if __name__ == "__main__":
    print(main())
