"""The sets of the registry: shapes, ranges, splits that never change."""

import hashlib
import sys

import numpy as np
import pytest

from physeq.data import allosteric, datasets, linear_map, load, sine, two_moons
from physeq.data._registry import ENTRIES
from physeq.errors import ModelError

# name: (training rows, test rows, features, outputs, classes)
SHAPES = {
    "digits": (1437, 360, 64, 10, 10),
    "iris": (120, 30, 4, 3, 3),
    "wine": (142, 36, 13, 3, 3),
    "diabetes": (354, 88, 10, 1, None),
    "two-moons": (400, 200, 2, 2, 2),
    "sine": (200, 100, 1, 1, None),
    "half-sine": (60, 40, 1, 1, None),
    "linear-map": (200, 100, 4, 3, None),
    "allosteric": (20, 1, 4, 10, None),
    "tones": (16, 16, 8, 8, None),
}
DIGITS_FIRST = [0, 6, 3, 8, 1, 8, 4, 1, 5, 8, 9, 7]
DIGITS_SUM = "028c9cb880a0fe719dedcf502d5c19d847f3f9b4b18ef156ae7931d8938be190"
FILES = {"mnist", "fashion-mnist"}


def test_every_registered_set_is_tested_here():
    assert sorted(entry.name for entry in ENTRIES) == sorted(SHAPES.keys() | FILES)
    assert all(datasets()[entry.name] is entry and entry.description for entry in ENTRIES)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_ranges_and_description(name):
    data = load(name)
    train, test, features, outputs, classes = SHAPES[name]
    assert data.train_inputs.shape == (train, features) and data.test_inputs.shape == (test, features)
    assert data.train_targets.shape == (train, outputs) and data.test_targets.shape == (test, outputs)
    assert data.name == name and data.classes == classes and data.source
    for inputs in (data.train_inputs, data.test_inputs):
        assert inputs.min() >= 0 and inputs.max() <= 1
    # The description states the sizes; it may not drift from the data.
    description = datasets()[name].description
    assert f"{train:,} + {test:,}" in description and (classes is None or f"{classes} classes" in description)


@pytest.mark.parametrize("name", ["digits", "iris", "wine"])
def test_splits_are_stratified_and_partition_the_set(name):
    datasets_module = pytest.importorskip("sklearn.datasets")
    inputs, labels = getattr(datasets_module, f"load_{name}")(return_X_y=True)
    data = load(name)
    whole, test = np.bincount(labels), np.bincount(data.test_labels)
    np.testing.assert_array_equal(np.bincount(data.train_labels) + test, whole)
    assert (np.abs(test - whole * len(data.test_labels) / len(labels)) < 1).all()
    if name == "digits":
        rows = np.concatenate([data.train_inputs, data.test_inputs]) * 16
        order = np.lexsort(rows.T)
        np.testing.assert_array_equal(rows[order], inputs[np.lexsort(inputs.T)])


def test_the_split_of_digits_never_changes():
    # Frozen 2026-11: first test labels, and the sha256 of the test pixels (0..16), scikit-learn 1.9, numpy 2.4.
    data = load("digits")
    assert data.test_labels[:12].tolist() == DIGITS_FIRST
    pixels = np.rint(data.test_inputs * 16).astype(np.uint8)
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == DIGITS_SUM


def test_diabetes_target_is_scaled_by_the_training_range():
    targets = load("diabetes").train_targets
    assert targets.min() == 0 and targets.max() == pytest.approx(1)


def test_without_scikit_learn_the_message_has_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.delitem(sys.modules, "sklearn.datasets", raising=False)
    with pytest.raises(ModelError, match=r"'digits' comes with scikit-learn.*run `pip install 'physeq\[data\]'`"):
        load("digits")


def test_two_moons_lie_on_their_circles():
    data = two_moons(train=101, test=0, noise=0.0)
    points = data.train_inputs.astype(float) * [4.0, 2.5] - [1.5, 1.0]
    centre = np.where(data.train_labels[:, None] == 0, [0.0, 0.0], [1.0, 0.5])
    np.testing.assert_allclose(np.hypot(*(points - centre).T), 1.0, atol=1e-6)
    assert np.bincount(data.train_labels).tolist() == [51, 50] and not data.has_test
    upper = points[data.train_labels == 0]
    assert (upper[:, 1] >= -1e-6).all()


