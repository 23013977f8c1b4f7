"""The page of a steady state: energy, equations of motion at rest, nudged outputs and ∂E/∂p, as printed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy as sp

from physeq.page_verification._comparison import Comparison, Place, Verified
from physeq.page_verification._steady_answers import BETA, SteadyAnswers
from physeq.report._numbers_names import Elements, base_name, equations, latex_of
from physeq.report._relations import Chain, Slope
from physeq.report.document import Equation
from physeq.report.numbers import PageNumbers
from physeq.report.rule_pages import RulePages
from physeq.symbolic.functions import clip
from physeq.symbolic.reduction import Variable, clamped_mask

_NOT_RUN = "the model runs their derivatives, the forces from messages"


class SteadyPage:
    """The page of a variant's physics, read at a random state."""

    def __init__(self, pages: RulePages, model: Any, elements: Elements, answers: SteadyAnswers, compare: Comparison):
        self.pages, self.elements, self.answers, self.compare = pages, elements, answers, compare
        self.system, self.derivation = model.system, model.derivation

    def reader(self, beta: float = 0.0, *more: Any) -> PageNumbers:
        """The page, and further ones, at a."""
        a = self.answers
        moment = a.moment(self.derivation)
        moment = type(moment)(moment.states, beta)
        pages = [*more, self.pages.system]
        return PageNumbers(pages, self.elements, a.params, moment, inputs=a.inputs, target=a.target)

    def verified(self) -> Iterator[Verified]:
        """All comparisons, in the order of the page."""
        reader, symbol = self.reader(), None
        for equation in equations(self.pages.system, "Energy"):
            if equation.label in ("energy", "co-content"):
                symbol = equation.lhs
                words = f"{equation.label} of the steady state"
                yield self.compare.one(words, reader, equation.rhs, [({}, {}, self.answers.energy)])
            if equation.label == "cost" and self.answers.cost is not None:
                yield self.compare.one("cost", reader, equation.rhs, [({}, {}, self.answers.cost)])
        if symbol is None:
            return
        yield from self._motion(reader)
        yield from self._nudged()
        yield from self._executed()
        yield from self._slopes(symbol)

    def _motion(self, reader: PageNumbers) -> Iterator[Verified]:
        printed = iter(equations(self.pages.system, "Equations of motion"))
        for v in self.derivation.variables.values():
            if v.group in self.derivation.held:
                continue
            for number, nodes in enumerate(self._free_classes(v), 1):
                more = "" if len(v.classes) == 1 else f", kind {number} of node"
                what = f"equation of motion of {v.key} of group {v.group}{more}"
                places = self._places(reader, v, nodes, self.answers.force)
                yield self.compare.one(what, reader, balance(next(printed)), places)

    def _nudged(self) -> Iterator[Verified]:
        if self.answers.nudged is None:
            return
        reader = self.reader(BETA)
        printed = [e for e in equations(self.pages.system, "Steady state") if (e.label or "").startswith("nudged out")]
        unknowns = [v for v in self.derivation.cost.unknowns.values() if v.group not in self.derivation.held]
        outputs = {part.group: part.indices for part in self.system.outputs.parts}
        for v, equation in zip(unknowns, printed, strict=True):
            free = [nodes[np.isin(nodes, outputs[v.group])] for nodes in self._free_classes(v)]
            places = self._places(reader, v, np.concatenate(free), self.answers.nudged)
            yield self.compare.one(f"nudged output of group {v.group}", reader, balance(equation), places)

    def _executed(self) -> Iterator[Verified]:
        """Forces from messages, and local steps."""
        told, reader = list(equations(self.pages.system, "As executed")), self.reader(BETA)
        said = [reader.names.meanings.get(base_name(e.lhs), "") for e in told]
        forces = iter([e for e, words in zip(told, said, strict=True) if words.startswith("force on")])
        if any(words.startswith("energy of node") for words in said):
            yield Verified("energies of nodes given their messages", reason=_NOT_RUN)
        outputs = {part.group: part.indices for part in self.system.outputs.parts} if self.system.outputs else {}
        for v in self.derivation.variables.values():
            if v.group not in self.derivation.locals:
                continue
            nodes, where = np.concatenate(self._free_classes(v)), f"{v.key} of group {v.group}"
            places = self._places(reader, v, nodes, self.answers.force)
            yield self.compare.one(f"force from messages on {where}", reader, next(forces).rhs, places)
            for e in told:
                if e.label not in ("local step", "nudged step") or not isinstance(e.lhs, Chain):
                    continue
                x, value = e.lhs.sides
                if reader.names.states.get(base_name(x)) == (v.group, v.coordinate.name, int(v.reduced)):
                    steps = self.answers.steps if value.has(clip) else self.answers.unbounded
                    acts = nodes if e.label == "local step" else np.intersect1d(nodes, outputs[v.group])
                    places = self._places(reader, v, acts, steps[e.label])
                    yield self.compare.one(f"{e.label} of {where}", reader, value, places)

    def _slopes(self, symbol: sp.Basic) -> Iterator[Verified]:
        seen: set[tuple[sp.Basic, ...]] = set()
        for page in self.pages.rules.values():
            reader = self.reader(0.0, page)
            for equation in equations(page, "Learning"):
                if not isinstance(equation.lhs, Slope) or equation.lhs.args[0] != symbol or equation.sides in seen:
                    continue
                seen.add(equation.sides)
                entry = equation.lhs.args[1]
                placement, key, _ = reader.own.get(base_name(entry), ("readout", "", None))
                if placement != "readout":
                    places = parameter_places(reader, entry, self.answers.slopes[placement][key], self.compare)
                    yield self.compare.one(f"∂E/∂{key} of {placement}", reader, equation.rhs, places)

    def _free_classes(self, v: Variable) -> list[np.ndarray]:
        held = np.zeros(v.size, bool) if v.internal else clamped_mask(self.system, v.group, v.coordinate)
        return [nodes for c in v.classes if (nodes := c.indices[~held[c.indices]]).size]

    def _places(self, reader: PageNumbers, v: Variable, nodes: np.ndarray, force: Any) -> list[Place]:
        chosen = nodes[self.compare.sampled(len(nodes))].tolist()
        return unknown_places(reader, v, chosen, force[v.group][v.key])


