"""All examples of the page of components, {"module.name": Example}."""

import examples_dynamics
import examples_electrical
import examples_mechanical

_PARTS = {
    "electrical": examples_electrical.EXAMPLES,
    "mechanical": examples_mechanical.EXAMPLES,
    "oscillators": examples_dynamics.OSCILLATORS,
    "neural": examples_dynamics.NEURAL,
}

EXAMPLES = {f"{module}.{name}": example for module, part in _PARTS.items() for name, example in part.items()}
