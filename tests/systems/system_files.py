"""Loading of `systems/NAME/model.py` and `facts.py` by path, and the gradients that closed forms are held against."""

from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import jax

import physeq as pq

SYSTEMS = Path(__file__).parents[2] / "systems"


@cache
def _load(name: str, file: str):
    spec = spec_from_file_location(f"{name}_{file}", SYSTEMS / name / f"{file}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def model(name: str):
    """The module `systems/NAME/model.py`."""
    return _load(name, "model")


def facts(name: str):
    """The module `systems/NAME/facts.py`."""
    return _load(name, "facts")


def params_of(system):
    """Starting parameters; the tests give all values that matter."""
    return system.compile().init_parameters(jax.random.key(0))


def gradients(compiled, params, inputs, target, start=None):
    """The exact gradient, and that of equilibrium propagation with its bias taken out by Richardson's extrapolation."""
    # Newton from the equilibrium, to rounding: compiles faster than a minimiser in every phase.
    start = compiled.equilibrium(params, inputs, start=start).state
    finder = pq.Newton(tolerance=0.0)

    @jax.jit
    def exact():
        return pq.ImplicitDifferentiation(finder=finder).estimate(compiled, params, inputs, target, start=start)[0]

    @jax.jit
    def centered(beta):
        rule = pq.EquilibriumPropagation(nudging=pq.Centered(beta), free=finder)
        return rule.estimate(compiled, params, inputs, target, start=start)[0]

    # The centered estimate is g + a β² + b β⁴ + ...
    fine, coarse = centered(0.5e-4), centered(1e-4)
    return exact(), jax.tree.map(lambda a, b: (4 * a - b) / 3, fine, coarse)
