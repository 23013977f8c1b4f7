"""What users hold: `System` and `Model` with verbs that reach across layers, so that no layer imports a later one."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable
from html import escape
from typing import Any

from physeq import compile as _compile
from physeq import report as _report
from physeq import solve as _solve
from physeq import summaries as _summaries  # noqa: F401 - what objects show of themselves
from physeq import symbolic as _symbolic
from physeq.settings import instance
from physeq.shown import Shown


class Model(Shown, _compile.Model):
    """A compiled system with `equilibrium` as a method."""

    def __repr__(self) -> str:
        return f"Model({self.system!r})"

    def to_document(self, rule: Any = None) -> _report.Document:
        """The page of what was derived, with the updates of a rule; see `physeq.report.derivation_page`."""
        return _report.derivation_page(self.derivation, rule)

    def equilibrium(self, params: Any, inputs: Any = None, **options: Any) -> _solve.Equilibrium:
        """See `physeq.equilibrium`."""
        return _solve.equilibrium(self, params, inputs, **options)

    def simulate(self, params: Any, inputs: Any = None, **options: Any) -> _solve.Solution:
        """The motion of the same system; see `physeq.simulate`."""
        cache = self.lowered.__dict__
        if "motion" not in cache:
            cache["motion"] = _compile.compile_motion(self.system)
        return _solve.simulate(cache["motion"], params, inputs, **options)


class Motion(Shown, _compile.Motion):
    """A moving system, compiled, with its integrators as methods."""

    def __repr__(self) -> str:
        return f"Motion({self.system!r})"

    def simulate(self, params: Any, inputs: Any = None, **options: Any) -> _solve.Solution:
        """See `physeq.simulate`."""
        return _solve.simulate(self, params, inputs, **options)

    def operating_point(self, params: Any, inputs: Any = None, **options: Any) -> _solve.Rest:
        """See `physeq.operating_point`."""
        return _solve.operating_point(self, params, inputs, **options)


class TrajectoryModel(_compile.TrajectoryModel):
    """Trajectories under a boundary condition, with their solution and their page as methods.

    `rule` is a rule of trajectories; by default the first of `HamiltonianEcho`, `LagrangianEP`, `TimeReversedNudge` and
    `ContinuousAdjoint` that holds.
    """

    def to_document(self, rule: Any = None) -> _report.Document:
        """The page as a document of SymPy expressions; see `physeq.report.trajectory_page`."""
        return _report.trajectory_page(self, self.derived(), rule)

    def to_markdown(self, rule: Any = None) -> str:
        """The page as Markdown."""
        return self.to_document(rule).to_markdown()

    def to_latex(self, rule: Any = None) -> str:
        """The page as a LaTeX file."""
        return self.to_document(rule).to_latex()

    def to_html(self, rule: Any = None) -> str:
        """The page as one self-contained HTML file."""
        return self.to_document(rule).to_html()

    def to_text(self, rule: Any = None) -> str:
        """Equations of motion, updates and structure as plain text."""
        return _report.trajectory_summary(self, self.derived(), rule)

    def __repr__(self) -> str:
        return f"TrajectoryModel({self.system!r}, {type(self.boundary).__name__}, {type(self.solver).__name__})"

    def __str__(self) -> str:
        return self.to_text()

    def _repr_markdown_(self) -> str:
        return self.to_markdown()

    def _repr_html_(self) -> str:
        return _framed(self.to_html())

    def derived(self) -> Derivation:
        """What was derived of the same system, for its pages."""
        # Costs of trajectories may see rates, which a cost of steady states cannot: pages have the model's own.
        bare = copy.copy(self.system)
        bare.cost = None
        return derive(bare)

    def solve(self, params: Any, inputs: Any = None, **options: Any) -> _solve.Trajectories:
        """See `physeq.solve_trajectories`."""
        return _solve.solve_trajectories(self, params, inputs, **options)


class Derivation(_symbolic.Derivation):
    """What was derived of a system, printable: `print(d)` for a screenful, notebooks and files for the whole page.

    Attributes are those of `physeq.symbolic.Derivation`. `rule` is a `LearningRule`, by default
    `EquilibriumPropagation()`; its phases and the updates of all parameters are on the page.

    >>> import physeq as pq
    >>> network = pq.System(pq.complete(4), edges=pq.electrical.resistor(), ground=0, inputs=[1], outputs=[2],
    ...                     cost=(pq.electrical.v - pq.target("y")) ** 2 / 2)
    >>> print(network.derive().to_text().splitlines()[3])
      Σ[j ∈ N[i]] g[i, j] (v[i] - v[j]) = 0
    """

    def to_document(self, rule: Any = None) -> _report.Document:
        """The page as a document of SymPy expressions; see `physeq.report.derivation_page`."""
        return _report.derivation_page(self, rule)

    def to_markdown(self, rule: Any = None) -> str:
        """The page as Markdown."""
        return self.to_document(rule).to_markdown()

    def to_latex(self, rule: Any = None) -> str:
        """The page as a LaTeX file."""
        return self.to_document(rule).to_latex()

    def to_html(self, rule: Any = None) -> str:
        """The page as one self-contained HTML file."""
        return self.to_document(rule).to_html()

    def to_text(self, rule: Any = None) -> str:
        """Class, equations of motion, updates and structure as plain text."""
        return _report.summary(self, rule)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"Derivation({self.system!r}, {self.structure.system_class.value})"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()

    def _repr_html_(self) -> str:
        return _framed(self.to_html())

    def _repr_latex_(self) -> str:
        return _report.motion_latex(self)


def _framed(page: str) -> str:
    """A page in a frame, which keeps its style sheet from the notebook's."""
    return f'<iframe srcdoc="{escape(page)}" style="width:100%;height:45rem;border:0"></iframe>'


