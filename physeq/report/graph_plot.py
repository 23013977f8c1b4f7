"""A network drawn into a file, for pages."""

from pathlib import Path
from typing import Any


def graph_state(topology: Any, values: Any, path: Any, label: str = "") -> Path:
    """Draw with `physeq.plot.graph` into a file."""
    from physeq.plot import graph, to_file

    return to_file(path, graph, topology, values, label=label)
