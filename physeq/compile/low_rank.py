"""A dense parameter plus a change of low rank, as messages read it."""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array


class LowRank(eqx.Module):
    """p = base + leftᵀ right, with `left` (rank, sources) and `right` (rank, targets)."""

    base: Array
    left: Array
    right: Array

    def change(self) -> Array:
        """leftᵀ right, in the shape of the parameter."""
        return self.left.T @ self.right

    def message(self, feature: Array | None, receiver: int) -> Array:
        """Σ over senders of the change·feature at each receiver; `feature` None means 1."""
        near, far = (self.left, self.right) if receiver == 1 else (self.right, self.left)
        return (near.sum(-1) if feature is None else feature @ near.T) @ far
