"""The page of components shows every component of the library, with its picture."""

import importlib
import inspect
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

import physeq as pq

DOCS = Path(__file__).parents[2] / "docs"
SHOWN = re.findall(r"^```{component} (\S+)$", (DOCS / "components.md").read_text(), re.MULTILINE)
LIBRARY = {
    f"{module}.{name}"
    for module in ("electrical", "mechanical", "oscillators", "neural")
    for name, maker in vars(getattr(pq, module)).items()
    if inspect.isfunction(maker) and inspect.signature(maker).return_annotation in ("Node", "Edge", "Component")
    if not name.startswith("_")
}


def test_every_component_has_a_section_with_a_fact():
    assert sorted(SHOWN) == sorted(LIBRARY)
    text = (DOCS / "components.md").read_text()
    facts = re.findall(r"^```{component} \S+\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(facts) == len(SHOWN) and all(fact.strip() for fact in facts)


@pytest.fixture
def examples(monkeypatch):
    monkeypatch.syspath_prepend(DOCS / "_ext")
    return importlib.import_module("examples").EXAMPLES


def test_every_component_has_an_example_and_a_picture(examples):
    assert sorted(examples) == sorted(LIBRARY)
    assert sorted(path.stem for path in (DOCS / "components").glob("*.svg")) == sorted(LIBRARY)
    for name, example in examples.items():
        module, maker = name.split(".")
        made = getattr(getattr(pq, module), maker)()
        assert type(example.component) is type(made) and example.component.ports == made.ports


def test_pictures_show_what_they_say(examples):
    """The currents that a picture draws, against the law that its page states."""
    laws = {
        "electrical.resistor": lambda v: 0.5 * v,
        "electrical.conductance_to": lambda v: 0.5 * (v - 0.5),
        "electrical.exponential_diode": lambda v: 1e-12 * np.expm1(v / 0.025),
    }
    for name, law in laws.items():
        figure, axis = plt.subplots()
        examples[name].draw(axis)
        volts, amperes = axis.lines[0].get_data()
        plt.close(figure)
        np.testing.assert_allclose(amperes, law(volts), rtol=1e-12, atol=1e-12)
