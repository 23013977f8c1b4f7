"""ngspice as an independent judge: run a netlist in it and read what it found."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from physeq.errors import ModelError, SolveError
from physeq.netlist._rawfile import Plot, parse_raw
from physeq.netlist.netlist import Netlist, read_netlist
from physeq.netlist.records import Analysis

# Cards that run, print or stop; what is to run is said once, at the end.
_DROPPED = re.compile(
    r"\.(op|dc|tran|ac|noise|disto|tf|sens|pz|sp|pss|hb|print|plot|save|probe|meas|measure|four|fourier|width|end)\b",
    re.IGNORECASE,
)
# v(out), i(v1), i(@r1[i]), @r1[i], v1#branch
_VECTOR = re.compile(
    r"v\((?P<node>.+)\)|(?:i\()?@(?P<device>[^\[]+)\[\w+\]\)?|i\((?P<source>[^@]+)\)|(?P<branch>.+)#branch"
)
_PROGRESS = re.compile(
    r"trying gmin|gmin (step|increment)|supplies reduced|^note: starting|resource usage|active circuit", re.I
)
_CURRENTS = {"d": "id", "i": "current"}  # how ngspice calls the current of an element; all others: i


class NgspiceMissing(ModelError):
    """ngspice is not installed."""

    def __init__(self, program: str):
        super().__init__(
            f"{program!r} is not installed. On Debian or Ubuntu: apt-get install ngspice. With Homebrew: brew install "
            "ngspice. For Windows: https://ngspice.sourceforge.io/download.html, with its folder in PATH"
        )


@dataclass(frozen=True)
class NgspiceOptions:
    """Tolerances of ngspice, much tighter than its own, so that its errors count for little beside those compared.

    `relative`, `voltage`, `current` and `charge` are its reltol, vntol, abstol and chgtol; `truncation` its trtol, 7 by
    default there, by which it lets steps be too large; `leak` its gmin, a conductance that it adds to every junction,
    by default what the netlist says; `method` "trap" or "gear". A ringing RLC circuit comes out right to 2e-5 of its
    swing with these.
    """

    relative: float = 1e-8
    voltage: float = 1e-10
    current: float = 1e-12
    charge: float = 1e-15
    truncation: float = 1.0
    leak: float | None = None
    method: str = "trap"
    iterations: int = 500

    def card(self) -> str:
        """The line of a netlist."""
        leak = "" if self.leak is None else f"gmin={self.leak:g} "
        return (
            f".options reltol={self.relative:g} vntol={self.voltage:g} abstol={self.current:g} chgtol={self.charge:g} "
            f"trtol={self.truncation:g} {leak}method={self.method} itl1={self.iterations} "
            f"itl4={self.iterations}"
        )


def find_ngspice(program: str = "ngspice") -> str | None:
    """The path of ngspice, or None where it is not installed."""
    return shutil.which(program)


def run(
    netlist: Netlist | str,
    analysis: Analysis | str | None = None,
    *,
    options: NgspiceOptions | None = None,
    currents: Sequence[str] = (),
    program: str = "ngspice",
    timeout: float = 600.0,
) -> dict[str, np.ndarray]:
    """Run one analysis of a netlist in ngspice.

    Args:
        netlist: a `Netlist`, which runs as it was written, or any text that ngspice reads.
        analysis: a record or a card such as ".tran 1u 1m" or ".ac lin 5 1k 5k"; by default the only one of the netlist.
        options: tolerances; by default `NgspiceOptions()`, and where its steps become too small with these, its
            relative tolerance ten times as large.
        currents: names of elements whose currents are wanted too. Those of V sources, inductors, E and H are always
            there; those of R, C and D only when named.
        program: the name or path of ngspice.
        timeout: in seconds.

    Returns:
        {quantity: values}: "time", "sweep" or "frequency" and "out.v", "V1.i", named as in the netlist where physeq
        reads it, in lower case otherwise; "X1.x" for the states of library components. Operating points have one value,
        `.ac` has complex ones.

    Raises:
        NgspiceMissing: it is not installed; the message says how to get it.
        SolveError: ngspice stopped; the message has its own words.
        ModelError: no analysis, or several, to run.
    """
    path = find_ngspice(program)
    if path is None:
        raise NgspiceMissing(program)
    read = _read(netlist)
    text = netlist.text if isinstance(netlist, Netlist) else netlist
    if isinstance(netlist, Netlist) and not text:
        raise ModelError("run: this Netlist holds no text; pass the text of to_netlist(...)")
    card = _card(analysis, read)
    tried = (NgspiceOptions(), NgspiceOptions(relative=1e-7)) if options is None else (options,)
    for choice in tried:
        plots, complaint = _run(path, _deck(text, card, choice, currents, read), timeout)
        if plots and plots[0].values.size:
            vectors = zip(plots[0].vectors, plots[0].values, strict=True)
            found = {_name(vector, read): values for vector, values in vectors}
            return {name: values.real if name == "frequency" else values for name, values in found.items()}
        if "imestep too small" not in complaint:
            break
    raise SolveError(f"ngspice stopped: {complaint}")


def _run(path: str, deck: str, timeout: float) -> tuple[list[Plot], str]:
    """What ngspice found, nothing where it failed; and what it says of that."""
    with tempfile.TemporaryDirectory(prefix="physeq-ngspice-") as folder:
        (Path(folder) / "circuit.cir").write_text(deck, encoding="utf-8")
        try:
            done = subprocess.run(
                [path, "-b", "-r", "circuit.raw", "circuit.cir"],
                cwd=folder, capture_output=True, text=True, errors="replace", timeout=timeout, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise SolveError(f"ngspice did not finish within {timeout:g} s; give it more, or looser options") from None
        raw = Path(folder) / "circuit.raw"
        plots = parse_raw(raw.read_bytes()) if raw.exists() and not done.returncode else []
    return plots, f"{_complaint(done.stderr, done.stdout)} (status {done.returncode})"


def _read(netlist: Netlist | str) -> Netlist | None:
    if isinstance(netlist, Netlist):
        return netlist
    try:
        return read_netlist(netlist)
    except ModelError:
        return None  # ngspice knows more than physeq; names then stay as it writes them


def _card(analysis: Analysis | str | None, read: Netlist | None) -> str:
    if analysis is not None:
        return analysis if isinstance(analysis, str) else analysis.card()
    if read is None or len(read.analyses) != 1:
        count = "an unknown number of" if read is None else len(read.analyses)
        raise ModelError(f"run: the netlist has {count} analyses; say which one, for example analysis='.op'")
    return read.analyses[0].card()


def _deck(text: str, card: str, options: NgspiceOptions, currents: Sequence[str], read: Netlist | None) -> str:
    """The netlist with this one analysis; dropped cards stay as comments, so that line numbers remain."""
    lines, dropping, script = [], False, False
    for number, line in enumerate(text.splitlines()):
        start = line.strip().lower()
        if number == 0:
            lines.append(line)
            continue
        if not start.startswith("+"):
            script = (script or start.startswith(".control")) and not start.startswith(".endc")
            dropping = script or start.startswith(".endc") or _DROPPED.match(start) is not None
        lines.append(f"* {line}" if dropping else line)
        if start == ".end":
            break
    save = [".save all"] + [_device(name, read) for name in currents]
    return "\n".join([*lines, options.card(), " ".join(save), card, ".end", ""])


def _device(name: str, read: Netlist | None) -> str:
    """The vector of an element's current: flattened elements are called by their letter first, r.x1.r1."""
    lower = (name if read is None else read.element(name).name).lower()
    letter = lower.rpartition(".")[2][0]
    full = f"{letter}.{lower}" if "." in lower else lower
    return f"@{full}[{_CURRENTS.get(letter, 'i')}]"


