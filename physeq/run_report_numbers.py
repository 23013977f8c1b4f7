"""The numbers of a run's report: scores, confusion matrix, parameters before and after, gradient agreement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from physeq.data import Dataset
from physeq.learn import Fit
from physeq.learn.evaluate import classify
from physeq.learn.training import evaluation_key
from physeq.learn.training_data import training_data
from physeq.report import Code, Note, Paragraph, Table
from physeq.report.document import Block


def shown(value: Any, digits: int = 5) -> str:
    """A number in a few digits, a dash for none.

    >>> shown(0.1234567), shown(None), shown(3)
    ('0.12346', '–', '3')
    """
    if value is None:
        return "–"
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def score_rows(metrics: Mapping[str, Any]) -> list[list[str]]:
    """Cost and error of the training and test sets at the end, and of the best epoch."""
    rows = [
        [words, *(shown(found.get(key)) for key in ("cost", "error_percent"))]
        for words, found in (("training, at the end", metrics["train"]), ("test, at the end", metrics["test"]))
        if found
    ]
    test = metrics["test"]
    if "best_epoch" in test and ("best_cost" in test or "best_error_percent" in test):
        best = [shown(test.get(f"best_{key}")) for key in ("cost", "error_percent")]
        rows.append([f"test, best epoch ({test['best_epoch']}, chosen on the test set)", *best])
    return rows


def confusion(result: Fit, data: Dataset) -> tuple[np.ndarray, str] | None:
    """(counts `(true class, predicted class)`, "test" or "training"), as the run's last evaluation gave them.

    None where the data have no classes.

    Raises:
        SolveError: an equilibrium failed.
    """
    ready = training_data(data, result.params, result.model)
    test = ready.test_labels is not None and ready.test_targets is not None
    labels = ready.test_labels if test else ready.labels
    if labels is None or ready.class_targets is None:
        return None
    inputs, targets = ready.inputs, ready.targets
    if test and ready.test_targets is not None:
        inputs, targets = ready.test_inputs, ready.test_targets
    # The keys of the run's own evaluations, so that noise falls as it did when the error was measured.
    key = evaluation_key(jax.random.key(result.seed), "test" if test else "train")
    key = jax.random.fold_in(key, max(len(result.history) - 1, 0)) if test else key
    chosen = classify(
        result.model, result.params, inputs, targets, result.finder, class_targets=ready.class_targets, key=key
    )
    size = max(len(ready.class_targets), int(np.max(labels)) + 1)
    counts = np.zeros((size, size), int)
    np.add.at(counts, (np.asarray(labels), chosen), 1)
    return counts, "test" if test else "training"


def parameter_rows(result: Fit, before: Any) -> list[list[Any]]:
    """Two rows for every trained parameter: how its values were distributed, and are."""
    trainable, rows = result.model.trainable(), []
    for placement, own in result.params.items():
        for name, value in own.items():
            if not trainable[placement][name]:
                continue
            old, new = (np.asarray(x, float) for x in (before[placement][name], value))
            size = np.linalg.norm(old)
            moved = "–" if not size else f"{np.linalg.norm(new - old) / size:.3g}"
            shape = " × ".join(str(n) for n in new.shape) or "1"
            rows.append([Code(f"{placement}.{name}"), shape, "before", *_spread(old), ""])
            rows.append(["", "", "after", *_spread(new), moved])
    return rows


def _spread(values: np.ndarray) -> list[str]:
    return [shown(float(x), 4) for x in (values.mean(), values.std(), values.min(), values.max())]


def agreement_table(found: Any) -> list[Block]:
    """The agreement with the exact gradient at the trained parameters, as far as it was measured."""
    if not isinstance(found, Mapping):
        return []
    if found.get("reason"):
        return [Note(f"The estimate was not compared with the exact gradient: {found['reason']}.")]
    if found.get("relative_error") is None:
        return []
    reference = found.get("reference") or "the exact gradient"
    samples, beta = found.get("samples"), found.get("beta")
    words = f"The estimate that trained it against {reference}, at the parameters after the last epoch"
    words += f", on {samples} training samples" if samples else ""
    words += f", at the nudge {shown(beta)}" if beta is not None else ""
    rows = [["all", shown(found["relative_error"], 3), _away(found.get("cosine"))]]
    for one in found.get("parameters") or ():
        rows.append([one.get("parameter", "–"), shown(one.get("relative_error"), 3), _away(one.get("cosine"))])
    return [Paragraph(f"{words}."), Table(["Parameter", "Relative error", "1 − cosine"], rows)]


def _away(cosine: float | None) -> str:
    return "–" if cosine is None else f"{max(1 - cosine, 0.0):.3g}"