def balance(equation: Equation) -> sp.Basic:
    """Right less left."""
    left: Any = equation.lhs
    return equation.rhs - left


def unknown_places(reader: PageNumbers, v: Variable, chosen: list[int], values: Any) -> list[Place]:
    """Where the equation of an unknown is read, for the nodes or elements that are chosen."""
    found: list[Place] = []
    for n in chosen:
        row = reader.elements.indices(v.group)[n] if v.internal else (n,)
        inside = {v.group: n} if v.internal else {}
        found.append((dict(zip(reader.letters, row, strict=False)), inside, values[n]))
    return found


def parameter_places(reader: PageNumbers, entry: Any, values: Any, compare: Comparison) -> list[Place]:
    """Where a formula for a parameter is read: entries of its array, with what each has to be."""
    placement, _, array = reader.own[base_name(entry)]
    letters = [latex_of(i) for i in getattr(entry, "indices", ())]
    flat = np.ravel(np.asarray(values))
    if not letters:
        return [({}, {}, flat[0])]
    if placement == "readout":
        numbers = list(np.ndindex(array.shape))
        return [(dict(zip(letters, numbers[n], strict=True)), {}, flat[n]) for n in compare.sampled(len(flat))]
    rows = reader.elements.indices(placement)
    local = len(reader.system.placement(placement).component.ports) == 1
    return [
        (dict(zip(letters, rows[n], strict=False)), {} if local else {placement: int(n)}, flat[n])
        for n in compare.sampled(len(rows))
    ]