def _name(vector: str, read: Netlist | None) -> str:
    if vector.endswith("-sweep)"):  # v(v-sweep), i(i-sweep): the value of the source that is swept
        return "sweep"
    match = _VECTOR.fullmatch(vector)
    if match is None:
        return vector
    if match["node"]:
        return _quantity(match["node"], "v", read)
    return _quantity(match["device"] or match["source"] or match["branch"], "i", read)


def _quantity(name: str, key: str, read: Netlist | None) -> str:
    if read is None:
        return f"{name}.{key}"
    if key == "v":
        owner, _, inner = name.rpartition(".")
        if inner.startswith("state_") and owner in read:  # a state inside a component of the library
            return f"{read.element(owner).name}.{inner.removeprefix('state_')}"
        return f"{read.node(name) or name}.v"
    for candidate in (name, name[2:]):  # with and without the letter before a path: v.x1.v1
        if candidate in read:
            return f"{read.element(candidate).name}.i"
    return f"{name}.i"


def _complaint(output: str, other: str) -> str:
    """The lines of ngspice's output that tell what is wrong."""
    lines = [line.strip() for line in (output if output.strip() else other).splitlines()]
    telling = [line for line in lines if line and not _PROGRESS.search(line)]
    return " | ".join(telling[-12:]) or "it said nothing"
