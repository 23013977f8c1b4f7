"""`verify`: the formulas of a page against the compiled model, at a random point, while the page is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
import sympy as sp

from physeq.checking import probe
from physeq.compile import energy, parameter_gradient
from physeq.errors import InternalError, ModelError
from physeq.learn.consistency import random_state
from physeq.report._relations import Slope
from physeq.report.document import Block, Document, Equation, Note, Paragraph, Section, Table
from physeq.report.notation import symbol_latex
from physeq.report.numbers import PageNumbers, Unreadable, equations
from physeq.report.rule_pages import RulePages
from physeq.symbolic.reduction import Variable, clamped_mask
from physeq.variant import Variant

SEED = 0
_BETA = 0.5  # the nudge takes part in what is compared
_ENTRIES = 12  # nodes or elements of one equation that are compared
_LIMITS = {"float64": 1e-6, "float32": 1e-2}
_PRECISIONS = {"float64": "double", "float32": "single"}


@dataclass(frozen=True)
class Verified:
    """One printed equation held against the compiled model.

    Attributes:
        equation: what it is, in words.
        count: how many nodes or elements were compared.
        difference: the largest relative difference, or None where the equation was not evaluated.
        reason: why not.
    """

    equation: str
    count: int = 0
    difference: float | None = None
    reason: str = ""


def with_verification(pages: RulePages, variant: Variant, derivation: Any, seed: int = SEED) -> RulePages:
    """The pages with a section on how far the printed formulas agree with the compiled model.

    Raises:
        InternalError: a printed formula disagrees; the message names it.
    """
    section = Section("Numerical verification", list(_blocks(pages, variant, derivation, seed)))
    blocks = list(pages.system.blocks)
    titles = [getattr(block, "title", None) for block in blocks]
    blocks.insert(titles.index("Rules that hold"), section)
    return replace(pages, system=replace(pages.system, blocks=blocks))


def _blocks(pages: RulePages, variant: Variant, derivation: Any, seed: int) -> Iterator[Block]:
    try:
        model = derivation.system.compile()
    except ModelError as error:
        yield Note(f"The formulas were not verified: the system does not compile to a steady state. {error}")
        return
    found = verify(pages, variant, model, seed)
    dtype = str(jax.numpy.result_type(float))
    worst = max((one.difference for one in found if one.difference is not None), default=0.0)
    yield Paragraph(
        "While this page was made, its printed formulas were evaluated with NumPy at a random state with random "
        f"parameters (seed {seed}) and compared with the compiled model in {_PRECISIONS[dtype]} precision. The largest "
        f"relative difference is {worst:.1e}; above {_LIMITS[dtype]:.0e} there would be no page."
    )
    rows: list[list] = []
    for one in found:
        said = f"not evaluated: {one.reason}" if one.difference is None else f"{one.difference:.1e}"
        rows.append([one.equation, str(one.count), said])
    yield Table(["Equation", "Values compared", "Largest relative difference"], rows)


def verify(pages: RulePages, variant: Variant, model: Any, seed: int = SEED) -> list[Verified]:
    """Energy, equations of motion at rest, nudged outputs and ∂E/∂p, as printed, against the compiled model.

    Args:
        pages: of the variant.
        model: the compiled system.
        seed: of parameters, data and state.

    Raises:
        InternalError: one disagrees.
    """
    return list(_Point(pages, variant, model, seed).compared())


class _Point:
    """A random point of a model, and the readers of the page there."""

    def __init__(self, pages: RulePages, variant: Variant, model: Any, seed: int):
        self.pages, self.model, self.seed = pages, model, seed
        self.system, self.derivation = model.system, model.derivation
        self.params = _shifted(self.system, model.init_parameters(jax.random.key(seed)), seed)
        inputs, target = probe(variant, self.system, seed)
        named = inputs if isinstance(inputs, Mapping) else {entry.name: inputs for entry in self.system.inputs}
        self.inputs = {name: np.asarray(x)[0] for name, x in named.items()}
        self.target = None if target is None else np.asarray(target)[0]
        self.rest = model.problem(self.params, self.inputs, self.target)
        self.free = random_state(model, self.rest, seed)
        self.state = jax.tree.map(np.asarray, self.rest.full(self.free))
        self.limit = _LIMITS[str(jax.numpy.result_type(float))]

    def reader(self, page: Document, beta: float = 0.0) -> PageNumbers:
        """Reads a page of the variant at this point; what the page of a rule calls above is on the first page."""
        known = {entry.symbol for entry in page.symbols}
        symbols = [*page.symbols, *(entry for entry in self.pages.system.symbols if entry.symbol not in known)]
        whole = replace(page, symbols=symbols)
        return PageNumbers(
            whole, self.derivation, self.params, self.state, inputs=self.inputs, target=self.target, beta=beta
        )

    def compared(self) -> Iterator[Verified]:
        """All comparisons, in the order of the page."""
        system = self.reader(self.pages.system)
        symbol = None
        for equation in equations(self.pages.system, "Energy"):
            if equation.label in ("energy", "co-content"):
                symbol = equation.lhs
                value = float(energy(self.rest, self.free, with_cost=False))
                yield self._one(f"{equation.label} of the steady state", system, equation.rhs, [({}, {}, value)])
        if symbol is None:
            return
        yield from self._motion(system)
        yield from self._nudged()
        yield from self._slopes(symbol)

    def _motion(self, reader: PageNumbers) -> Iterator[Verified]:
        force = self.rest.force(self.free)
        printed = iter(equations(self.pages.system, "Equations of motion"))
        for v in self.derivation.variables.values():
            if v.group in self.derivation.held:
                continue
            for number, nodes in enumerate(self._free_classes(v), 1):
                equation = next(printed)
                more = "" if len(v.classes) == 1 else f", kind {number} of node"
                what = f"equation of motion of {v.key} of group {v.group}{more}"
                yield self._one(what, reader, _balance(equation), self._places(reader, v, nodes, force))

    def _nudged(self) -> Iterator[Verified]:
        if self.target is None or self.derivation.cost is None:
            return
        nudged = self.model.problem(self.params, self.inputs, self.target, _BETA)
        force, reader = nudged.force(self.free), self.reader(self.pages.system, _BETA)
        printed = [e for e in equations(self.pages.system, "Steady state") if (e.label or "").startswith("nudged out")]
        unknowns = [v for v in self.derivation.cost.unknowns.values() if v.group not in self.derivation.held]
        outputs = {part.group: part.indices for part in self.system.outputs.parts}
        for v, equation in zip(unknowns, printed, strict=True):
            free = [nodes[np.isin(nodes, outputs[v.group])] for nodes in self._free_classes(v)]
            places = self._places(reader, v, np.concatenate(free), force)
            yield self._one(f"nudged output of group {v.group}", reader, _balance(equation), places)

    def _slopes(self, symbol: sp.Basic) -> Iterator[Verified]:
        gradient = parameter_gradient(self.rest, self.free)
        seen: set[tuple[sp.Basic, ...]] = set()
        for page in self.pages.rules.values():
            reader = self.reader(page)
            for equation in equations(page, "Learning"):
                if not isinstance(equation.lhs, Slope) or equation.lhs.args[0] != symbol or equation.sides in seen:
                    continue
                entry: Any = equation.lhs.args[1]
                name = symbol_latex(getattr(entry, "base", entry))
                placement, key, _ = reader.own.get(name, ("readout", "", None))
                if placement == "readout":
                    continue
                seen.add(equation.sides)
                values = np.ravel(np.asarray(gradient[placement][key]))
                letters = [symbol_latex(i) for i in getattr(entry, "indices", ())]
                rows = reader.elements(placement) if letters else [()]
                local = not letters or len(self.system.placement(placement).component.ports) == 1
                places = [
                    (dict(zip(letters, rows[n], strict=False)), {} if local else {placement: n}, values[n])
                    for n in _sampled(len(rows), self.seed)
                ]
                yield self._one(f"∂E/∂{key} of {placement}", reader, equation.rhs, places)

    def _free_classes(self, v: Variable) -> list[np.ndarray]:
        held = np.zeros(v.size, bool) if v.internal else clamped_mask(self.system, v.group, v.coordinate)
        return [nodes for c in v.classes if (nodes := c.indices[~held[c.indices]]).size]

    def _places(self, reader: PageNumbers, v: Variable, nodes: np.ndarray, force: Any) -> list[tuple]:
        values = np.asarray(force[v.group][v.key])
        found = []
        for n in nodes[_sampled(len(nodes), self.seed)].tolist():
            row = reader.elements(v.group)[n] if v.internal else (n,)
            found.append((dict(zip(reader.letters, row, strict=False)), {v.group: n} if v.internal else {}, values[n]))
        return found

    def _one(self, what: str, reader: PageNumbers, printed: Any, places: Iterable[tuple]) -> Verified:
        """The printed expression at (indices, elements, value of the model); the numbers are held together."""
        expected = []
        try:
            function = reader.value(printed)
            found = []
            with np.errstate(all="ignore"):
                for at, element, value in places:
                    found.append(float(function(at, element)))
                    expected.append(float(value))
        except Unreadable as error:
            return Verified(what, reason=str(error))
        if not np.isfinite(expected).all():
            return Verified(what, reason="the compiled model has no finite value at this point")
        difference = relative_difference(found, expected)
        if not difference <= self.limit:
            worst = int(np.argmax(np.abs(np.subtract(found, expected))))
            raise InternalError(
                f"the printed {what} disagrees with the compiled model at a random point (seed {self.seed}): "
                f"{found[worst]:.6g} against {expected[worst]:.6g}, relative difference {difference:.1e}"
            )
        return Verified(what, len(found), difference)


def _balance(equation: Equation) -> sp.Basic:
    left: Any = equation.lhs
    return equation.rhs - left


def _sampled(count: int, seed: int) -> np.ndarray:
    """All of a few, or a random choice."""
    return np.sort(np.random.default_rng(seed).permutation(count)[:_ENTRIES])


def relative_difference(found: list[float], expected: list[float]) -> float:
    """The largest |a − b| / |b|; where b is small beside the others, relative to a thousandth of their lower quartile.

    >>> relative_difference([1.0, 3.0, 1e-20], [1.0, 2.0, 0.0])
    0.5
    """
    a, b = np.asarray(found), np.asarray(expected)
    if not np.isfinite(a).all():
        return float("inf")
    size = np.abs(b[b != 0])
    floor = 1e-3 * np.quantile(size, 0.25) if size.size else 1.0
    return float(np.max(np.abs(a - b) / np.maximum(np.abs(b), floor), initial=0.0))


def _shifted(system: Any, params: Any, seed: int) -> dict[str, dict[str, Any]]:
    """Parameters away from their start values, where many are zero and their terms would not be seen."""
    rng = np.random.default_rng(seed)
    found = {name: dict(own) for name, own in params.items()}
    for placement in system.placements:
        for p in placement.component.parameters:
            value = np.asarray(params[placement.name][p.name])
            scale = np.max(np.abs(value), initial=0.0) or 1.0
            moved = value + 0.2 * scale * rng.uniform(0.5, 1.0, value.shape)
            found[placement.name][p.name] = jax.numpy.asarray(np.clip(moved, p.lower, p.upper), value.dtype)
    return found
