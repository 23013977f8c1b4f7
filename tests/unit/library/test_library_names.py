"""Every component of the library: built without arguments, with a phrase, a docstring and described parameters."""

import doctest
import importlib
import inspect
import pkgutil

import pytest
from sympy.core.cache import clear_cache

import physeq as pq
import physeq.library
from physeq.symbolic import Component

MODULES = {name: getattr(pq, name) for name in ("electrical", "mechanical", "oscillators", "neural")}
MAKERS = {
    f"{name}.{function}": maker
    for name, module in MODULES.items()
    for function, maker in vars(module).items()
    if inspect.isfunction(maker) and not function.startswith("_")
    if inspect.signature(maker).return_annotation in ("Node", "Edge", "Component")
}


NAMES = {
    "electrical": (
        "branch_current_source", "capacitor", "capacitor_to_ground", "conductance_to",
        "current_controlled_current_source", "current_controlled_voltage_source", "current_source",
        "exponential_diode", "exponential_diode_to_ground", "ideal_diode", "ideal_diode_to_ground", "ideal_op_amp",
        "inductor", "josephson_junction", "linear_drift_memristor", "mosfet", "mutual_inductance",
        "piecewise_linear_diode", "programmed_memristor", "resistor", "switch", "threshold_memristor",
        "voltage_controlled_current_source", "voltage_controlled_voltage_source", "voltage_source",
    ),
    "mechanical": (
        "anchor", "damper", "drag", "gravity", "hinge", "mass", "pendulum", "pivot_friction", "rigid_rod",
        "rigid_rod_to_point", "spring", "torsion_spring",
    ),
    "neural": (
        "directed_synapse", "hopfield_synapse", "leaky_unit", "prototypical_synapse", "prototypical_unit", "synapse",
        "unit",
    ),
    "oscillators": (
        "fput_spring", "local_field", "phase_coupling", "phase_unit", "spin", "stuart_landau", "van_der_pol",
    ),
}  # fmt: skip


def test_the_list_of_components():
    assert sorted(MAKERS) == sorted(f"{module}.{name}" for module, names in NAMES.items() for name in names)


@pytest.fixture
def _no_cached_terms():
    """SymPy gives back terms that it has met, with the symbols of another test that compare equal."""
    clear_cache()


@pytest.mark.usefixtures("_no_cached_terms")
@pytest.mark.parametrize("name", MAKERS)
def test_components_describe_themselves(name):
    component = MAKERS[name]()
    assert isinstance(component, Component)
    assert component.description and component.terms()
    assert all(p.description for p in component.parameters)
    assert all(slot.coordinate.description for slot in component.slots)
    documentation = inspect.getdoc(MAKERS[name])
    assert ">>>" in documentation
    arguments = [a for a in inspect.signature(MAKERS[name]).parameters if a not in ("initial", "trainable", "source")]
    if arguments:
        assert all(argument in documentation for argument in arguments)


@pytest.mark.parametrize(
    "name", [module.name for module in pkgutil.walk_packages(physeq.library.__path__, "physeq.library.")]
)
def test_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
