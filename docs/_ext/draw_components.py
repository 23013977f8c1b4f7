"""Draws the pictures of the page of components: `python docs/_ext/draw_components.py [MODULE.NAME ...]`.

They are kept in docs/components, since to run them all takes minutes.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from examples import EXAMPLES

FOLDER = Path(__file__).parents[1] / "components"
# The same drawing is the same file: no random names, no date, text as text.
STYLE = {"svg.hashsalt": "physeq", "svg.fonttype": "none", "path.simplify_threshold": 0.2, "font.size": 9}


def draw(name: str) -> Path:
    """The picture of one component, as a file."""
    with matplotlib.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(4.6, 2.8))
        EXAMPLES[name].draw(axis)
        axis.spines[["top", "right"]].set_visible(False)
        figure.tight_layout()
        path = FOLDER / f"{name}.svg"
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
    # Hundredths of a point are enough for lines; numbers that are written out stay.
    text = re.sub(r'"[^"]*"', lambda part: re.sub(r"(\d+\.\d{2})\d+", r"\1", part.group()), path.read_text())
    path.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n")
    return path


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for chosen in sys.argv[1:] or EXAMPLES:
        print(draw(chosen), flush=True)
