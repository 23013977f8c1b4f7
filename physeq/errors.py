"""The errors that physeq raises: the user's model, the solve, or physeq itself is at fault."""


class PhyseqError(Exception):
    """Base class of every error that physeq raises on purpose."""


class ModelError(PhyseqError):
    """The declared system is wrong; the message names the element and how to mend it."""


class SolveError(PhyseqError):
    """A solver did not reach its tolerance; the message carries the residual, the steps and a remedy."""


class InternalError(PhyseqError):
    """physeq broke one of its own promises; please report it with the system that caused it."""
