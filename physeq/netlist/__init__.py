"""SPICE netlists in and out, and ngspice beside."""

from . import ngspice as ngspice
from .export import to_netlist as to_netlist
from .netlist import Netlist as Netlist
from .netlist import read_netlist as read_netlist
from .ngspice import NgspiceMissing as NgspiceMissing
from .ngspice import NgspiceOptions as NgspiceOptions
from .ngspice import find_ngspice as find_ngspice
from .records import OperatingPoint as OperatingPoint
from .records import Sweep as Sweep
from .records import Transient as Transient
