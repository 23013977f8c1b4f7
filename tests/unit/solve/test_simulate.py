"""Trajectories against closed forms, and their gradients against finite differences, through each route."""

import diffrax
import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import optimistix as optx
import pytest
from circuits import circuit, e

import physeq as pq

x = pq.coordinate("x")
KEY = jax.random.key(0)


def start_of(motion, **values):
    """The declared start with the unknowns of that name ("b_v" for b.v) changed."""
    names = motion.layout.names()
    y = motion.start()
    for name, value in values.items():
        y = y.at[names.index(name.replace("_", ".", 1))].set(value)
    return y


@pytest.fixture(scope="module")
def charging():
    motion = circuit(("V1", "in", "0"), ("R1", "in", "out", {"g": 1e-3}), ("C1", "out", "0", {"C": 1e-6}),
                     parts={"V": e.voltage_source(5.0)}).motion()  # fmt: skip
    return motion, motion.init_parameters(KEY)


@pytest.mark.quick("None")
@pytest.mark.parametrize("solver", [None, diffrax.Tsit5()])
def test_a_capacitor_charges(charging, solver):
    motion, params = charging
    sol = motion.simulate(params, t1=3e-3, rtol=1e-9, solver=solver)
    exact = 5 * (1 - np.exp(-np.asarray(sol.ts) / 1e-3))
    np.testing.assert_allclose(sol["out.v"], exact, atol=2e-8)
    np.testing.assert_allclose(sol["C1.i"], (5 - exact) * 1e-3, atol=2e-11)
    np.testing.assert_allclose(sol["R1.i"], sol["C1.i"], atol=1e-15)
    np.testing.assert_allclose(sol["V1.i"], -sol["R1.i"], atol=1e-15)
    np.testing.assert_allclose(sol["energy"], exact**2 * 1e-6 / 2, atol=1e-13)
    np.testing.assert_allclose(sol["R1.power"], sol["R1.i"] ** 2 * 1e3, atol=1e-12)
    # The rule's own error is h²/12 of the slope; energy and heat together are what the source gave, 25 µJ each.
    assert abs(sol.power_balance()) < 3e-5 * 25e-6
    assert sol.unit("C1.i") == "A" and sol.unit("out.v") == "V"


@pytest.mark.slow
def test_a_resonant_circuit_rings(charging):
    motion = circuit(("L1", "a", "0", {"L": 2.0}), ("C1", "a", "0", {"C": 0.5}), ("R1", "a", "0", {"g": 0.1})).motion()
    params = motion.init_parameters(KEY)
    sol = motion.simulate(params, t1=20.0, rtol=1e-9, start={"nodes": {"v": jnp.array([1.0, 0.0])}})
    decay, t = 0.1, np.asarray(sol.ts)  # g/2C
    omega = np.sqrt(1 / (2.0 * 0.5) - decay**2)
    exact = np.exp(-decay * t) * (np.cos(omega * t) - decay / omega * np.sin(omega * t))
    np.testing.assert_allclose(sol["a.v"], exact, atol=3e-8)
    np.testing.assert_allclose(sol["L1.i"] + sol["C1.i"] + sol["R1.i"], 0.0, atol=1e-12)
    np.testing.assert_allclose(
        np.gradient(np.asarray(sol["L1.i"]), t)[1:-1], np.asarray(sol["L1.v"])[1:-1] / 2, atol=2e-3
    )


@pytest.mark.slow
def test_capacitors_without_a_path_to_ground():
    """Two nodes joined by a capacitor alone: the sum of their rows is algebraic, their difference is a state."""
    motion = circuit(("V1", "in", "0"), ("R1", "in", "a"), ("C1", "a", "b"), ("R2", "b", "0"),
                     parts={"V": e.voltage_source(2.0)}).motion()  # fmt: skip
    sol = motion.simulate(motion.init_parameters(KEY), t1=5.0, rtol=1e-9)
    current = np.exp(-np.asarray(sol.ts) / 2)  # 2 V over 2 Ω, RC = 2
    np.testing.assert_allclose(sol["b.v"], current, atol=1e-8)
    np.testing.assert_allclose(sol["C1.i"], current, atol=1e-8)
    with pytest.raises(pq.ModelError, match="use Rodas5P"):
        motion.simulate(motion.init_parameters(KEY), t1=5.0, solver=diffrax.Tsit5())


