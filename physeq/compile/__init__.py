"""SymPy to JAX: printing expressions, lowering bundles, the compiled `Model`."""

from physeq.compile.action import action_gradient as action_gradient
from physeq.compile.action import action_programs as action_programs
from physeq.compile.action import bilinear_programs as bilinear_programs
from physeq.compile.action import like_parameters as like_parameters
from physeq.compile.action import require_action as require_action
from physeq.compile.compiled import require_compiled as require_compiled
from physeq.compile.energy import energy as energy
from physeq.compile.energy import parameter_gradient as parameter_gradient
from physeq.compile.initialise import sample as sample
from physeq.compile.model import Model as Model
from physeq.compile.model import compile_model as compile_model
from physeq.compile.motion import BoundMotion as BoundMotion
from physeq.compile.motion import Motion as Motion
from physeq.compile.motion import compile_motion as compile_motion
from physeq.compile.printer import Program as Program
from physeq.compile.problem import Problem as Problem
from physeq.compile.response import force_parameter_gradient as force_parameter_gradient
from physeq.compile.trajectory_model import TrajectoryModel as TrajectoryModel
from physeq.compile.trajectory_model import trajectory_model as trajectory_model
from physeq.compile.trajectory_problem import TrajectoryProblem as TrajectoryProblem
