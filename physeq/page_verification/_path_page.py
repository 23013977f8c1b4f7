"""The pages of trajectories: Lagrangian, action, cost and equations of motion along random paths, and every update."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from physeq.page_verification._comparison import Comparison, Verified
from physeq.page_verification._motion_answers import states_of
from physeq.page_verification._motion_page import add_multipliers, balance_rows, free_classes
from physeq.page_verification._path_answers import PathAnswers
from physeq.page_verification._path_numbers import PathMoment, PathNumbers
from physeq.page_verification._steady_answers import BETA
from physeq.page_verification._steady_page import balance, unknown_places
from physeq.report._numbers_names import Elements, equations
from physeq.report.document import Document


class PathPage:
    """The page of a variant's trajectories, read along a random path."""

    def __init__(self, pages: Any, model: Any, elements: Elements, answers: PathAnswers, compare: Comparison):
        self.pages, self.model, self.elements, self.answers, self.compare = pages, model, elements, answers, compare
        self.derivation, self.system = elements.derivation, elements.system
        self.reader = reader_of([pages.system], model, elements, answers)

    def verified(self) -> Iterator[Verified]:
        """All comparisons, in the order of the page."""
        a, page = self.answers, self.pages.system
        for equation in equations(page, "Lagrangian"):
            if equation.label == "Lagrangian":
                yield self.compare.one("Lagrangian along a path", self.reader, equation.rhs, [({}, {}, a.lagrangian)])
            if equation.label in ("action", "nudged action"):
                self.reader.moment = self._moment(BETA)
                action = np.sum(a.weights * (a.lagrangian - BETA * a.running))
                yield self.compare.one(equation.label, self.reader, equation.rhs, [({}, {}, action)])
                self.reader.moment = self._moment(0.0)
        for equation in equations(page, "Cost"):
            if equation.label == "cost" and not self.model.cost.form.terminal.free_symbols:
                yield self.compare.one("cost of a trajectory", self.reader, equation.rhs, [({}, {}, a.cost)])
        yield from self._balances()

    def _moment(self, beta: float) -> PathMoment:
        return path_moment(self.answers, 0.0, 1.0, beta)

    def _balances(self) -> Iterator[Verified]:
        printed = iter(equations(self.pages.system, "Equations of motion"))
        for v in self.derivation.variables.values():
            if v.group in self.derivation.held:
                continue
            values = -balance_rows(self.answers.layout, v, self.answers.residual)
            for number, nodes in enumerate(free_classes(self.system, v), 1):
                chosen = nodes[self.compare.sampled(len(nodes))].tolist()
                places = unknown_places(self.reader, v, chosen, values)
                what = f"equation of motion of {v.key} of {'element' if v.internal else 'group'} {v.group}"
                what += "" if len(v.classes) == 1 else f", kind {number} of node"
                yield self.compare.one(f"{what}, along a path", self.reader, balance(next(printed)), places)


def path_moment(answers: PathAnswers, nudge: Any, scale: float, beta: Any = None, *, bend: bool = True) -> PathMoment:
    """The path of a phase with a nudge; a straight line in it without `bend`."""
    a, b, c = answers.paths
    share = nudge / scale
    ys = a + share * b + (share**2 * c if bend else 0.0)
    return PathMoment(
        states_of(answers.layout, ys, answers.derivative @ ys), nudge if beta is None else beta, answers.times
    )


def reader_of(pages: list[Document], model: Any, elements: Elements, answers: PathAnswers, **more: Any) -> PathNumbers:
    """Pages read along a."""
    numbers = {"learning rate": 1.0, "period, here": model.boundary.duration}
    numbers["duration of a trajectory"] = model.boundary.duration
    reader = PathNumbers(
        pages,
        elements,
        answers.params,
        path_moment(answers, 0.0, 1.0),
        inputs={name: np.moveaxis(x, 0, 1) for name, x in answers.inputs.items()},
        target=np.moveaxis(answers.target, 0, 1),
        numbers=numbers,
        weights=answers.weights,
        backwards=answers.backwards,
        derivative=answers.derivative,
        target_symbol=model.cost.form.target,
        **more,
    )
    add_multipliers(reader, answers.layout, answers.paths[0])
    return reader