def test_pulses_are_met_at_their_corners():
    pulse = pq.Pulse(0.0, 1.0, delay=1.0, rise=1e-3, fall=1e-3, width=1.0)
    motion = circuit(
        ("V1", "in", "0"), ("R1", "in", "a"), ("C1", "a", "0"), parts={"V": e.voltage_source(pulse)}
    ).motion()
    sol = motion.simulate(motion.init_parameters(KEY), t1=4.0, rtol=1e-8, start=pq.OperatingPoint(), ts=[0.5, 1.5, 4.0])
    rise = 1e-3
    ramp = rise - 1 + np.exp(-rise)  # ∫ of the ramp's response, divided by the rise below
    up = lambda t: 1 - (1 - ramp / rise) * np.exp(-(t - 1 - rise))  # noqa: E731
    top = up(2 + rise)
    after = (top - 1) * np.exp(-rise) + 1 - ramp / rise
    assert sol["a.v"][0] == pytest.approx(0, abs=1e-12)
    assert sol["a.v"][1] == pytest.approx(up(1.5), abs=1e-7)
    assert sol["a.v"][2] == pytest.approx(after * np.exp(-(4 - 2 - 2 * rise)), abs=1e-7)


def test_events_end_a_motion(charging):
    motion, params = charging
    sol = motion.simulate(params, t1=3e-3, rtol=1e-9, event=pq.Crossing("C1.i", 2.5e-3), ts=np.linspace(0, 3e-3, 7))
    reached = np.isfinite(np.asarray(sol.ts))
    assert reached.tolist() == [True, True, False, False, False, False, False]
    assert bool(jnp.any(sol.event))


@pytest.mark.quick("seconds-double")
@pytest.mark.parametrize("single", [False, True], ids=["double", "single"])
@pytest.mark.parametrize("unit", [1.0, 1e-9], ids=["seconds", "nanoseconds"])
def test_events_are_found_to_rounding_in_all_units(single, unit):
    """x = a cos ωt reaches every level at arccos(level/a)/ω, also close to the turning point, where it soon returns."""
    x, m, k = pq.coordinate("x"), pq.parameter("m", positive=True), pq.parameter("k", positive=True)
    mass = pq.Node("mass", kinetic=m * x.dot**2 / 2, potential=k * x**2 / 2)
    motion = pq.System(pq.complete(1), nodes=mass).motion()
    dtype = np.float32 if single else np.float64
    params = {"nodes": {"m": np.ones(1, dtype), "k": np.full(1, unit**-2, dtype)}}
    for level in (0.9, 0.3, 0.0, -0.6, -0.99):
        found = motion.simulate(
            params, t1=5 * unit, rtol=1e-6 if single else 1e-10, start={"nodes": {"x": [unit]}},
            event=pq.Crossing("0.x", level * unit),
        )  # fmt: skip
        assert float(found.end) == pytest.approx(unit * np.arccos(level), rel=1e-4 if single else 1e-8)


