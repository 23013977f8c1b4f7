"""RC networks with diodes: steady states that the circuit itself relaxes to, and learning from them."""

import jax
import numpy as np
import pytest
from system_files import SYSTEMS, model

import physeq as pq
from physeq.experiment import read_experiment

networks = model("resistor_network")
KEY = jax.random.key(0)
RELAXATION = pq.Relaxation(10.0, 1e-9, 1e-8, 1e-10, pq.Implicit(), 2000)


@pytest.fixture(scope="module")
def network():
    system = networks.rc_diodes((6, 4, 3))
    compiled = system.compile()
    u, y = networks.probe_doubled(system, 0)
    return compiled, compiled.init_parameters(KEY), 3 * u[:2], y[:2]


@pytest.mark.slow
def test_relaxation_ends_where_the_motion_and_newton_do(network):
    compiled, params, u, _ = network
    found = compiled.equilibrium(params, u, finder=RELAXATION)
    rest = compiled.equilibrium(params, u, finder=pq.Newton())
    motion = compiled.simulate(params, u[1], t1=0.1, rtol=1e-9)
    for group in ("hidden", "output"):
        np.testing.assert_allclose(found[group]["v"], rest[group]["v"], atol=1e-8)
        np.testing.assert_allclose(motion[f"{group}.v"][-1], rest[group]["v"][1], atol=1e-8)
    # Capacitors do not matter at rest, but set the time it takes.
    slow = {**params, "hidden.capacitor": {"C": 100 * params["hidden.capacitor"]["C"]}}
    early = compiled.simulate(slow, u[1], t1=0.01, rtol=1e-9)["hidden.v"][-1]
    assert np.max(np.abs(early - rest["hidden"]["v"][1])) > 1e-3


@pytest.mark.slow
def test_the_gradient_of_relaxed_phases(network):
    """Phases found by the physical dynamics, against implicit differentiation; β is far above their tolerance."""
    compiled, params, u, y = network
    exact, _ = pq.ImplicitDifferentiation(finder=pq.Newton()).gradient(compiled, params, u, y)
    rule = pq.EquilibriumPropagation(pq.Centered(1e-3), free=RELAXATION, nudged=RELAXATION)
    found, _ = rule.gradient(compiled, params, u, y)
    for name, own in exact.items():
        for key, wanted in own.items():
            scale = np.max(np.abs(wanted)) + 1e-12
            np.testing.assert_allclose(found[name][key], wanted, atol=2e-5 * scale, err_msg=f"{name}.{key}")


def test_implicit_relaxation_refuses_single_precision(network):
    compiled, params, u, _ = network
    single = jax.tree.map(lambda x: np.asarray(x, np.float32), params)
    with pytest.raises(pq.ModelError, match=r"Implicit\(\) needs double precision"):
        compiled.equilibrium(single, u.astype(np.float32), finder=RELAXATION)


@pytest.mark.slow
def test_training_by_relaxation_follows_training_by_newton():
    trained = []
    for name in ("relaxation", "newton"):
        experiment = read_experiment(SYSTEMS / "resistor_network" / f"iris-rc-{name}.toml")
        variant = networks.variants[experiment.system]
        data = experiment.load_data(variant)
        compiled = experiment.build_system(variant).compile()
        result = pq.fit(
            compiled, experiment.rule, (data.train_inputs, data.train_targets), params=compiled.init_parameters(KEY),
            optimizer=experiment.optimizer.build(), epochs=3, batch_size=5, progress=False,
        )  # fmt: skip
        trained.append(result.params)
    for name, own in trained[0].items():
        for key, values in own.items():
            np.testing.assert_allclose(values, trained[1][name][key], atol=2e-3, err_msg=f"{name}.{key}")
