"""Names of classes as users write them in files and on the command line."""

from __future__ import annotations

import re
from typing import Any


def kebab(name: str) -> str:
    """A class's name in kebab case.

    >>> kebab("EquilibriumPropagation"), kebab("NonlinearCG"), kebab("LBFGS"), kebab("ContinualVectorFieldEP")
    ('equilibrium-propagation', 'nonlinear-cg', 'lbfgs', 'continual-vector-field-ep')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def name_of(strategy: Any) -> str:
    """The registry's name of a strategy or of its class.

    >>> import physeq as pq
    >>> name_of(pq.FixedPoint(30)), name_of(pq.OneSided)
    ('fixed-point', 'one-sided')
    """
    return kebab((strategy if isinstance(strategy, type) else type(strategy)).__name__)