def test_sine_is_a_sine_with_noise_on_the_training_targets():
    exact = sine(noise=0.0)
    np.testing.assert_allclose(exact.train_targets, np.sin(2 * np.pi * exact.train_inputs), atol=1e-6)
    noisy = sine(train=4000, noise=0.05)
    assert (noisy.train_targets - np.sin(2 * np.pi * noisy.train_inputs)).std() == pytest.approx(0.05, rel=0.1)
    np.testing.assert_allclose(noisy.test_targets, np.sin(2 * np.pi * noisy.test_inputs), atol=1e-6)


@pytest.mark.parametrize("make", [two_moons, sine])
def test_generators_obey_their_seed_and_check_their_arguments(make):
    np.testing.assert_array_equal(make(seed=5).train_inputs, make(seed=5).train_inputs)
    assert not np.array_equal(make(seed=5).train_inputs, make(seed=6).train_inputs)
    assert not np.array_equal(make(train=50, test=50).train_inputs, make(train=50, test=50).test_inputs)
    for wrong in ({"train": 0}, {"test": -1}, {"noise": -0.1}, {"noise": float("nan")}):
        with pytest.raises(ModelError, match=next(iter(wrong))):
            make(**wrong)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FILES))
def test_real_images(name):
    try:
        data = load(name)
    except ModelError as error:
        if "is not on this machine" not in str(error):
            raise
        pytest.skip(str(error))
    assert data.train_inputs.shape == (60000, 784) and data.test_inputs.shape == (10000, 784)
    assert data.image_shape == (28, 28) and data.classes == 10
    assert data.train_inputs.min() == 0 and data.train_inputs.max() == 1
    if name == "mnist":
        assert data.train_labels[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]
        assert data.train_inputs.mean() == pytest.approx(0.1307, abs=1e-4)  # the mean quoted everywhere
    else:
        np.testing.assert_array_equal(np.bincount(data.train_labels), [6000] * 10)
        assert data.train_inputs.mean() == pytest.approx(0.2860, abs=1e-4)


def test_half_a_period_is_a_bump():
    data = load("half-sine")
    np.testing.assert_allclose(data.train_targets, np.sin(np.pi * data.train_inputs), atol=1e-6)
    assert load("sine").name == "sine" and data.train_targets.min() >= 0
    with pytest.raises(ModelError, match="periods must be"):
        sine(periods=0)


def test_a_linear_map_averages_and_loses_a_share():
    data = linear_map(features=3, outputs=2, train=30, test=20, loss=0.25, seed=4)
    shares = np.linalg.lstsq(2 * data.train_inputs - 1, data.train_targets, rcond=None)[0]
    assert shares.shape == (3, 2) and shares.min() > 0
    np.testing.assert_allclose(shares.sum(0), 0.75, atol=1e-5)
    np.testing.assert_allclose((2 * data.test_inputs - 1) @ shares, data.test_targets, atol=1e-5)
    for bad in ({"features": 0}, {"outputs": 0}, {"loss": 1.0}, {"train": 0}):
        with pytest.raises(ModelError):
            linear_map(**bad)


def test_an_allosteric_task_is_one_row():
    data = allosteric(sources=3, targets=5, largest=0.2, train=4, seed=1)
    np.testing.assert_array_equal(data.train_inputs, np.tile([0.0, 0.5, 1.0], (4, 1)))
    np.testing.assert_array_equal(data.train_targets, np.tile(data.test_targets, (4, 1)))
    assert 0 < np.abs(data.test_targets).max() <= 0.2 and len(data.test_inputs) == 1
    assert (allosteric(seed=1).test_targets != allosteric(seed=2).test_targets).all()
    for bad in ({"sources": 1}, {"targets": 0}, {"largest": 0.0}, {"largest": 1.5}, {"train": 0}):
        with pytest.raises(ModelError):
            allosteric(**bad)