def derive(system: _symbolic.System, *, per_element: Iterable[str] = ()) -> Derivation:
    """Derive equations, steady state, update rules and structure of a system; the result prints itself.

    Args, errors and what is found: see `physeq.symbolic.derive`.
    """
    found = _symbolic.derive(system, per_element=per_element)
    return Derivation(**{field.name: getattr(found, field.name) for field in dataclasses.fields(found)})


class System(_symbolic.System):
    __doc__ = _symbolic.System.__doc__

    def derive(self, *, per_element: Iterable[str] = ()) -> Derivation:
        """Derive equations, steady state, update rules and structure; see `physeq.derive`. The result prints itself."""
        return derive(self, per_element=per_element)

    def compile(self, *, per_element: Iterable[str] = ()) -> Model:
        """Derive and compile; `per_element` names bundles to evaluate element by element."""
        model = _compile.compile_model(self.derive(per_element=per_element), Model)
        assert isinstance(model, Model)
        return model

    def motion(self) -> Motion:
        """Compile the equations of motion, M ẏ = f(t, y): ordinary, differential-algebraic or constrained."""
        return Motion(_compile.compile_motion(self).layout)

    def trajectories(
        self,
        boundary: _solve.Boundary,
        solver: _solve.TrajectorySolver,
        *,
        cost: _symbolic.TrajectoryCost | None = None,
    ) -> TrajectoryModel:
        """Compile the trajectories under a boundary condition, to be learnt by rules of trajectories.

        Args:
            boundary: `Periodic(period)`, `TwoPoint(start, end, duration=T)` or
                `InitialValue({group: q0}, {group: v0}, duration=T)`.
            solver: `HarmonicBalance(harmonics)`, `Collocation(intervals, points)` or `Leapfrog(steps)`.
            cost: `TrajectoryCost(running, terminal)`; by default the system's `cost` is the running cost.

        Raises:
            ModelError: boundary condition, solver or cost do not fit the motion.
        """
        boundaries = (_solve.Periodic, _solve.TwoPoint, _solve.InitialValue)
        instance("trajectories", "boundary", boundary, boundaries, "Periodic(...), TwoPoint(...) or InitialValue(...)")
        instance("trajectories", "solver", solver, (_solve.TrajectorySolver,), "a solver such as HarmonicBalance(8)")
        found = _compile.trajectory_model(self.motion().layout, boundary, solver, cost, TrajectoryModel)
        assert isinstance(found, TrajectoryModel)
        return found
