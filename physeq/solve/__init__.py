"""Finding steady states: strategies as frozen objects, one result, one way to differentiate. No SymPy here."""

from physeq.solve.continuation import Continuation as Continuation
from physeq.solve.equilibrium import default_finder as default_finder
from physeq.solve.equilibrium import equilibrium as equilibrium
from physeq.solve.finder import Finder as Finder
from physeq.solve.fixed_point import FixedPoint as FixedPoint
from physeq.solve.fixed_point import Inside as Inside
from physeq.solve.fixed_point import Outside as Outside
from physeq.solve.langevin import Langevin as Langevin
from physeq.solve.linear import ConjugateGradients as ConjugateGradients
from physeq.solve.linear import DenseDirect as DenseDirect
from physeq.solve.linear import LinearSolve as LinearSolve
from physeq.solve.linear import SparseDirect as SparseDirect
from physeq.solve.minimise import LBFGS as LBFGS
from physeq.solve.minimise import Minimise as Minimise
from physeq.solve.minimise import NonlinearCG as NonlinearCG
from physeq.solve.newton import Newton as Newton
from physeq.solve.node_descent import NodeDescent as NodeDescent
from physeq.solve.noise import GaussianNoise as GaussianNoise
from physeq.solve.relaxation import EulerSteps as EulerSteps
from physeq.solve.relaxation import Explicit as Explicit
from physeq.solve.relaxation import Implicit as Implicit
from physeq.solve.relaxation import Relaxation as Relaxation
from physeq.solve.result import Equilibrium as Equilibrium
from physeq.solve.result import Outcome as Outcome
