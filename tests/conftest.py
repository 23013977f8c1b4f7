"""Settings of the whole suite: double precision, no silent rank promotion, deterministic property tests."""

import gc
import os
import sys
from pathlib import Path

from quick_compile import FLAGS

# Benchmarks keep XLA's optimisations.
if "benchmark" not in sys.argv:
    os.environ.setdefault("XLA_FLAGS", " ".join(FLAGS))
# Before JAX is imported: a GPU, where there is one, would change rounding and timings.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")

import jax
import pytest
from hypothesis import HealthCheck, settings
from sympy.core.cache import clear_cache

jax.config.update("jax_enable_x64", True)

# Compilation makes the first example slow, and examples must not differ from run to run.
settings.register_profile("physeq", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("physeq")


def _mapped_regions() -> int:
    maps = Path("/proc/self/maps")
    return len(maps.read_bytes().splitlines()) if maps.exists() else 0


@pytest.fixture(scope="module", autouse=True)
def _no_terms_of_other_modules():
    """SymPy hands back terms that it has met, with the units of another module's coordinates of the same names."""
    clear_cache()


@pytest.fixture(scope="module", autouse=True)
def _few_programs_in_memory():
    """Every compiled program holds regions of memory, of which Linux allows a process 65,530: XLA then crashes."""
    yield
    if _mapped_regions() > 25_000:
        jax.clear_caches()
        gc.collect()


@pytest.hookimpl(tryfirst=True)  # before cases are chosen by their marks
def pytest_collection_modifyitems(items):
    """Cases that `@pytest.mark.quick(...)` does not name run with the slow ones."""
    cases: dict[tuple, set[str]] = {}
    for item in items:
        if mark := item.get_closest_marker("quick"):
            cases.setdefault((item.function, mark.args), set()).add(item.callspec.id)
            if item.callspec.id not in mark.args:
                item.add_marker(pytest.mark.slow)
    for (function, named), found in cases.items():
        if len(found) > len(named) and (unknown := set(named) - found):
            raise pytest.UsageError(f"{function.__qualname__} has no cases {sorted(unknown)}, only {sorted(found)}")
