"""Experiment files and loading of systems: what is read, and what is said of mistakes."""

import tomllib

import numpy as np
import optax
import pytest
from small_system import EXPERIMENT, MODEL, write_system

import physeq as pq
from physeq.experiment import parse_experiment, read_experiment
from physeq.loading import SystemNotFound, load_system, system_folders
from physeq.optimizer import OPTIMIZERS, OptimizerSettings
from physeq.toml import write_toml


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_system(tmp_path)
    return tmp_path


def changed(old, new):
    assert old in EXPERIMENT
    return parse_experiment(tomllib.loads(EXPERIMENT.replace(old, new)), "moons", "moons.toml")


# ---- experiments -----------------------------------------------------------------------------------------------------


def test_reading_and_building(here):
    experiment = read_experiment(here / "systems/small/moons.toml")
    assert (experiment.name, experiment.system, experiment.seed, experiment.epochs) == ("moons", "smooth", 1, 3)
    assert experiment.rule == pq.EquilibriumPropagation(
        nudging=pq.Centered(0.1), free=pq.FixedPoint(20), nudged=pq.FixedPoint(10)
    )
    variant = load_system("small").variant("smooth")
    system = experiment.build_system(variant)
    assert [group.size for group in system.topology.groups] == [2, 4, 2]
    data = experiment.load_data(variant)
    assert (len(data.train_inputs), len(data.test_inputs)) == (40, 20)


def test_optimizer_as_described(here):
    model = load_system("small").variant("smooth").build().compile()
    rates = changed("rate = 0.5", "rate = 0.5").optimizer.build()
    optimizer = rates.build(model, steps_per_epoch=1)
    params = {"input->hidden": {"w": np.ones((2, 3))}, "hidden->output": {"w": np.ones((3, 2))}}
    params |= {"hidden": {"b": np.ones(3)}, "output": {"b": np.ones(2)}}
    state = optimizer.init(params)
    first, state = optimizer.update(params, state, params)
    second, _ = optimizer.update(params, state, params)
    # Momentum ½ adds half of the first step; the rate falls by 0.9 after an epoch of one step.
    assert np.allclose(first["input->hidden"]["w"], -1.0) and np.allclose(first["hidden"]["b"], -0.5)
    assert np.allclose(second["input->hidden"]["w"], -1.5 * 0.9)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_builds_with_every_argument(name):
    arguments = {key: kind(True) if kind is bool else kind(0.5) for key, kind in OPTIMIZERS[name].items()}
    settings = OptimizerSettings.parse({"name": name, "rate": 0.1} | arguments, "optimizer")
    assert isinstance(settings.build().make(0.1), optax.GradientTransformation)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("seed = 1", "sed = 1", ["moons.toml", "'sed'", "Did you mean 'seed'"]),
        ("seed = 1", "seed = 1.5", ["moons.toml: seed", "a whole number", "1.5"]),
        ("seed = 1", "seed = -1", ["seed must be at least 0"]),
        ("epochs = 3", "", ["needs the key 'epochs'"]),
        ("batch_size = 10", "batch_size = 0", ["batch_size must be at least 1"]),
        ("[build]\nsizes = [2, 4, 2]", "build = 3", ["build must be a table"]),
        ("train = 40", "trian = 40", ["moons.toml: data", "'trian'", "'train'"]),
        ("train = 40", 'train = "all"', ["data.train", "'all'"]),
        ('name = "two-moons"', "", ["data: needs the key 'name'"]),
        ('name = "sgd"', 'name = "sgdd"', ["optimizer: optimiser", "'sgdd'", "Did you mean 'sgd'"]),
        ("momentum = 0.5", "b1 = 0.5", ["optimizer", "'b1'", "momentum"]),
        ("momentum = 0.5", 'momentum = "half"', ["optimizer.momentum", "a number"]),
        ("decay = 0.9", "decay = 0.0", ["optimizer.decay", "positive"]),
        ('"input->hidden" = 1.0', '"input->hidden" = -1.0', ["optimizer.rates", "input->hidden", "-1.0"]),
        ("beta = 0.1", "bta = 0.1", ["rule.nudging", "'bta'", "Did you mean 'beta'"]),
    ],
)
def test_mistakes_name_the_file_the_key_and_the_mend(old, new, words):
    with pytest.raises(pq.ModelError) as caught:
        changed(old, new)
    for word in ["moons.toml", *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("sizes = [2, 4, 2]", "size = [2, 4, 2]", ["moons.toml: build", "'size'", "sizes"]),
        ("sizes = [2, 4, 2]", "sizes = 4", ["build.sizes", "a list", "4"]),
        ("sizes = [2, 4, 2]", "sizes = [2, 4.5, 2]", ["build.sizes[1]", "4.5"]),
    ],
)
def test_options_of_build_are_checked(here, old, new, words):
    with pytest.raises(pq.ModelError) as caught:
        changed(old, new).build_system(load_system("small").variant("smooth"))
    for word in words:
        assert word in str(caught.value)


