"""Learning rules as gradient estimators, exact gradients beside them, and the training loop. No SymPy here."""

from physeq.learn.audit import Audit as Audit
from physeq.learn.audit import audit as audit
from physeq.learn.basin import BasinCheck as BasinCheck
from physeq.learn.basin import left_basin as left_basin
from physeq.learn.consistency import Consistency as Consistency
from physeq.learn.consistency import consistency as consistency
from physeq.learn.continual_ep import ContinualEP as ContinualEP
from physeq.learn.equilibrium_propagation import Centered as Centered
from physeq.learn.equilibrium_propagation import EquilibriumPropagation as EquilibriumPropagation
from physeq.learn.equilibrium_propagation import OneSided as OneSided
from physeq.learn.equilibrium_propagation import RandomSign as RandomSign
from physeq.learn.evaluate import evaluate as evaluate
from physeq.learn.evaluate import predict as predict
from physeq.learn.exact import BackpropagationThroughTime as BackpropagationThroughTime
from physeq.learn.exact import FiniteDifferences as FiniteDifferences
from physeq.learn.exact import ImplicitDifferentiation as ImplicitDifferentiation
from physeq.learn.fitting import Fit as Fit
from physeq.learn.fitting import fit as fit
from physeq.learn.fitting import fit_many as fit_many
from physeq.learn.optimise import Rates as Rates
from physeq.learn.rule import Contrasted as Contrasted
from physeq.learn.rule import GradientInfo as GradientInfo
from physeq.learn.rule import LearningRule as LearningRule
from physeq.learn.rule import Objective as Objective
from physeq.learn.rule import Phase as Phase