@pytest.mark.quick("0.0-1.0-event0-6.283185307179586", "1.0-0.0-event4-6.283185307179586")
@pytest.mark.parametrize(
    "at, speed, event, end",
    [
        (0.0, 1.0, pq.Crossing("0.x", rising=True), 2 * np.pi),
        (0.0, 1.0, pq.Crossing("0.x"), np.pi),
        (0.0, -1.0, pq.Crossing("0.x", rising=True), np.pi),
        (0.0, -1.0, pq.Crossing("0.x", rising=False), 2 * np.pi),
        (1.0, 0.0, pq.Crossing("0.x_dot", rising=False), 2 * np.pi),
        (1.0, 0.0, pq.Crossing("0.x", 1.0), 8.0),  # a turning point: it comes back there and does not cross
    ],
)
def test_a_motion_that_starts_on_the_level_leaves_it_first(at, speed, event, end):
    """x″ = −x is back at 0 after half a period, and after a whole one in the same direction."""
    mass = pq.Node("mass", kinetic=x.dot**2 / 2, potential=x**2 / 2)
    motion = pq.System(pq.complete(1), nodes=mass).motion()
    start = {"nodes": {"x": [at], "x_dot": [speed]}}
    found = motion.simulate({"nodes": {}}, t1=8.0, rtol=1e-10, start=start, event=event)
    assert float(found.end) == pytest.approx(end, abs=1e-8)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"ts": [0.0, 2.0]}, "ts must lie between t0 = 0.0 and t1 = 1.0, got 2.0"),
        ({"ts": [0.5, 0.1]}, "ts must be times in one row, in order"),
        ({"step": -0.1}, "step must be a finite number above 0, got -0.1"),
        ({"rtol": -1.0}, "rtol must be a finite number above 0"),
        ({"solver": "tsit5"}, "solver must be an integrator such as .* got 'tsit5'"),
        ({"solver": pq.Rodas5P}, r"call it: Rodas5P\(\)"),
        ({"start": "op"}, "start must be a dict of values"),
        ({"start": pq.OperatingPoint(), "newton": pq.SparseNewton(steps=3)}, r"start=OperatingPoint\(newton="),
        ({"event": pq.Crossing("nodes.v", 0.5)}, r"Crossing: 'nodes\.v' has 3 values.*name that node"),
    ],
)
def test_options_that_make_no_sense_are_refused(charging, options, message):
    motion, params = charging
    with pytest.raises(pq.ModelError, match=message):
        motion.simulate(params, t1=1.0, **options)


def test_operating_points_start_from_values_by_name(charging):
    motion, params = charging
    with pytest.raises(pq.ModelError, match="start must be a dict of values by group or bundle and key"):
        motion.operating_point(params, start=np.zeros(motion.size))


@pytest.mark.slow
def test_the_end_may_be_traced():
    """d cos(t₁)/dt₁ = −sin t₁."""
    x = pq.coordinate("x")
    mass = pq.Node("mass", kinetic=x.dot**2 / 2, potential=x**2 / 2)
    motion = pq.System(pq.complete(1), nodes=mass).motion()
    start = {"nodes": {"x": [1.0]}}
    last = lambda end: motion.simulate({"nodes": {}}, t1=end, rtol=1e-10, start=start).y_end[0]  # noqa: E731
    value, slope = jax.jit(jax.value_and_grad(last))(2.0)
    assert float(value) == pytest.approx(np.cos(2), abs=1e-9)
    assert float(slope) == pytest.approx(-np.sin(2), abs=1e-6)


def test_the_operating_point_starts_a_motion(charging):
    motion, params = charging
    sol = motion.simulate(params, t1=1e-3, start=pq.OperatingPoint())
    np.testing.assert_allclose(sol["out.v"], 5.0, rtol=1e-12)
    assert sol["C1.i"] == pytest.approx(0, abs=1e-15)


def test_dense_solutions_answer_between_the_times(charging):
    motion, params = charging
    sol = motion.simulate(params, t1=3e-3, rtol=1e-9, dense=True, ts=[3e-3])
    t = jnp.array([0.1e-3, 1.234e-3])
    np.testing.assert_allclose(sol.at(t, "out.v"), 5 * (1 - np.exp(-t / 1e-3)), atol=1e-7)
    assert sol.at(0.5e-3)["nodes"]["v"].shape == (3,)
    with pytest.raises(pq.ModelError, match="dense=True"):
        motion.simulate(params, t1=1e-3).at(0.0)


