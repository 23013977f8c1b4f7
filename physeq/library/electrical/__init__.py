"""Electrical components in the flux φ of each node, v = φ̇.

A node that no flux holds is reduced to its voltage, where a circuit's steady state minimises the co-content
Σ_edges R_e(v_source − v_target) − Σ_i I_i v_i (Millar 1951) as long as its elements have one. Branch voltages are
v_source − v_target and currents flow from source to target through the element. What has a history (inductors,
junctions, memristors) carries a coordinate of its own.
"""

from ._shared import Initial as Initial
from ._shared import phi as phi
from ._shared import v as v
from .controlled import current_controlled_current_source as current_controlled_current_source
from .controlled import current_controlled_voltage_source as current_controlled_voltage_source
from .controlled import ideal_op_amp as ideal_op_amp
from .controlled import voltage_controlled_current_source as voltage_controlled_current_source
from .controlled import voltage_controlled_voltage_source as voltage_controlled_voltage_source
from .diodes import exponential_diode as exponential_diode
from .diodes import exponential_diode_to_ground as exponential_diode_to_ground
from .diodes import ideal_diode as ideal_diode
from .diodes import ideal_diode_to_ground as ideal_diode_to_ground
from .diodes import piecewise_linear_diode as piecewise_linear_diode
from .memristors import Biolek as Biolek
from .memristors import Joglekar as Joglekar
from .memristors import Window as Window
from .memristors import linear_drift_memristor as linear_drift_memristor
from .memristors import programmed_memristor as programmed_memristor
from .memristors import threshold_memristor as threshold_memristor
from .passive import capacitor as capacitor
from .passive import capacitor_to_ground as capacitor_to_ground
from .passive import conductance_to as conductance_to
from .passive import inductor as inductor
from .passive import mutual_inductance as mutual_inductance
from .passive import resistor as resistor
from .sources import branch_current_source as branch_current_source
from .sources import current_source as current_source
from .sources import voltage_source as voltage_source
from .superconducting import FLUX_QUANTUM as FLUX_QUANTUM
from .superconducting import josephson_junction as josephson_junction
from .transistors import mosfet as mosfet
from .transistors import switch as switch
