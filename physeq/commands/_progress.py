"""The progress of an integration on standard error, where that is a terminal."""

from __future__ import annotations

import sys
from typing import Any

import diffrax


class MotionProgress(diffrax.AbstractProgressMeter):
    """A percentage that is rewritten in place; nothing where standard error is a file."""

    def init(self) -> Any:
        return self._inner().init()

    def step(self, state: Any, progress: Any) -> Any:
        return self._inner().step(state, progress)

    def close(self, state: Any) -> Any:
        return self._inner().close(state)

    def _inner(self) -> diffrax.AbstractProgressMeter:
        return diffrax.TextProgressMeter(minimum_increase=0.05) if sys.stderr.isatty() else diffrax.NoProgressMeter()
