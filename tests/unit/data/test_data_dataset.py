"""`Dataset`: what it accepts, what it refuses and in which words, and its derived sets."""

import dataclasses

import numpy as np
import pytest

from physeq.data import Dataset, stratified_split, two_moons
from physeq.errors import ModelError


def small(**changes):
    rows = np.arange(12.0).reshape(6, 2)
    arguments = {
        "train_inputs": rows[:4],
        "train_targets": [0, 1, 2, 1],
        "test_inputs": rows[4:],
        "test_targets": [2, 0],
    }
    return Dataset.from_arrays("small", **{**arguments, **changes})


def test_integer_targets_become_one_hot_rows():
    data = small()
    assert data.classes == 3 and data.outputs == 3 and data.features == 2
    np.testing.assert_array_equal(data.train_targets, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]])
    np.testing.assert_array_equal(data.test_labels, [2, 0])
    assert data.train_inputs.dtype == data.train_targets.dtype == np.float32


def test_floating_targets_stay_real():
    data = small(train_targets=[0.0, 1.0, 2.0, 3.0], test_targets=[4.0, 5.0])
    assert data.classes is None and data.train_labels is None and data.test_labels is None
    np.testing.assert_array_equal(data.train_targets, [[0], [1], [2], [3]])


def test_coded_matrix_with_classes_keeps_the_code_and_finds_the_labels():
    data = small(train_targets=[[-1, 1], [1, -1], [1, -1], [-1, 1]], test_targets=[[1, -1], [-1, 1]], classes=2)
    np.testing.assert_array_equal(data.train_labels, [1, 0, 0, 1])
    assert data.train_targets.min() == -1


def test_labels_of_the_test_part_count_too():
    assert small(test_targets=[3, 0]).classes == 4


def test_images_are_flattened_and_remember_their_shape():
    images = np.arange(24.0).reshape(4, 2, 3)
    data = Dataset.from_arrays("images", images, [0, 1, 0, 1])
    assert data.image_shape == (2, 3) and not data.has_test
    np.testing.assert_array_equal(data.train_inputs[1].reshape(data.image_shape), images[1])
    assert data.test_inputs.shape == (0, 6) and data.test_targets.shape == (0, 2)


def test_arrays_are_copied_and_read_only():
    mine = np.zeros((4, 2), dtype=np.float32)
    data = small(train_inputs=mine)
    mine[0, 0] = 5.0
    assert data.train_inputs[0, 0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        data.train_inputs[0, 0] = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "other"


def with_nan(row):
    rows = np.zeros((4, 2))
    rows[row, 1] = np.nan
    return rows


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_inputs": with_nan(2)}, "train_inputs has nan in row 2"),
        ({"train_targets": [0.0, np.inf, 0.0, 0.0]}, "train_targets has inf in row 1"),
        ({"train_inputs": [[1e39, 0], [0, 0], [0, 0], [0, 0]]}, "train_inputs has inf in row 0"),
        ({"train_targets": [0, 1, 2]}, r"train_inputs has 4 rows and train_targets has 3.*row 3 has no partner"),
        ({"train_targets": [0, -1, 1, 1]}, "train_targets has label -1 in row 1"),
        ({"test_targets": [2, 3], "classes": 3}, "test_targets has label 3 in row 1"),
        ({"train_targets": [0.0, 0.5, 1.0, 1.0], "classes": 2}, "train_targets has 0.5 in row 1, which is not a label"),
        ({"train_targets": [0, 10**9, 1, 1]}, "floating-point targets for regression"),
        ({"train_targets": np.eye(4)[:, :2], "classes": 3}, "train_targets has 2 columns for 3 classes"),
        ({"test_inputs": np.zeros((2, 3))}, r"rows of shape \(3,\)"),
        ({"test_inputs": None}, "test_inputs is missing"),
        ({"train_inputs": [[1.0], [1.0, 2.0], [1.0], [1.0]]}, "train_inputs must be one rectangular array"),
        ({"train_inputs": [["a", "b"]] * 4}, "train_inputs must hold real numbers"),
        (
            {"train_inputs": np.zeros((4, 2), dtype=complex)},
            "train_inputs must hold real numbers, not dtype complex128",
        ),
        ({"train_targets": np.zeros((4, 2, 2))}, "train_targets must have shape"),
        ({"image_shape": (3, 3)}, "image_shape .* 9 pixels and the inputs have 2 columns"),
        ({"train_inputs": 3.0}, "train_inputs is a single number"),
        (
            {"train_inputs": np.zeros((0, 2)), "train_targets": np.zeros(0), "test_targets": [0.0, 1.0]},
            "train_inputs of data set 'small' has no rows",
        ),
    ],
)
def test_wrong_arrays_are_named(changes, message):
    with pytest.raises(ModelError, match=message):
        small(**changes)


