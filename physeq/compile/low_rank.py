"""A dense parameter plus its change in a phase, as messages read the two."""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array

from physeq.compile.wiring import real_product


class LowRank(eqx.Module):
    """p = base + leftᵀ right, with `left` (rank, sources) and `right` (rank, targets)."""

    base: Array
    left: Array
    right: Array

    def change(self) -> Array:
        """leftᵀ right, in the shape of the parameter."""
        return self.left.T @ self.right

    def message(self, feature: Array, receiver: int) -> Array:
        """Σ over senders of the change·feature at each receiver."""
        near, far = (self.left, self.right) if receiver == 1 else (self.right, self.left)
        return feature @ near.T @ far


class Apart(eqx.Module):
    """p = base + change, each with a product of its own: for a few samples that is cheaper than their sum."""

    base: Array
    change: Array

    def message(self, feature: Array, receiver: int) -> Array:
        """Σ over senders of the change·feature at each receiver."""
        return real_product(feature, self.change if receiver == 1 else self.change.T)
