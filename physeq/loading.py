"""Systems by name: a folder with a `model.py` whose `variants` lists what it can build."""

from __future__ import annotations

import importlib.util
import re
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from physeq.errors import ModelError, PhyseqError
from physeq.registry import choose, suggestion
from physeq.simulation import Simulation
from physeq.variant import Variant

if TYPE_CHECKING:
    from physeq.netlist import Netlist

SYSTEMS = "systems"
_SHOWN = 4  # nodes of a netlist
NETLISTS = (".cir", ".sp", ".net", ".ckt", ".spice")


class SystemNotFound(ModelError):
    """No system, or no variant of it, has the name that was asked for."""


@dataclass(frozen=True)
class LoadedSystem:
    """A system's folder and what its `model.py` offers.

    Attributes:
        name: the folder's name.
        folder: where it is.
        variants: {name: Variant}, in the order of `model.py`.
        chosen: the variant asked for with `:VARIANT`, or None.
        netlist: the `Netlist`, where the system is one.
    """

    name: str
    folder: Path
    variants: Mapping[str, Variant]
    chosen: str | None = None
    netlist: Netlist | None = None

    @property
    def default(self) -> str:
        """The variant asked for, else the first one."""
        return self.chosen if self.chosen is not None else next(iter(self.variants))

    @property
    def label(self) -> str:
        """The system as asked for: `name` or `name:variant`."""
        return self.name if self.chosen is None else f"{self.name}:{self.chosen}"

    def selected(self) -> dict[str, Variant]:
        """The variant asked for, or all of them."""
        return dict(self.variants) if self.chosen is None else {self.chosen: self.variants[self.chosen]}

    def variant(self, name: str) -> Variant:
        """The variant of that name.

        Raises:
            SystemNotFound: there is none; the message lists what there is.
        """
        try:
            return self.variants[choose(f"system {self.name!r}: variant", name, self.variants)]
        except ModelError as error:
            raise SystemNotFound(str(error)) from None

    def experiments(self) -> dict[str, Path]:
        """{name: file} of the experiments (`*.toml`) beside `model.py`."""
        return {path.stem: path for path in sorted(self.folder.glob("*.toml"))}


def system_folders(base: Path | None = None) -> dict[str, Path]:
    """{name: folder} of the systems under `systems/` of a folder, by default the current one."""
    root = (Path.cwd() if base is None else base) / SYSTEMS
    return {path.parent.name: path.parent for path in sorted(root.glob("*/model.py"))}


def load_system(spec: str | Path) -> LoadedSystem:
    """Load a system by name or path.

    Args:
        spec: a name under `systems/` of the current folder, a folder, a `model.py`, or a SPICE netlist (.cir, .sp,
            .net); with `:VARIANT` where one variant is meant.

    Raises:
        SystemNotFound: there is no such system or variant; the message lists what there is.
        ModelError: its `model.py` fails or has no `variants`, or the netlist has faults.
    """
    place, chosen = _split(str(spec))
    if Path(place).suffix.lower() in NETLISTS and Path(place).is_file():
        system = _netlist(Path(place))
    else:
        path = _model_file(place)
        folder = path.parent.resolve()
        system = LoadedSystem(folder.name, path.parent, MappingProxyType(_variants(path)))
    if chosen is None:
        return system
    system.variant(chosen)
    return replace(system, chosen=chosen)


def _split(spec: str) -> tuple[str, str | None]:
    place, colon, variant = spec.rpartition(":")
    # A separator behind the colon: the colon is a drive's, or part of a folder's name.
    if not colon or "/" in variant or "\\" in variant:
        return spec, None
    return place, variant


def _netlist(path: Path) -> LoadedSystem:
    """A netlist as a system: with its sources as functions of time, and at their DC values."""
    from physeq.netlist import read_netlist

    found = read_netlist(path)
    variants = {
        "default": Variant(found.to_system, found.title, simulation=_transient(found)),
        "dc": Variant(partial(found.to_system, dc=True), "sources at their DC values"),
    }
    return LoadedSystem(path.stem, path.parent, MappingProxyType(variants), netlist=found)


def _transient(netlist: Netlist) -> Simulation | None:
    """The first `.tran` of a netlist as a simulation that shows its first nodes; None where it has none."""
    from physeq.netlist import Transient
    from physeq.netlist.starts import starting_state

    card = next((one for one in netlist.analyses if isinstance(one, Transient)), None)
    if card is None:
        return None
    show = tuple(f"{node}.v" for node in netlist.nodes[1:] if "." not in node)[:_SHOWN]
    return Simulation(t1=card.stop, start=partial(starting_state, netlist, card), show=show)


def _model_file(place: str) -> Path:
    known = system_folders()
    path = Path(place)
    if path.is_file() and path.suffix == ".py":
        return path
    if (path / "model.py").is_file():
        return path / "model.py"
    if place in known:
        return known[place] / "model.py"
    if path.is_dir() and path.resolve() != Path.cwd().resolve():
        raise SystemNotFound(f"{place}: this folder has no model.py; make one with `physeq new NAME`")
    there = f"in ./{SYSTEMS} there are {', '.join(known)}" if known else f"no systems are in ./{SYSTEMS} here"
    raise SystemNotFound(
        f"there is no system {place!r}.{suggestion(place, known)} Give a folder, a model.py, a netlist (.cir), or a "
        f"name; {there}."
    )


def _variants(path: Path) -> dict[str, Variant]:
    """Run the user's own Python file and take its `variants`."""
    name = "physeq_system_" + re.sub(r"\W", "_", str(path.parent.resolve()))
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ModelError(f"{path}: cannot be imported as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling in it look the module up by name
    try:
        spec.loader.exec_module(module)
    except PhyseqError:
        raise
    except Exception as error:
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
        line = f", line {lines[-1]}" if lines else ""
        raise ModelError(f"{path}{line}: {type(error).__name__}: {error}") from error
    found = getattr(module, "variants", None)
    if not isinstance(found, dict) or not found:
        raise ModelError(
            f'{path}: defines no `variants`; add variants = {{"default": pq.Variant(build, "a description")}}'
        )
    for key, value in found.items():
        if not isinstance(key, str) or not isinstance(value, Variant):
            raise ModelError(f"{path}: variants[{key!r}] must be a pq.Variant, got {type(value).__name__}")
    return found
