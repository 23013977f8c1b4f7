"""Raw files: what SPICE programs write their results to, in text or binary form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from physeq.errors import SolveError

_CUT = "the raw file of ngspice breaks off in its header; the run did not finish"


@dataclass(frozen=True)
class Plot:
    """One analysis of a raw file: its name, the names of its vectors, and their values of shape (vectors, points).

    Values are complex where the analysis is one of small signals (`.ac`).
    """

    name: str
    vectors: tuple[str, ...]
    values: np.ndarray


def parse_raw(content: bytes) -> list[Plot]:
    """The plots of a raw file, with real or complex values.

    Raises:
        SolveError: the file is cut off, or of another form.
    """
    plots, at = [], 0
    while at < len(content):
        plot, at = _plot(content, at)
        if plot is None:
            break
        plots.append(plot)
    return plots


def _plot(content: bytes, at: int) -> tuple[Plot | None, int]:
    header: dict[str, str] = {}
    names: list[str] = []
    while True:
        end = content.find(b"\n", at)
        if end < 0:
            if header:
                raise SolveError(_CUT)
            return None, len(content)
        line = content[at:end].decode("latin-1").strip()
        at = end + 1
        key, _, value = line.partition(":")
        if key in ("Binary", "Values"):
            break
        if key == "Variables" and not value.strip():
            for _ in range(int(header["No. Variables"])):
                if (end := content.find(b"\n", at)) < 0:
                    raise SolveError(_CUT)
                names.append(content[at:end].decode("latin-1").split()[1])
                at = end + 1
        elif line:
            header[key] = value.strip()
    kind = header.get("Flags", "real").split()[0]
    if kind not in ("real", "complex"):
        raise SolveError(f"the raw file of ngspice holds {kind} values; only real and complex ones are read")
    count, points = len(names), int(header["No. Points"])
    width = 16 if kind == "complex" else 8
    if key == "Binary":
        size = width * count * points
        part = content[at : at + size]
        values = np.frombuffer(part[: len(part) // width * width], "<c16" if kind == "complex" else "<f8")
        at += size
    else:
        values, at = _text_values(content, at, count, points, kind == "complex")
    if values.size != count * points:
        raise SolveError(f"the raw file of ngspice breaks off: {values.size} of {count * points} values")
    return Plot(header.get("Plotname", ""), tuple(names), values.reshape(points, count).T.copy()), at


def _text_values(content: bytes, at: int, count: int, points: int, paired: bool) -> tuple[np.ndarray, int]:
    """Values as text: each point is its number and then one value per line, complex ones as "real,imaginary"."""
    end = content.find(b"Title:", at)
    end = len(content) if end < 0 else end
    words = content[at:end].split()
    if paired:
        numbers = np.array([complex(*map(float, word.split(b","))) for word in words], complex)
    else:
        numbers = np.array(words, float)
    if numbers.size != points * (count + 1):
        return numbers[:0], end
    return numbers.reshape(points, count + 1)[:, 1:].ravel(), end
