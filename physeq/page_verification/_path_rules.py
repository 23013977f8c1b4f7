"""The page of a rule of trajectories: nudged equations, echoes and updates along the paths that the rule was given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from physeq.compile.hamiltonian import hamiltonian_programs
from physeq.learn import HamiltonianEcho, LagrangianEP, TimeReversedNudge
from physeq.page_verification._comparison import Comparison, Verified
from physeq.page_verification._echo_answers import echo_model
from physeq.page_verification._motion_answers import states_of
from physeq.page_verification._motion_page import balance_rows, free_classes
from physeq.page_verification._path_answers import PathAnswers
from physeq.page_verification._path_numbers import MOMENTUM, PathMoment, PathNumbers, with_momenta
from physeq.page_verification._path_page import path_moment, reader_of
from physeq.page_verification._steady_answers import BETA
from physeq.page_verification._steady_page import balance, parameter_places, unknown_places
from physeq.page_verification._steady_rule_answers import scale_of
from physeq.report._numbers_names import Elements, base_name, equations
from physeq.report._relations import Change, InPhase, Slope
from physeq.report._rule_operators import At
from physeq.report.document import Document
from physeq.report.numbers import Moment


class PathRulePage:
    """The page of one rule of trajectories."""

    def __init__(
        self, name: str, rule: Any, pages: Any, model: Any, elements: Elements, answers: PathAnswers, seed: int
    ):
        self.name, self.rule, self.page, self.model = name, rule, pages.rules[name], model
        self.derivation, self.system, self.answers = elements.derivation, elements.system, answers
        self.said, self.beta = answers.rules[name], scale_of(rule)
        self.compare = Comparison(seed, f"what {name} makes of the same random paths")
        self.trainable = model.trainable()
        self.pages = both = [self.page, pages.system]
        if isinstance(rule, HamiltonianEcho):
            self.reader = self._echo_reader(both, elements)
            self._at_the_end = self._echo_reader(both, elements, at_end=True)
        else:
            self.reader = reader_of(both, model, elements, answers, phases=self._phase)
            self.reader.moment = path_moment(answers, 0.0, 1.0, self.beta)
        if isinstance(rule, TimeReversedNudge):
            rates = states_of(answers.layout, answers.paths[1], None)
            scaled = {key: x / rule.strength for key, x in rates.items()}
            _beside(self.reader, "rate of the response of a node", scaled, 1)

    def _phase(self, mark: Any) -> Moment:
        # The second run of a time-reversed nudge is a + b.
        bend = not isinstance(self.rule, TimeReversedNudge)
        return path_moment(self.answers, mark, self.beta, bend=bend)

    # ---- echoes ------------------------------------------------------------------------------------------------------

    def _echo_reader(self, pages: list[Document], elements: Elements, *, at_end: bool = False) -> PathNumbers:
        """The pages along echoes; with `at_end` the target is its last entry, as terminal costs see it."""
        short, a = echo_model(self.model), self.answers
        count = short.solver.steps
        step = short.boundary.duration / count
        twice = np.repeat(np.arange(count), 2)  # at every kick the rate before and after
        self._times = (twice + 0.5) * step
        numbers = {"learning rate": 1.0, "duration of a trajectory": short.boundary.duration}
        reader = PathNumbers(
            pages,
            elements,
            a.params,
            PathMoment({}),
            inputs={name: np.moveaxis(x[:count][twice], 0, 1) for name, x in a.inputs.items()},
            target=a.target[count - 1] if at_end else np.moveaxis(a.target[:count][twice], 0, 1),
            phases=lambda mark: self._run("+1" if np.real(mark) > 0 else "-1"),
            numbers=numbers,
            weights=np.full(2 * count, step / 2),
            backwards=np.arange(2 * count)[::-1],
            target_symbol=self.model.cost.form.target,
        )
        self._places = hamiltonian_programs(a.layout).positions
        reader.moment = self._run("forward", self.beta)
        kick = with_momenta({}, a.layout, self._places, self.said["kick"])
        _beside(reader, "displacement by the terminal cost", kick, MOMENTUM)
        return reader

    def _run(self, which: str, beta: float | None = None) -> PathMoment:
        found, layout = self.said[which], self.answers.layout
        nudge = {"forward": 0.0, "+1": self.beta, "-1": -self.beta}[which] if beta is None else beta

        def at(key: str) -> Moment:
            ys = found["path"] if key == "path" else found[key]
            momenta = found["p"] if key == "path" else found[f"p {key}"]
            return Moment(with_momenta(states_of(layout, ys, None), layout, self._places, momenta), nudge)

        times = self._times
        return PathMoment(at("path").states, nudge, times, at("start"), at("end"))

    # ---- comparisons -------------------------------------------------------------------------------------------------

    def verified(self) -> Iterator[Verified]:
        """Nudged equations, what is played back or flipped, and every printed update."""
        if isinstance(self.rule, LagrangianEP):
            yield from self._nudged()
        if isinstance(self.rule, TimeReversedNudge):
            yield from self._errors()
        if isinstance(self.rule, HamiltonianEcho):
            yield from self._echo_equations()
        if self.answers.slopes is not None:
            yield from self._slopes()
        yield from self._updates()

    def _slopes(self) -> Iterator[Verified]:
        """∂L/∂p along a path."""
        reader = reader_of(self.pages, self.model, self.reader.elements, self.answers)
        for equation in equations(self.page, "Learning"):
            if not isinstance(equation.lhs, Slope) or base_name(equation.lhs.args[1]) not in reader.own:
                continue
            entry: Any = equation.lhs.args[1]
            placement, key, _ = reader.own[base_name(entry)]
            values = np.moveaxis(self.answers.slopes[placement][key], -1, 0)
            what = f"∂L/∂{key} of {placement}"
            if not getattr(entry, "indices", ()):  # of all elements together
                yield self.compare.one(what, reader, equation.rhs, [({}, {}, values.sum(0))])
                continue
            numbers = list(range(len(values)))
            places = parameter_places(reader, entry, numbers, self.compare)
            yield self.compare.one(what, reader, equation.rhs, [(at, own, values[int(n)]) for at, own, n in places])

    def _updates(self) -> Iterator[Verified]:
        printed = {}
        for equation in equations(self.page, "Learning"):
            if isinstance(equation.lhs, Change):
                entry: Any = equation.lhs.args[0]
                placement, key, _ = self.reader.own[base_name(entry)]
                printed[placement, key] = entry, equation
        gradients: Mapping = self.said["gradients"]
        largest = max(float(np.max(np.abs(x), initial=0.0)) for own in gradients.values() for x in own.values())
        for placement, own in self.trainable.items():
            for key, trained in own.items():
                if not trained:
                    continue
                what = f"update of {key} of {placement} by {self.name}"
                if (placement, key) in printed:
                    entry, equation = printed[placement, key]
                    places = parameter_places(self.reader, entry, -gradients[placement][key], self.compare)
                    yield self.compare.one(what, self.reader, equation.rhs, places)
                else:
                    near = np.abs(np.ravel(gradients[placement][key])) > 1e-3 * self.compare.limit * largest
                    yield self.compare.together(f"{what}, which is zero", [np.zeros(1)], [near.any() * largest])

    def _outputs(self) -> Iterator[tuple[str, Any, np.ndarray]]:
        """(group, variable, free output nodes)."""
        form = self.model.cost.form
        for part in self.system.outputs.parts:
            v = self.derivation.variables[part.group, form.coordinate]
            yield part.group, v, np.asarray(part.indices)

    def _nudged(self) -> Iterator[Verified]:
        before, self.reader.moment = self.reader.moment, path_moment(self.answers, 0.0, 1.0, BETA)
        try:
            yield from self._pushes()
            for group, v, outputs in self._outputs():
                values = -balance_rows(self.answers.layout, v, self.answers.nudged)
                printed = [e for e in equations(self.page, "Nudged") if e.label == f"output of group {group}"]
                kinds = [c.indices for c in v.classes if np.isin(c.indices, outputs).any()]
                for nodes, equation in zip(kinds, printed, strict=True):
                    free = [
                        n for n in np.intersect1d(nodes, outputs) if n in np.concatenate(free_classes(self.system, v))
                    ]
                    places = unknown_places(self.reader, v, [int(n) for n in free], values)
                    yield self.compare.one(f"nudged output of group {group}", self.reader, balance(equation), places)
        finally:
            self.reader.moment = before

    def _pushes(self) -> Iterator[Verified]:
        """What the nudge does to the force and to the momentum of an output."""
        for part in self.system.outputs.parts:
            v = self.derivation.variables[part.group, self.model.cost.form.coordinate]
            for words, slope in zip(("nudging force", "momentum of the nudge"), self.answers.pushes, strict=True):
                values = np.zeros((v.size, len(slope)))
                values[part.indices] = -BETA * slope.T[part.columns]
                for equation in equations(self.page, "Nudged"):
                    if equation.label == f"{words}, group {part.group}":
                        places = unknown_places(self.reader, v, [int(n) for n in part.indices], values)
                        yield self.compare.one(f"{words} of group {part.group}", self.reader, equation.rhs, places)

    def _errors(self) -> Iterator[Verified]:
        """e of the outputs, against what the rule plays backwards."""
        for group, v, outputs in self._outputs():
            values = -balance_rows(self.answers.layout, v, self.said["error"][0])
            (printed,) = [e for e in equations(self.page, "Learning") if e.label == f"error, group {group}"]
            free = [int(n) for n in outputs if n in np.concatenate(free_classes(self.system, v))]
            places = unknown_places(self.reader, v, free, -values)
            yield self.compare.one(f"error of group {group}", self.reader, printed.rhs, places)

    def _echo_equations(self) -> Iterator[Verified]:
        """Rates and forces forward, the flip, and forces on the way back."""
        before = self.reader.moment
        try:
            for title, which in (("Forward", "forward"), ("Echo", "+1")):
                self.reader.moment = self._run(which)
                yield from self._hamilton(title, which)
            yield from self._flip(self._at_the_end)
        finally:
            self.reader.moment = before

    def _hamilton(self, title: str, which: str) -> Iterator[Verified]:
        layout = self.answers.layout
        force = with_momenta({}, layout, self._places, self.said[which]["force"])
        told = list(equations(self.page, title))
        for equation in told:
            words, _, group = (equation.label or "").partition(", group ")
            if words == "Hamiltonian":
                value = self.said[which]["energy"]
                yield self.compare.one("Hamiltonian along a path", self.reader, equation.rhs, [({}, {}, value)])
            if words not in ("rate", "force", "force on an output"):
                continue
            v = next(v for v in self.derivation.group_variables(group) if not v.internal)
            free = np.concatenate(free_classes(self.system, v))
            outputs = next((o for g, _, o in self._outputs() if g == group), np.zeros(0, int))
            if words == "force on an output":
                free = np.intersect1d(free, outputs)
            elif words == "force" and any(e.label == f"force on an output, group {group}" for e in told):
                free = np.setdiff1d(free, outputs)
            states = self.reader.moment.states
            key = v.group, v.coordinate.name, MOMENTUM
            values = states[v.group, v.coordinate.name, 1] if words == "rate" else force[key]
            chosen = free[self.compare.sampled(len(free))].tolist()
            places = unknown_places(self.reader, v, chosen, values)
            yield self.compare.one(f"{words} of group {group}, {title.lower()}", self.reader, equation.rhs, places)

    def _flip(self, reader: PathNumbers) -> Iterator[Verified]:
        """Where an echo starts, against where the rule started it."""
        start = self._run("+1").start
        assert start is not None  # echoes have ends
        told = list(equations(self.page, "Momentum flip"))
        for equation in told:
            words, _, group = (equation.label or "").partition(", group ")
            if words == "displacement":
                v = self.derivation.variables[group, self.model.cost.form.coordinate]
                chosen = [int(n) for g, _, nodes in self._outputs() if g == group for n in nodes]
                slopes = reader.value(equation.rhs)
                places = [(at, own, slopes(at, own)) for at, own, _ in unknown_places(reader, v, chosen, [0] * v.size)]
                yield self.compare.one(f"displacement of group {group}", reader, equation.lhs, places)
            if not isinstance(equation.lhs, InPhase) or not isinstance(equation.lhs.args[0], At):
                continue
            x: Any = equation.lhs.args[0].args[0]
            key = reader.names.states[base_name(x)]
            v = next(v for v in self.derivation.group_variables(key[0]) if v.coordinate.name == key[1])
            free = np.concatenate(free_classes(self.system, v))
            if sum(e.lhs == equation.lhs for e in told) > 1:  # that of the outputs stands last
                outputs = next(o for g, _, o in self._outputs() if g == key[0])
                last = equation is [e for e in told if e.lhs == equation.lhs][-1]
                free = np.intersect1d(free, outputs) if last else np.setdiff1d(free, outputs)
            chosen = free[self.compare.sampled(len(free))].tolist()
            places = unknown_places(reader, v, chosen, start.states[key])
            what = f"start of an echo, {'momenta' if key[2] == MOMENTUM else 'positions'} of group {key[0]}"
            yield self.compare.one(what, reader, equation.rhs, places)


def _beside(reader: PathNumbers, meaning: str, values: Mapping, order: int) -> None:
    """Numbers for what every moving coordinate has one of, {(group, coordinate, order): array}."""
    for name in reader.names.meaning(meaning):
        said = reader.names.meanings[name]
        own = [key for key in values if key[2] == order and said.endswith(f", {key[1]} of {key[0]}")]
        only = [key for key in values if key[2] == order and key[0] not in reader.names.internal]
        for key in own or (only if len(only) == 1 else ()):
            reader.values[name] = values[key]
