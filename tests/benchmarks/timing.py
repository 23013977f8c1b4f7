"""Paired timing in one process: the machines are shared, so only ratios of interleaved runs mean anything."""

import os
import time

import jax
import numpy as np


def ratio(ours, theirs, repeats=15, inner=1):
    """Median over pairs of (time of `ours`)/(time of `theirs`), and both medians in seconds.

    Both are called once to compile; then they alternate, in changing order, each result blocked on.
    """
    for function in (ours, theirs):
        jax.block_until_ready(function())
    times = {id(ours): [], id(theirs): []}
    for k in range(repeats):
        for function in (ours, theirs) if k % 2 else (theirs, ours):
            begin = time.perf_counter()
            for _ in range(inner):
                result = function()
            jax.block_until_ready(result)
            times[id(function)].append((time.perf_counter() - begin) / inner)
    a, b = np.array(times[id(ours)]), np.array(times[id(theirs)])
    return float(np.median(a / b)), float(np.median(a)), float(np.median(b))


def report(name, measured, limit):
    """Print one line: ratio, limit, times, load, device, version."""
    value, ours, theirs = measured
    load = os.getloadavg()[0]
    verdict = "ok" if value <= limit else "ABOVE"
    where = f"load {load:.1f}, {jax.devices()[0].device_kind}, jax {jax.__version__}"
    times = f"physeq {ours * 1e3:.3f} ms, hand-written {theirs * 1e3:.3f} ms"
    print(f"\n{name}: {value:.3f} x (limit {limit}) {verdict}; {times}; {where}")