def test_unknown_quantities_are_named(charging):
    motion, params = charging
    with pytest.raises(pq.ModelError, match=r"no quantity is named 'C2\.i'; there are, for example, C1\.i"):
        motion.simulate(params, t1=1e-3)["C2.i"]


def test_inputs_move(charging):
    system = circuit(("R1", "a", "b"), ("C1", "b", "0"), inputs={"u": pq.Clamp(["a"])})
    motion = system.motion()
    sol = motion.simulate(motion.init_parameters(KEY), lambda t: jnp.array([jnp.sin(t)]), t1=6.0, rtol=1e-9)
    t = np.asarray(sol.ts)
    np.testing.assert_allclose(sol["b.v"], (np.sin(t) - np.cos(t) + np.exp(-t)) / 2, atol=1e-8)


DRIVEN = {
    "V": e.voltage_source(pq.Sine(0.0, 2.0, 0.3)),
    "D": e.exponential_diode(1e-6, 0.05),
    "M": e.linear_drift_memristor(1.0, 9.0, 2.0, window=e.Joglekar(1), start=0.4),
}


def rectifier():
    return circuit(("V1", "in", "0"), ("D1", "in", "a"), ("R1", "a", "0", {"g": 0.5}), ("C1", "a", "0", {"C": 0.3}),
                   ("L1", "a", "b", {"L": 0.7}), ("R2", "b", "0", {"g": 2.0}), ("M1", "b", "0"),
                   parts=DRIVEN)  # fmt: skip


ROUTES = {
    "rodas5p": {"rtol": 1e-11},
    "explicit": {"solver": diffrax.Dopri8(), "rtol": 1e-11},
    "implicit": {"solver": diffrax.Kvaerno5(root_finder=optx.Newton(1e-12, 1e-12)), "rtol": 1e-10},
    "forward": {"rtol": 1e-11, "adjoint": diffrax.ForwardMode()},
}


@pytest.mark.slow
@pytest.mark.parametrize("route", ROUTES)
def test_gradients_of_a_voltage_and_an_energy(route):
    """R2, the memristor and the diode stand in algebraic rows as well: nodes b and in have no capacitance."""
    motion = rectifier().motion()
    params = motion.init_parameters(KEY)
    picked = [("R", "g", 0), ("R", "g", 1), ("C", "C", 0), ("L", "L", 0), ("D", "I_s", 0), ("D", "V_t", 0)]
    picked += [("M", "R_off", 0), ("M", "k", 0)]
    start = motion.start({"L": {"psi": 0.1}})

    @jax.jit
    def outcome(logs):
        own = jax.tree.map(lambda p: p, params)
        for log, (bundle, name, index) in zip(logs, picked, strict=True):
            own[bundle][name] = own[bundle][name].at[index].multiply(jnp.exp(log))
        sol = motion.simulate(own, t1=2.5, start=start, ts=[2.5], **ROUTES[route])
        return jnp.stack([sol["b.v"][-1], sol["energy"][-1]])

    jacobian = jax.jacfwd if route == "forward" else jax.jacrev
    found = jacobian(outcome)(jnp.zeros(len(picked)))
    step = 2e-3
    for i in range(len(picked)):
        unit = jnp.zeros(len(picked)).at[i].set(step)
        # Fourth-order differences.
        slope = (8 * (outcome(unit) - outcome(-unit)) - (outcome(2 * unit) - outcome(-2 * unit))) / (12 * step)
        np.testing.assert_allclose(found[:, i], slope, rtol=1e-6, atol=1e-10)


