"""Mechanical components: masses, springs, dampers, weights, rods in the coordinates x, y, z of a node; pendula in θ.

A grounded node rests at the origin. Where the coordinates are displacements from the places of a topology
(`displacements=True`), it rests at its place.
"""

from ._shared import SOFTENING as SOFTENING
from ._shared import STANDARD_GRAVITY as STANDARD_GRAVITY
from ._shared import x as x
from ._shared import y as y
from ._shared import z as z
from .dampers import damper as damper
from .dampers import drag as drag
from .masses import gravity as gravity
from .masses import mass as mass
from .pendula import hinge as hinge
from .pendula import pendulum as pendulum
from .pendula import pivot_friction as pivot_friction
from .pendula import theta as theta
from .pendula import torsion_spring as torsion_spring
from .places import starting_positions as starting_positions
from .rods import rigid_rod as rigid_rod
from .rods import rigid_rod_to_point as rigid_rod_to_point
from .springs import anchor as anchor
from .springs import spring as spring
