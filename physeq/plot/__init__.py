"""Pictures of networks, motions, learning and audits; needs matplotlib, `pip install "physeq[plot]"`.

Names in the singular draw on one axes: they take `ax=` and return it. Names in the plural (and `predictions`) draw
panels: they take `figure=`, a figure or a part of one, and return it. Without either a new pyplot figure is made, which
notebooks show. `save` writes what was drawn to an SVG or PNG file; `to_file` draws straight into one, without pyplot.

Lines have the colours of Okabe and Ito (2008) and differ in dash or marker too; maps are viridis, cividis, RdBu and
PuOr. Axes carry the units of the symbols.
"""

from physeq.plot._figure import save as save
from physeq.plot._figure import to_file as to_file
from physeq.plot.audits import audit_curve as audit_curve
from physeq.plot.audits import audit_curves as audit_curves
from physeq.plot.audits import fitted_slope as fitted_slope
from physeq.plot.audits import points_curves as points_curves
from physeq.plot.audits import precision_curves as precision_curves
from physeq.plot.changes import parameter_histograms as parameter_histograms
from physeq.plot.changes import parameter_maps as parameter_maps
from physeq.plot.dynamics import convergence_curve as convergence_curve
from physeq.plot.dynamics import noise_curves as noise_curves
from physeq.plot.dynamics import stability_map as stability_map
from physeq.plot.dynamics import update_curves as update_curves
from physeq.plot.energy import Descent as Descent
from physeq.plot.energy import descent as descent
from physeq.plot.energy import energy_descent as energy_descent
from physeq.plot.energy import power as power
from physeq.plot.flows import flows as flows
from physeq.plot.learning import learning_curve as learning_curve
from physeq.plot.learning import learning_curves as learning_curves
from physeq.plot.motion import predictions as predictions
from physeq.plot.motion import trajectories as trajectories
from physeq.plot.motion import trajectory as trajectory
from physeq.plot.network import graph as graph
from physeq.plot.orbits import NudgeOrbit as NudgeOrbit
from physeq.plot.orbits import nudge_orbit as nudge_orbit
from physeq.plot.orbits import nudge_orbits as nudge_orbits
from physeq.plot.phase import phase_portrait as phase_portrait
from physeq.plot.phase import vector_field as vector_field
from physeq.plot.weights import parameter_histogram as parameter_histogram
from physeq.plot.weights import parameter_map as parameter_map
from physeq.plot.weights import receptive_fields as receptive_fields
from physeq.plot.weights import weight_map as weight_map
