"""Variants: built in their own words, whatever was declared before."""

from system_files import SYSTEMS

import physeq as pq
from physeq.loading import load_system


def test_systems_keep_their_words_beside_others_that_compare_equal():
    """SymPy's cache gives back terms that it has met, here those of a coordinate that is described otherwise."""
    x = pq.coordinate("x", unit="furlong", description="displacement")
    assert (x.source - x.target) ** 2 / 2 != (x.target - x.source) / 2
    system = load_system(str(SYSTEMS / "oscillator_chain")).variants["lossless"].build()
    slots = [slot for placement in system.placements for slot in placement.component.slots]
    assert {slot.coordinate.description for slot in slots} == {"position along x"}
    assert {slot.coordinate.unit for slot in slots} == {"m"}
