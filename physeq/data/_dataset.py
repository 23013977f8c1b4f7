"""`Dataset`: training and test arrays with the facts that a run needs to know about them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ModelError
from ._checks import check_image_shape, check_labels, check_matrix, check_rows
from ._convert import Rows, coded_targets, count_classes, flat_inputs, raw_targets, row_numbers
from ._split import shuffled_split, stratified_split


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs and targets of a supervised task, split into training and test rows; read-only.

    A data set without a test part has test arrays of zero rows (`has_test` is then false).

    Attributes:
        name: the name in reports.
        train_inputs: float32, `(rows, features)`; images are flat. The loaders of physeq give values in [0, 1].
        train_targets: float32, `(rows, outputs)`; one-hot rows for classes, real values otherwise.
        test_inputs: like `train_inputs`.
        test_targets: like `train_targets`.
        train_labels: integers `(rows,)`, or None for regression.
        test_labels: like `train_labels`.
        classes: the number of classes, or None for regression.
        image_shape: the shape of one input as an image, such as `(28, 28)`, or None.
        source: where the numbers come from, in words.

    Raises:
        ModelError: an array is at fault; the message names it, and its first bad row.

    >>> xor = Dataset.from_arrays("xor", [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0])
    >>> xor.train_targets.shape, xor.classes
    ((4, 2), 2)
    """

    name: str
    train_inputs: NDArray[np.float32]
    train_targets: NDArray[np.float32]
    test_inputs: NDArray[np.float32]
    test_targets: NDArray[np.float32]
    train_labels: NDArray[np.int64] | None = None
    test_labels: NDArray[np.int64] | None = None
    classes: int | None = None
    image_shape: tuple[int, ...] | None = None
    source: str = "arrays of the user"

    def __post_init__(self) -> None:
        check_matrix("train_inputs", self.train_inputs)
        check_matrix("train_targets", self.train_targets)
        check_matrix("test_inputs", self.test_inputs, self.train_inputs.shape[1])
        check_matrix("test_targets", self.test_targets, self.train_targets.shape[1])
        check_rows("train_inputs", self.train_inputs, "train_targets", self.train_targets)
        check_rows("test_inputs", self.test_inputs, "test_targets", self.test_targets)
        if len(self.train_inputs) == 0:
            raise ModelError(f"train_inputs of data set '{self.name}' has no rows: give at least one.")
        check_image_shape(self.image_shape, self.features)
        self._check_classes()
        # Views, so that the caller's own arrays stay writable.
        for field in _ARRAYS:
            array = getattr(self, field)
            if array is not None:
                view = array.view()
                view.flags.writeable = False
                object.__setattr__(self, field, view)

    def _check_classes(self) -> None:
        given = [value is not None for value in (self.classes, self.train_labels, self.test_labels)]
        if any(given) != all(given):
            raise ModelError(
                f"data set '{self.name}' must have classes, train_labels and test_labels, or none of the three: "
                "use `Dataset.from_arrays`, which fills them."
            )
        if self.classes is None or self.train_labels is None or self.test_labels is None:
            return
        if self.outputs != self.classes:
            raise ModelError(
                f"train_targets has {self.outputs} columns for {self.classes} classes: give one column for each class."
            )
        for part, inputs in (("train", self.train_inputs), ("test", self.test_inputs)):
            labels = getattr(self, f"{part}_labels")
            if labels.ndim != 1 or labels.dtype.kind not in "ui":
                raise ModelError(f"{part}_labels must be integers of shape (rows,): use `Dataset.from_arrays`.")
            check_rows(f"{part}_inputs", inputs, f"{part}_labels", labels)
            check_labels(f"{part}_labels", labels, self.classes)

    @classmethod
    def from_arrays(
        cls,
        name: str,
        train_inputs: ArrayLike,
        train_targets: ArrayLike,
        test_inputs: ArrayLike | None = None,
        test_targets: ArrayLike | None = None,
        *,
        classes: int | None = None,
        image_shape: tuple[int, ...] | None = None,
        source: str = "arrays of the user",
    ) -> Dataset:
        """Make a data set of your own arrays; they are copied, checked and turned into float32.

        Args:
            name: the name in reports.
            train_inputs: `(rows, features)`, or images `(rows, height, width, ...)`, which are flattened and set
                `image_shape`; `(rows,)` is read as one feature.
            train_targets: integers `(rows,)` are class labels and become one-hot rows; floating-point `(rows,)` or
                `(rows, outputs)` are real targets. With `classes`, a matrix `(rows, classes)` is taken as the code
                of the classes, its largest column being the label.
            test_inputs: like `train_inputs`; without both test arrays the test part is empty, see `holdout`.
            test_targets: like `train_targets`.
            classes: number of classes; by default the largest label of either part plus one.
            image_shape: the shape of one input where the inputs are flat.
            source: where the numbers come from, in words.

        Raises:
            ModelError: a NaN, an infinity, a wrong label or a wrong shape; the message names the array and the row.

        >>> line = Dataset.from_arrays("line", [[0.0], [0.5], [1.0]], [0.0, 1.0, 2.0])
        >>> line.train_targets.shape, line.classes
        ((3, 1), None)
        """
        if (test_inputs is None) != (test_targets is None):
            missing = "test_inputs" if test_inputs is None else "test_targets"
            raise ModelError(f"{missing} is missing: give both test_inputs and test_targets, or neither.")
        train_x, train_shape = flat_inputs("train_inputs", train_inputs)
        train_raw = raw_targets("train_targets", train_targets)
        if test_inputs is None or test_targets is None:
            test_x, test_shape, test_raw = train_x[:0], train_shape, train_raw[:0]
        else:
            test_x, test_shape = flat_inputs("test_inputs", test_inputs)
            test_raw = raw_targets("test_targets", test_targets)
        if test_shape != train_shape:
            raise ModelError(f"test_inputs has rows of shape {test_shape} and train_inputs of shape {train_shape}.")
        if classes is None and train_raw.ndim == 1 and train_raw.dtype.kind in "bui":
            classes = count_classes(train_raw, test_raw)
        if image_shape is None and len(train_shape) > 1:
            image_shape = train_shape
        train_y, train_labels = coded_targets("train_targets", train_raw, classes)
        test_y, test_labels = coded_targets("test_targets", test_raw, classes)
        return cls(
            name=name,
            train_inputs=train_x,
            train_targets=train_y,
            test_inputs=test_x,
            test_targets=test_y,
            train_labels=train_labels,
            test_labels=test_labels,
            classes=classes,
            image_shape=None if image_shape is None else tuple(image_shape),
            source=source,
        )

    @property
    def features(self) -> int:
        """Number of input columns."""
        return self.train_inputs.shape[1]

    @property
    def outputs(self) -> int:
        """Number of target columns."""
        return self.train_targets.shape[1]

    @property
    def has_test(self) -> bool:
        """Whether there is at least one test row."""
        return len(self.test_inputs) > 0

    def __repr__(self) -> str:
        task = "regression" if self.classes is None else f"{self.classes} classes"
        return (
            f"Dataset({self.name!r}: {len(self.train_inputs)} training and {len(self.test_inputs)} test rows, "
            f"{self.features} features, {task}; {self.source})"
        )

    def take(self, train: Rows | None = None, test: Rows | None = None) -> Dataset:
        """Return a data set with some of the rows.

        Args:
            train: how many of the first training rows, or the row numbers themselves; None keeps all.
            test: the same for the test rows.

        Raises:
            ModelError: there are not so many rows.

        >>> from physeq.data import two_moons
        >>> len(two_moons().take(train=50).train_inputs)
        50
        """
        rows_of_train = row_numbers("train", train, len(self.train_inputs))
        rows_of_test = row_numbers("test", test, len(self.test_inputs))
        return replace(self, **self._part("train", rows_of_train), **self._part("test", rows_of_test))

    def holdout(self, fraction: float, *, seed: int = 0) -> Dataset:
        """Return a data set whose test part is a random part of *this training part* (stratified by class).

        Choose hyper-parameters on `data.holdout(0.1)` and look at the test rows of `data` once, at the end.

        Args:
            fraction: share of the training rows to hold out, in (0, 1).
            seed: of the shuffle.

        Raises:
            ModelError: one of the two parts would be empty.

        >>> from physeq.data import two_moons
        >>> parts = two_moons(train=200).holdout(0.25)
        >>> len(parts.train_inputs), len(parts.test_inputs)
        (150, 50)
        """
        rows = len(self.train_inputs)
        held = round(fraction * rows)
        if not 0 < held < rows:
            raise ModelError(
                f"fraction {fraction} of {rows} training rows leaves one part empty: choose it between 0 and 1."
            )
        labels = self.train_labels
        kept_rows, held_rows = (
            shuffled_split(rows, held, seed) if labels is None else stratified_split(labels, held, seed)
        )
        held_part = {field.replace("train", "test"): value for field, value in self._part("train", held_rows).items()}
        return replace(
            self,
            **self._part("train", kept_rows),
            **held_part,
            source=f"{self.source}; test rows held out of the training rows (fraction {fraction}, seed {seed})",
        )

    def standardised(self) -> Dataset:
        """Return a data set whose inputs have mean 0 and deviation 1 in each column of the training rows.

        x ← (x − mean) / deviation, both measured on the training rows only and applied to the test rows too. A
        constant column becomes zero. Inputs are then no longer in [0, 1].
        """
        mean = self.train_inputs.mean(axis=0, dtype=np.float64)
        deviation = self.train_inputs.std(axis=0, dtype=np.float64)
        # A constant column whose mean rounds would otherwise be blown up to noise of size one.
        constant = self.train_inputs.max(axis=0) == self.train_inputs.min(axis=0)
        scale = np.where(constant, 0.0, 1.0 / np.where(constant, 1.0, deviation))
        return self._mapped("inputs", mean, scale, 0.0)

    def scaled(
        self,
        *,
        inputs: tuple[float, float] | None = None,
        targets: tuple[float, float] | None = None,
        per_column: bool = False,
    ) -> Dataset:
        """Return a data set mapped linearly from the range of the training rows to another range.

        Args:
            inputs: the new (low, high) of the training values, such as (-1, 1); None leaves them. Test values are
                mapped alike and may lie outside.
            targets: the same for the targets.
            per_column: map each column by its own range (columns of different units) instead of all by one (pixels).
                A constant column goes to low.

        Raises:
            ModelError: low is not below high, or nothing is asked for.

        >>> from physeq.data import two_moons
        >>> float(two_moons().scaled(targets=(-1, 1)).train_targets.min())
        -1.0
        """
        if inputs is None and targets is None:
            raise ModelError("scaled() was given no range: pass inputs=(low, high), targets=(low, high) or both.")
        result = self
        for what, bounds in (("inputs", inputs), ("targets", targets)):
            if bounds is None:
                continue
            low, high = bounds
            if not low < high:
                raise ModelError(f"{what} must be a range (low, high) with low < high, not {bounds}.")
            array = getattr(self, f"train_{what}").astype(np.float64)
            axis = 0 if per_column else None
            smallest, largest = array.min(axis=axis), array.max(axis=axis)
            span = largest - smallest
            scale = np.where(span > 0, (high - low) / np.where(span > 0, span, 1.0), 0.0)
            result = result._mapped(what, smallest, scale, low)
        return result

    def _mapped(self, what: str, centre: Any, scale: Any, low: float) -> Dataset:
        return replace(
            self,
            **{
                f"{part}_{what}": ((getattr(self, f"{part}_{what}") - centre) * scale + low).astype(np.float32)
                for part in ("train", "test")
            },
        )

    def _part(self, part: str, rows: NDArray[np.integer] | slice) -> dict[str, Any]:
        fields = [field for field in _ARRAYS if field.startswith(part)]
        values = {field: getattr(self, field) for field in fields}
        return {field: None if value is None else value[rows] for field, value in values.items()}


_ARRAYS = ("train_inputs", "train_targets", "train_labels", "test_inputs", "test_targets", "test_labels")
