"""Benchmarks run in single precision, as the hand-written programs do."""

import jax
import pytest


@pytest.fixture(autouse=True)
def single_precision():
    with jax.enable_x64(False):
        yield
