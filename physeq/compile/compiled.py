"""Whether something is a compiled model: what functions that take one ask first."""

from __future__ import annotations

from typing import Any

from physeq.compile.trajectory_model import TrajectoryModel
from physeq.errors import ModelError


def require_compiled(who: str, model: Any) -> None:
    """Refuse what is no compiled model, such as the system itself; what stands for one on pages has a derivation too.

    Raises:
        ModelError: with what to pass instead.
    """
    if not (isinstance(model, TrajectoryModel) or hasattr(model, "derivation")):
        hint = "; pass system.compile()" if hasattr(model, "compile") else ""
        raise ModelError(f"{who}: model must be a compiled system, got {model!r:.80}{hint}")