def test_constructor_refuses_half_given_classes_and_other_dtypes():
    data = small()
    with pytest.raises(ModelError, match="or none of the three"):
        dataclasses.replace(data, classes=None)
    with pytest.raises(ModelError, match="train_inputs must be a float32 array, not float64"):
        dataclasses.replace(data, train_inputs=np.zeros((4, 2)))


def test_take_first_rows_and_chosen_rows():
    data = small()
    taken = data.take(train=3, test=[1])
    np.testing.assert_array_equal(taken.train_inputs, data.train_inputs[:3])
    np.testing.assert_array_equal(taken.test_labels, [0])
    assert data.take(train=[2, 0]).train_labels.tolist() == [2, 0]
    assert data.take(test=0).test_inputs.shape == (0, 2)
    regression = small(train_targets=[0.0] * 4, test_targets=[0.0] * 2).take(train=2)
    assert regression.train_labels is None


@pytest.mark.parametrize("rows", [5, -1, [0, 4], [-1], [[0]], 1.5, [True, False, True, True]])
def test_take_refuses_rows_that_are_not_there(rows):
    with pytest.raises(ModelError, match="train"):
        small().take(train=rows)


def test_standardised_uses_the_training_rows_only():
    inputs = np.array([[0.0, 0.1], [2.0, 0.1], [4.0, 0.1]])
    data = Dataset.from_arrays("s", inputs, [0.0, 0.0, 0.0], [[6.0, 9.0]], [0.0]).standardised()
    deviation = np.sqrt(8 / 3)
    np.testing.assert_allclose(data.train_inputs[:, 0], np.array([-2, 0, 2]) / deviation, rtol=1e-6)
    np.testing.assert_allclose(data.test_inputs, [[4 / deviation, 0.0]], rtol=1e-6)
    assert (data.train_inputs[:, 1] == 0).all()


def test_scaled_maps_all_columns_or_each():
    inputs = np.array([[0.0, 10.0], [1.0, 20.0]])
    data = Dataset.from_arrays("s", inputs, [0, 1], [[2.0, 0.0]], [1])
    np.testing.assert_allclose(data.scaled(inputs=(-1, 1)).train_inputs, [[-1, 0], [-0.9, 1]], atol=1e-6)
    each = data.scaled(inputs=(-1, 1), per_column=True)
    np.testing.assert_allclose(each.train_inputs, [[-1, -1], [1, 1]], atol=1e-6)
    np.testing.assert_allclose(each.test_inputs, [[3, -3]], atol=1e-6)
    np.testing.assert_allclose(data.scaled(targets=(-1, 1)).test_targets, [[-1, 1]])
    with pytest.raises(ModelError, match="no range"):
        data.scaled()
    with pytest.raises(ModelError, match="low < high"):
        data.scaled(inputs=(1, 1))


def test_holdout_partitions_the_training_rows_and_never_shows_the_test_rows():
    inputs = np.arange(100.0)
    data = Dataset.from_arrays("h", inputs, np.arange(100) % 4, [1000.0], [0])
    parts = data.holdout(0.2, seed=3)
    union = np.concatenate([parts.train_inputs, parts.test_inputs]).ravel()
    np.testing.assert_array_equal(np.sort(union), inputs)
    np.testing.assert_array_equal(np.bincount(parts.test_labels), [5, 5, 5, 5])
    # Each input still carries its own label.
    np.testing.assert_array_equal(parts.test_inputs.ravel() % 4, parts.test_labels)
    assert "seed 3" in parts.source
    np.testing.assert_array_equal(data.holdout(0.2, seed=3).test_inputs, parts.test_inputs)
    assert not np.array_equal(data.holdout(0.2, seed=4).test_inputs, parts.test_inputs)
    for fraction in (0.0, 1.0, -0.5):
        with pytest.raises(ModelError, match="leaves one part empty"):
            data.holdout(fraction)


@pytest.mark.parametrize("test", [1, 7, 50, 99])
def test_stratified_split_takes_exactly_the_rows_asked_for(test):
    labels = np.repeat([0, 1, 5], [10, 30, 60])
    train_rows, test_rows = stratified_split(labels, test, seed=1)
    assert len(test_rows) == test
    np.testing.assert_array_equal(np.sort(np.concatenate([train_rows, test_rows])), np.arange(100))
    for value, count in ((0, 10), (1, 30), (5, 60)):
        assert abs((labels[test_rows] == value).sum() - test * count / 100) < 1


def test_repr_says_what_it_is():
    assert repr(two_moons()) == (
        "Dataset('two-moons': 400 training and 200 test rows, 2 features, 2 classes; "
        "two moons computed by physeq: noise 0.1, seed 0)"
    )
