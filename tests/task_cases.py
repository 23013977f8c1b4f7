"""The tasks in random resistor networks of 100 nodes, as their experiments say, to audit the rules that train them."""

from functools import cache
from pathlib import Path

import jax

import physeq as pq
from physeq.experiment import read_experiment
from physeq.loading import load_system

SYSTEM = Path(__file__).parents[1] / "systems" / "resistor_network"
TASKS = tuple(f"{task}-{net}" for task in ("allosteric", "regression") for net in ("linear", "nonlinear"))
RULES = ("ep", "coupled", "contrastive")
SAMPLES = 8


@cache
def experiment_of(task, rule):
    """The experiment file of a rule on a task."""
    return read_experiment(SYSTEM / f"{task}-{rule}.toml")


@cache
def network_of(task):
    """(model, data), which the rules share."""
    experiment = experiment_of(task, RULES[0])
    variant = load_system(SYSTEM).variants[experiment.system]
    return experiment.build_system(variant).compile(), experiment.load_data(variant)


def audited(task, rule, *, trained):
    """The audit of an experiment's rule: at the first parameters, or after a tenth of its epochs."""
    experiment, (model, data) = experiment_of(task, rule), network_of(task)
    params = model.init_parameters(jax.random.key(experiment.seed))
    if trained:
        run = pq.fit(
            model,
            experiment.rule,
            data,
            params=params,
            optimizer=experiment.optimizer.build(),
            epochs=experiment.epochs // 10,
            batch_size=experiment.batch_size,
            seed=experiment.seed,
            progress=False,
        )
        params = run.params
    return pq.audit(model, params, experiment.rule, data.train_inputs[:SAMPLES], data.train_targets[:SAMPLES])