def test_encode_options_need_an_encode(here):
    with pytest.raises(pq.ModelError, match="no encode"):
        changed("[data]", "[encode]\ngain = 2.0\n\n[data]").load_data(load_system("small").variant("smooth"))


def test_unreadable_files(tmp_path):
    with pytest.raises(pq.ModelError, match=r"gone\.toml: cannot be read"):
        read_experiment(tmp_path / "gone.toml")
    (tmp_path / "bad.toml").write_text("system = \n")
    with pytest.raises(pq.ModelError, match=r"bad\.toml: is not TOML"):
        read_experiment(tmp_path / "bad.toml")


def test_a_copy_reads_back_the_same(tmp_path):
    experiment = changed("seed = 1", "seed = 1").changed(epochs=7, rule={"name": "implicit-differentiation"}, seed=None)
    assert (experiment.epochs, experiment.seed, type(experiment.rule)) == (7, 1, pq.ImplicitDifferentiation)
    (tmp_path / "copy.toml").write_text(experiment.to_toml())
    assert read_experiment(tmp_path / "copy.toml").table == experiment.table


def test_written_toml_reads_back():
    table = {
        "text": 'quotes " and \\ and new\nline',
        "yes": True,
        "numbers": [-3, 1e-12, float("inf"), [2.5]],
        "empty": {},
        "a": {"b": {"name": "n", "c d": {"e": 1}}, "f": {"g": [{"h": 1}]}},
    }
    assert tomllib.loads(write_toml(table)) == table


# ---- systems ---------------------------------------------------------------------------------------------------------


def test_a_system_by_name_folder_and_file(here):
    for spec in ("small", "systems/small", "systems/small/", "systems/small/model.py", str(here / "systems/small")):
        system = load_system(spec)
        assert (system.name, list(system.variants)) == ("small", ["smooth", "linear", "directed"])
        assert system.chosen is None and system.default == "smooth"
        assert load_system(f"{spec}:linear").chosen == "linear"
    assert list(load_system("small:linear").selected()) == ["linear"]
    assert list(load_system("small").experiments()) == ["moons"]
    assert list(system_folders()) == ["small"]


def test_what_is_not_there_is_listed(here):
    with pytest.raises(SystemNotFound, match=r"no system 'smal'.*Did you mean 'small'.*there are small"):
        load_system("smal")
    with pytest.raises(SystemNotFound, match=r"variant 'smoth'.*Did you mean 'smooth'.*linear"):
        load_system("small:smoth")
    (here / "empty").mkdir()
    with pytest.raises(SystemNotFound, match=r"no model\.py"):
        load_system("empty")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n1 / 0\n", ["model.py, line 2", "ZeroDivisionError"]),
        ("def f(:\n", ["model.py", "SyntaxError"]),
        ("x = 1\n", ["defines no `variants`"]),
        ("variants = {}\n", ["defines no `variants`"]),
        ("variants = {'a': 3}\n", ["variants['a'] must be a pq.Variant, got int"]),
        (MODEL + "\npq.Node('n', potential='s')\n", ["component 'n'"]),
    ],
)
def test_faults_of_a_model_file(here, text, words):
    (here / "systems/small/model.py").write_text(text)
    with pytest.raises(pq.ModelError) as caught:
        load_system("small")
    assert not isinstance(caught.value, SystemNotFound)
    for word in words:
        assert word in str(caught.value)
