"""EP, coupled and contrastive learning on tasks in random networks of 100 nodes: the same data, their own gradients."""

import jax
import numpy as np
import pytest
from task_cases import RULES, TASKS, audited, experiment_of, network_of

import physeq as pq

OBJECTIVES = {
    "ep": (pq.Objective.COST, 2, 1e-8),
    "coupled": (pq.Objective.STIFFNESS_WEIGHTED_COST, 1, 1e-6),
    "contrastive": (pq.Objective.CONTRASTIVE_FUNCTION, None, 1e-12),
}


@pytest.mark.parametrize("task", TASKS)
def test_tasks_differ_in_the_rule_and_its_pace_alone(task):
    files = [experiment_of(task, rule) for rule in RULES]
    assert [type(e.rule).__name__ for e in files] == [
        "EquilibriumPropagation",
        "CoupledLearning",
        "ContrastiveLearning",
    ]
    keys = ("system", "build", "data", "encode", "batch_size", "seed")
    assert all(e.table[key] == files[0].table[key] for e in files for key in keys)
    model, data = network_of(task)
    system = model.system
    assert system.topology.groups[0].size == 100
    assert (data.features, data.outputs) == (sum(i.size for i in system.inputs), system.outputs.size)
    assert data.train_labels is None


@pytest.mark.parametrize("trained", [False, True], ids=["first parameters", "after a tenth"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.quick("allosteric-linear-coupled-first parameters")
def test_each_rule_follows_its_own_objective(task, rule, trained):
    found = audited(task, rule, trained=trained)
    objective, order, error = OBJECTIVES[rule]
    assert found.admissible and found.objective is objective and found.order == order
    assert found.best.relative_error < error
    if order is not None:
        assert found.slope == pytest.approx(order, rel=0.02)
    if rule != "ep":
        assert found.cost_cosine < 1 - 1e-5  # or another objective would not be seen


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.quick("coupled")
def test_an_allosteric_task_is_learned(rule):
    """100 nodes, a third of the epochs: the cost falls at least fivefold already, for every rule."""
    experiment, (compiled, data) = experiment_of("allosteric-linear", rule), network_of("allosteric-linear")
    params = compiled.init_parameters(jax.random.key(0), dtype=np.float32)
    state = compiled.equilibrium(params, data.test_inputs)
    before = float(np.mean(compiled.cost(params, state.state, data.test_targets)))
    run = pq.fit(
        compiled,
        experiment.rule,
        data,
        params=params,
        optimizer=experiment.optimizer.build(),
        epochs=experiment.epochs // 3,
        batch_size=experiment.batch_size,
        progress=False,
    )
    assert before > 0.1 and run.test["cost"] < before / 5 and "error_percent" not in run.test
