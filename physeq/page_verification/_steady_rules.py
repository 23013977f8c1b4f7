"""The page of a rule of equilibria: its printed updates against what the rule makes of the same random states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from physeq.learn import DyadicEP, FrequencyPropagation, JacobianHomeostasis, OscillatingEP
from physeq.page_verification._comparison import Comparison, Verified
from physeq.page_verification._given_states import STEPS
from physeq.page_verification._rule_numbers import RuleNumbers
from physeq.page_verification._steady_answers import SteadyAnswers
from physeq.page_verification._steady_page import balance, parameter_places, unknown_places
from physeq.page_verification._steady_rule_answers import scale_of, short
from physeq.report._numbers_names import Elements, base_name, equations, with_state
from physeq.report._relations import Change, InPhase
from physeq.report._rule_operators import At
from physeq.report.document import Document
from physeq.report.numbers import Moment
from physeq.symbolic.reduction import clamped_mask


class RulePage:
    """The page of one rule beside that of the physics."""

    def __init__(
        self, name: str, rule: Any, pages: Any, model: Any, elements: Elements, answers: SteadyAnswers, seed: int
    ):
        self.name, self.rule, self.page = name, rule, pages.rules[name]
        self.derivation, self.system, self.answers = model.derivation, model.system, answers
        self.said = answers.rules[name]
        self.compare = Comparison(seed, f"what {name} makes of the same random states")
        inner = rule.rule if isinstance(rule, JacobianHomeostasis) else rule
        self.inner, self.beta = short(inner), scale_of(inner)
        self.trainable = model.trainable()
        self.rates = rule.rate_tree(model) if rule.moves_weights else {}
        # Beside the page's own equations those of the physics: what is called above.
        self.reader = RuleNumbers(
            [self.page, pages.system],
            elements,
            answers.params,
            self._moment(0.0, self.beta),
            inputs=answers.inputs,
            target=answers.target,
            phases=self._phase,
            numbers=self._numbers(),
            step=lambda number: answers.step(model.derivation, number, self.beta),
        )
        if isinstance(rule, DyadicEP):
            b = with_state(answers.states[1], self.derivation)
            for symbol, key in self.reader.names.of_unknowns("difference of the two copies in an unknown").items():
                self.reader.values[symbol] = b[key]
            for symbol, key in self.reader.names.of_unknowns("rate of the difference of the two copies").items():
                self.reader.values[symbol] = np.zeros_like(b[key])

    def _numbers(self) -> dict[str, Any]:
        rule = self.inner
        found: dict[str, Any] = {"learning rate": 1.0, "number of steps of the nudged phase": STEPS}
        for text, value in (
            ("number of points on the circle", getattr(rule, "points", None)),
            ("radius of the circle", getattr(rule, "radius", None)),
            ("number of periods left out", getattr(rule, "discard", None)),
            ("number of periods, ", getattr(rule, "periods", None)),
            ("share of the way", getattr(rule, "eta", None)),
            ("strength of the penalty", getattr(self.rule, "strength", None)),
        ):
            if value is not None:
                found[text] = value
        if isinstance(rule, FrequencyPropagation):
            found |= {"readings in the window": rule.window.count, "amplitude of the nudge": rule.beta}
        return found

    def _moment(self, nudge: Any, beta: Any = None) -> Moment:
        found = self.answers.moment(self.derivation, nudge, self.beta)
        return Moment(found.states, nudge if beta is None else beta)

    def _phase(self, mark: Any) -> Moment:
        if mark == "free":
            return self._moment(0.0)
        if mark == "held":
            return Moment(with_state(self.said["held"], self.derivation))
        if self.rule.moves_weights:
            return self.answers.step(self.derivation, int(mark), self.beta)
        if isinstance(self.inner, OscillatingEP):
            points = {g: {k: x[int(mark)] for k, x in own.items()} for g, own in self.said["points"].items()}
            return Moment(with_state(points, self.derivation))
        if isinstance(self.inner, FrequencyPropagation):
            mark = self.reader.defined(self.reader.nudge, int(mark))
        return self._moment(mark)

    # ---- comparisons -------------------------------------------------------------------------------------------------

    def verified(self) -> Iterator[Verified]:
        """Every printed update, and the printed forces of phases that have forces of their own."""
        yield from self._forces()
        yield from self._held()
        printed: dict[tuple[str, str], list[Any]] = {}
        for equation in equations(self.page, "Learning"):
            entry = self._changed(equation)
            if entry is not None and base_name(entry) in self.reader.own:
                placement, key, _ = self.reader.own[base_name(entry)]
                printed.setdefault((placement, key), []).append((entry, equation))
        gradients = self.said["gradients"]
        largest = max(float(np.max(np.abs(x), initial=0.0)) for own in gradients.values() for x in own.values())
        for placement, own in self.trainable.items():
            for key, trained in own.items():
                if not trained:
                    continue
                what = f"update of {key} of {placement} by {self.name}"
                if (placement, key) in printed:
                    yield from self._update(what, printed[placement, key], gradients[placement][key])
                else:
                    near = np.abs(np.ravel(gradients[placement][key])) > 1e-3 * self.compare.limit * largest
                    yield self.compare.together(f"{what}, which is zero", [np.zeros(1)], [near.any() * largest])

    @staticmethod
    def _changed(equation: Any) -> Any:
        """The parameter that an equation changes: Δp, or p at a later step."""
        if isinstance(equation.lhs, Change | At):
            return equation.lhs.args[0]
        return None

    def _update(self, what: str, printed: list[Any], gradient: Any) -> Iterator[Verified]:
        entry = printed[0][0]
        places = parameter_places(self.reader, entry, gradient, self.compare)
        placement, key, _ = self.reader.own[base_name(entry)]
        rate = self.rates.get(placement, {}).get(key, 1.0)
        self.reader.scalars |= dict.fromkeys(self.reader.names.meaning("learning rate"), rate)
        changes = [e for _, e in printed if isinstance(e.lhs, Change)]
        steps = [e for _, e in printed if isinstance(e.lhs, At)]
        expected = [(at, element, -rate * value) for at, element, value in places]
        if changes:
            whole = sum((e.rhs for e in changes[1:]), changes[0].rhs)
            yield self.compare.one(what, self.reader, whole, expected)
        if steps:
            yield self.compare.one(what, self.reader, At(entry, STEPS) - At(entry, 0), expected)
        for equation in steps:
            if not equation.lhs.args[1].is_Add:  # over the phase
                whole = equation.rhs - At(entry, 0)
                yield self.compare.one(f"{what}, over the phase", self.reader, whole, expected)

    def _forces(self) -> Iterator[Verified]:
        """Printed forces of a nudged phase with a correction, or of a difference of copies."""
        if "force" not in self.said:
            return
        words = ("nudged phase", "difference, group")
        printed = iter([e for e in equations(self.page, "Learning") if (e.label or "").startswith(words)])
        before = self.reader.moment
        if not isinstance(self.rule, DyadicEP):
            self.reader.moment = self._moment(self.beta)
        try:
            for v in self.derivation.variables.values():
                if v.group not in self.derivation.locals:
                    continue
                equation = next(printed, None)
                if equation is None:
                    return  # the correction is zero, and the page says so
                held = np.zeros(v.size, bool) if v.internal else clamped_mask(self.system, v.group, v.coordinate)
                free = np.flatnonzero(~held)
                chosen = free[self.compare.sampled(len(free))].tolist()
                places = unknown_places(self.reader, v, chosen, self.said["force"][v.group][v.key])
                what = f"{(equation.label or '').split(',')[0]} of {v.key} of group {v.group} by {self.name}"
                yield self.compare.one(what, self.reader, balance(equation), places)
        finally:
            self.reader.moment = before

    def _held(self) -> Iterator[Verified]:
        """Printed values at which outputs are held."""
        if "held" not in self.said:
            return
        printed = [e for e in equations(self.page, "Learning") if e.label == "held outputs"]
        for (group, v), equation in zip(self.derivation.cost.unknowns.items(), printed, strict=True):
            (nodes,) = [part.indices for part in self.system.outputs.parts if part.group == group]
            assert isinstance(equation.lhs, InPhase)
            places = unknown_places(
                self.reader, v, nodes[self.compare.sampled(len(nodes))].tolist(), self.said["held"][group][v.key]
            )
            yield self.compare.one(f"held outputs of group {group} by {self.name}", self.reader, equation.rhs, places)


def rule_pages_verified(
    pages: Any, rules: Mapping[str, Any], model: Any, elements: Elements, answers: SteadyAnswers, seed: int
) -> dict[str, list[Verified]]:
    """{rule: its comparisons} of the rules that measure something."""
    found: dict[str, list[Verified]] = {}
    for name, page in pages.rules.items():
        if "gradients" in answers.rules.get(name, {}):
            assert isinstance(page, Document)
            found[name] = list(RulePage(name, rules[name], pages, model, elements, answers, seed).verified())
    return found