def test_nothing_is_compiled_twice(charging):
    motion, params = charging
    compiled = []

    def listen(event, seconds, **_):
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        jax.jit(lambda x: x + len(compiled))(1.0)
        assert compiled  # the listener hears what is compiled
        motion.simulate(params, t1=1e-3)["C1.i"]
        motion.operating_point(params)["R1.i"]
        changed = jax.block_until_ready(jax.tree.map(lambda p: 1.1 * p, params))
        compiled.clear()
        motion.simulate(changed, t1=1.1e-3, rtol=3e-5)["C1.i"]
        motion.operating_point(changed)["R1.i"]
    finally:
        jax.monitoring.clear_event_listeners()
    assert not compiled


def springs(**options):
    mass = pq.Node("mass", kinetic=pq.parameter("m", positive=True) * x.dot**2 / 2)
    spring = pq.Edge("spring", potential=pq.parameter("k", positive=True) * (x.source - x.target) ** 2 / 2)
    return pq.System.from_graph(nx.path_graph(4), nodes=mass, edges=spring, **options).motion()


def test_masses_keep_energy_and_momentum():
    motion = springs()
    params = motion.init_parameters(KEY)
    start = {"nodes": {"x": jnp.array([0.0, 0.1, -0.2, 0.3]), "x_dot": jnp.array([1.0, 0.0, 0.0, 0.5])}}
    sol = motion.simulate(params, t1=10.0, rtol=1e-10, start=start)
    kept = sol.invariants()
    assert set(kept) == {"energy", "momentum of x"}
    # To rounding at the steps; in between there is an interpolation of the order of the tolerance.
    np.testing.assert_allclose(kept["momentum of x"], 1.5, atol=1e-7)
    np.testing.assert_allclose(kept["energy"], kept["energy"][0], rtol=1e-7)
    # Normal modes of the chain: an oracle by eigenvectors.
    stiffness = nx.laplacian_matrix(nx.path_graph(4)).toarray().astype(float)
    values, vectors = np.linalg.eigh(stiffness)
    omega, t = np.sqrt(np.maximum(values, 0)), np.asarray(sol.ts)[:, None]
    a, b = vectors.T @ start["nodes"]["x"], vectors.T @ start["nodes"]["x_dot"]
    sine = np.where(omega > 1e-6, np.sin(omega * t) / np.where(omega > 1e-6, omega, 1), t)
    np.testing.assert_allclose(sol.state["nodes"]["x"], (a * np.cos(omega * t) + b * sine) @ vectors.T, atol=1e-8)
    assert set(springs(ground=0).simulate(params, t1=1.0, start=start | {}).invariants()) == {"energy"}


def test_wrong_settings_are_refused(charging):
    motion, params = charging
    with pytest.raises(pq.ModelError, match="t1 must be after t0"):
        motion.simulate(params, t0=1.0, t1=1.0)
    with pytest.raises(pq.SolveError, match=r"stopped after 5 steps, after t = .* raise max_steps"):
        motion.simulate(params, t1=1.0, max_steps=5)


@pytest.mark.parametrize("solver", [pq.BlanesMoan(), pq.GaussLegendre()], ids=["explicit", "implicit"])
@pytest.mark.quick("implicit")
def test_symplectic_steps_feel_driven_inputs(solver):
    x, k = pq.coordinate("x"), pq.parameter("k", positive=True)
    mass = pq.Node("mass", kinetic=x.dot**2, potential=k * x**4 / 4)
    spring = pq.Edge("spring", potential=(x.source - x.target) ** 2)
    inputs = {"push": pq.Drive([1, 0])}
    system = pq.System(pq.complete(3), nodes=mass, edges=spring, ground=2, inputs=inputs)
    motion = system.motion()
    params = {"nodes": {"k": jnp.ones(3)}, "edges": {}}

    def push(t):
        return jnp.array([jnp.cos(t), 0.3])

    ends = [
        pq.simulate(motion, params, push, t1=2.0, **options)["nodes.x"][-1]
        for options in ({"solver": solver, "step": 0.01}, {"rtol": 1e-10})
    ]
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-7)
    assert float(jnp.abs(ends[1][:2]).min()) > 0.1
