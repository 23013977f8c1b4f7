import numpy as np
import pytest

from physeq.errors import ModelError
from physeq.graph import Dense, OneToOne, Sparse


def test_dense_rows_follow_the_flattened_parameters():
    weights = np.arange(12.0).reshape(3, 4)
    rows = Dense().rows((3, 4))
    assert rows.shape == (Dense().count((3, 4)), 2)
    np.testing.assert_array_equal(weights[rows[:, 0], rows[:, 1]], weights.ravel())


def test_counts_and_shapes():
    assert Dense().parameter_shape((3, 4)) == (3, 4)
    assert OneToOne().parameter_shape((5, 5, 5)) == (5,)
    assert Sparse(np.zeros((7, 3), int)).parameter_shape((1, 1, 1)) == (7,)
    assert (Dense().count((3, 4)), OneToOne().count((5,)), Sparse([[0, 0]]).count((1, 1))) == (12, 5, 1)


def test_sparse_owns_its_indices():
    given = np.array([[0, 1], [1, 2]])
    pattern = Sparse(given)
    given[0, 0] = 9
    assert pattern.indices.tolist() == [[0, 1], [1, 2]]
    assert pattern.indices.dtype == np.int32
    with pytest.raises(ValueError, match="read-only"):
        pattern.indices[0, 0] = 1


def test_equality_is_by_value_except_for_sparse():
    assert Dense() == Dense() and hash(OneToOne()) == hash(OneToOne()) and Dense() != OneToOne()
    assert Sparse([[0, 1]]) != Sparse([[0, 1]])


def test_touched_nodes():
    assert Sparse([[0, 2], [1, 2]]).touched(0, (3, 3)).tolist() == [True, True, False]
    assert Dense().touched(1, (2, 3)).all() and OneToOne().touched(0, (2, 2)).all()


@pytest.mark.parametrize(
    ("pattern", "sizes", "message"),
    [
        (Dense(), (2, 2, 2), r"bundle 'b': Dense\(\) joins two groups, got 3"),
        (OneToOne(), (2, 3), r"bundle 'b': OneToOne\(\) needs groups of equal size.*'g0' has 2, 'g1' has 3"),
        (Sparse([[0, 1]]), (2, 2, 2), r"bundle 'b': Sparse indices have 2 columns.*3 groups"),
        (Sparse([[0, 1], [1, 5]]), (2, 3), r"bundle 'b': instance 1 touches node 5 of group 'g1', which has 3"),
        (Sparse([[-1, 1]]), (2, 3), r"bundle 'b': instance 0 touches node -1 of group 'g0'"),
    ],
)
def test_patterns_that_do_not_fit_name_the_bundle(pattern, sizes, message):
    with pytest.raises(ModelError, match=message):
        pattern.check("b", tuple(f"g{k}" for k in range(len(sizes))), sizes)


def test_patterns_that_fit_pass():
    for pattern, sizes in [(Dense(), (2, 3)), (OneToOne(), (4, 4, 4)), (Sparse(np.zeros((0, 2), int)), (2, 3))]:
        pattern.check("b", ("a", "b", "c")[: len(sizes)], sizes)


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([0, 1], r"shape \(instances, ports\), got shape \(2,\)"),
        ([[0.0, 1.0]], "must be integers, got float64"),
        ([[True, False]], "must be integers, got bool"),
        ([[0, 2**40]], "must fit 32 bits"),
    ],
)
def test_sparse_refuses_what_is_no_table_of_nodes(indices, message):
    with pytest.raises(ModelError, match=message):
        Sparse(indices)
