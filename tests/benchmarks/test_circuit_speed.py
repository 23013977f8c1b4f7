"""Circuits beside ngspice: operating points of a grid with diodes, transients of a ladder, batches of both.

Times of physeq are those of second calls, the machine's own compile and derivation apart; those of ngspice are what it
reports for the analysis, and the whole program's.
"""

import re
import shutil
import subprocess
import time
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import physeq as pq
from physeq.solve import StaticLU

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(shutil.which("ngspice") is None, reason="needs ngspice (apt-get install ngspice)"),
]
e = pq.electrical


def system(bundles, nodes, parts, values):
    made = [
        pq.Bundle(
            name, ("nodes", "nodes"), pq.Sparse(np.asarray(pairs)), labels=[f"{name}{k}" for k in range(len(pairs))]
        )
        for name, pairs in bundles.items()
    ]
    labels = ["0", *(f"n{k}" for k in range(1, nodes))]
    return pq.System(
        pq.Topology((pq.Group("nodes", nodes, labels=labels),), tuple(made)), edges=parts, ground="0", values=values
    )


def grid(side):
    """A square of resistors between 500 and 1,500 ohms, a diode to ground at every third node, 5 V at a corner."""
    index = 1 + np.arange(side * side).reshape(side, side)
    rows = np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], 1)
    columns = np.stack([index[:-1].ravel(), index[1:].ravel()], 1)
    wires = np.concatenate([rows, columns, [[side * side, 0]]])
    clamped = index.ravel()[2::3]
    bundles = {"R": wires, "D": np.stack([clamped, 0 * clamped], 1), "V": [[1, 0]]}
    parts = {"R": e.resistor(), "D": e.exponential_diode(1e-14, 0.025864), "V": e.voltage_source(5.0)}
    resistance = np.random.default_rng(0).uniform(500, 1500, len(wires))
    return system(bundles, side * side + 1, parts, {"R": {"g": 1 / resistance}})


def ladder(sections):
    """1,000 sections of 10 ohms and 1 nF with a diode to ground at every tenth, behind 5 V at 100 kHz."""
    chain = np.arange(1, sections + 1)
    bundles = {
        "R": np.stack([chain, chain + 1], 1),
        "C": np.stack([chain + 1, 0 * chain], 1),
        "D": np.stack([chain[9::10] + 1, 0 * chain[9::10]], 1),
        "V": [[1, 0]],
    }
    parts = {"R": e.resistor(0.1), "C": e.capacitor(1e-9), "D": e.exponential_diode(1e-14, 0.025864),
             "V": e.voltage_source(pq.Sine(0.0, 5.0, 1e5))}  # fmt: skip
    return system(bundles, sections + 2, parts, {})


def seconds(function, repeats=5):
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        jax.block_until_ready(function())
        found.append(time.perf_counter() - began)
    return float(np.median(found))


def ngspice(text, tmp_path):
    """(seconds of the analysis, seconds of the whole program)."""
    file = tmp_path / "circuit.cir"
    file.write_text(text)
    began = time.perf_counter()
    call = ["ngspice", "-b", "-r", tmp_path / "out.raw", file]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    total = time.perf_counter() - began
    said = re.search(r"Total analysis time \(seconds\) = ([0-9.]+)", done.stdout)
    assert said, done.stdout[-2000:] + done.stderr[-2000:]
    return float(said[1]), total, done.stdout


@cache
def compiled(kind, size):
    began = time.perf_counter()
    motion = {"grid": grid, "ladder": ladder}[kind](size).motion()
    return motion, motion.init_parameters(jax.random.key(0)), time.perf_counter() - began


def varied(params, count):
    """`count` sets of parameters, resistors within 20 %."""
    scale = jnp.asarray(np.random.default_rng(1).uniform(0.8, 1.2, (count, 1)))
    batch = jax.tree.map(lambda p: jnp.broadcast_to(p, (count, *p.shape)), params)
    return {**batch, "R": {"g": batch["R"]["g"] * scale}}


def first_and_again(function, repeats=5):
    began = time.perf_counter()
    jax.block_until_ready(function())
    first = time.perf_counter() - began
    return first, seconds(function, repeats)


def test_derivation_does_not_grow():
    small, large = (compiled("grid", side)[2] for side in (10, 100))
    print(f"\nderive and lay out: {small:.2f} s for 100 nodes, {large:.2f} s for 10,000")


def test_operating_point_of_a_grid(tmp_path):
    motion, params, derived = compiled("grid", 100)
    first, again = first_and_again(lambda: motion.operating_point(params).y)
    text = pq.to_netlist(motion.system, params, analyses=(pq.netlist.OperatingPoint(),))
    analysis, total, _ = ngspice(text, tmp_path)
    print(f"\ngrid 100×100 with diodes: derive {derived:.2f} s, first {first:.2f} s, again {again:.3f} s; ngspice "
          f"{analysis:.2f} s ({total:.2f} s whole): {analysis / again:.1f} × ({total / again:.1f} ×)")  # fmt: skip
    many = varied(params, 64)
    points = jax.jit(jax.vmap(lambda p: motion.operating_point(p, throw=False).y))
    _, batch = first_and_again(lambda: points(many), 1)
    print(f"64 of them: {batch:.2f} s, {64 * total / batch:.1f} × of 64 runs of ngspice")


def test_transient_of_a_ladder(tmp_path):
    motion, params, derived = compiled("ladder", 1000)
    times = np.linspace(0, 2e-5, 101)
    text = pq.to_netlist(motion.system, params, analyses=(pq.netlist.Transient(2e-8, 2e-5),))
    analysis, total, said = ngspice(text, tmp_path)
    points = re.search(r"No. of Data Rows : (\d+)", said)[1]
    exact = motion.simulate(params, t1=2e-5, ts=times, rtol=1e-8, atol=1e-11).ys
    for rtol in (1e-3, 1e-4):

        def run(rtol=rtol):
            return motion.simulate(params, t1=2e-5, ts=times, rtol=rtol, atol=1e-3 * rtol).ys

        first, again = first_and_again(run)
        error = float(jnp.max(jnp.abs(run() - exact)[:, 1:1001]))
        print(
            f"\nladder of 1,000, rtol {rtol:g}: derive {derived:.2f} s, first {first:.2f} s, again {again:.3f} s, "
            f"error {error:.1e} V; ngspice {points} points {analysis:.3f} s ({total:.3f} s): {analysis / again:.2f} ×"
        )
    many = varied(params, 64)

    @jax.jit
    def batch(own):
        def one(p):
            sol = motion.simulate(
                p, t1=2e-5, ts=times, rtol=1e-3, atol=1e-6, corners=(), backend=StaticLU(), throw=False
            )
            return sol.ys

        return jax.vmap(one)(own)

    first, again = first_and_again(lambda: batch(many), 1)
    print(f"64 of them: first {first:.1f} s, again {again:.2f} s, {64 * total / again:.1f} × of 64 runs of ngspice")
