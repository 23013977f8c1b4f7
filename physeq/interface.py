"""What users hold: `System` and `Model` with verbs that reach across layers, so that no layer imports a later one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from physeq import compile as _compile
from physeq import solve as _solve
from physeq import symbolic as _symbolic


class Model(_compile.Model):
    """A compiled system with `equilibrium` as a method."""

    def equilibrium(self, params: Any, inputs: Any = None, **options: Any) -> _solve.Equilibrium:
        """See `physeq.equilibrium`."""
        return _solve.equilibrium(self, params, inputs, **options)


class System(_symbolic.System):
    __doc__ = _symbolic.System.__doc__

    def derive(self, *, per_element: Iterable[str] = ()) -> _symbolic.Derivation:
        """Derive equations, steady state, update rules and structure; see `physeq.derive`."""
        return _symbolic.derive(self, per_element=per_element)

    def compile(self, *, per_element: Iterable[str] = ()) -> Model:
        """Derive and compile; `per_element` names bundles to evaluate element by element."""
        return _compile.compile_model(self.derive(per_element=per_element), Model)
