"""What pictures show: the data that were given, labels with units, lines told apart without colour."""

import jax
import numpy as np
import pytest

import physeq as pq
from physeq import plot
from physeq.learn.audit import AuditPoint

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed():
    """No figure stays open."""
    from matplotlib import pyplot

    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def ladder():
    """A chain of three resistors of 1 S between 3 V and ground: (model, parameters, equilibrium)."""
    net = pq.System(pq.lattice(4), edges=pq.electrical.resistor(), ground=3, fixed={0: 3.0})
    model = net.compile()
    params = jax.tree.map(np.ones_like, model.init_parameters(jax.random.key(0)))
    return model, params, model.equilibrium(params)


@pytest.fixture(scope="module")
def pendulum():
    """(motion, parameters, two swings)."""
    motion = pq.System(pq.complete(1), nodes=pq.mechanical.pendulum()).motion()
    params = motion.init_parameters(jax.random.key(0))
    starts = [{"nodes": {"theta": np.array([angle])}} for angle in (0.5, 2.0)]
    return motion, params, [motion.simulate(params, t1=2.0, ts=np.linspace(0, 2, 41), start=s) for s in starts]


def looks(axis):
    return {(line.get_linestyle(), line.get_marker()) for line in axis.lines}


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


# ---- networks --------------------------------------------------------------------------------------------------------


def test_nodes_are_coloured_by_voltage_and_edges_by_current(ladder):
    model, params, state = ladder
    currents = plot.flows(model, params, state)
    assert {name: x.round(9).tolist() for name, x in currents.items()} == {"edges": [1.0, 1.0, 1.0]}
    axis = plot.graph(model, state, {"edges": [1.0, -2.0, 0.5]})
    grey, coloured, nodes = axis.collections
    assert len(grey.get_segments()) == len(coloured.get_segments()) == 3
    # The widest is drawn last, and widths follow the size of the numbers.
    assert np.all(np.diff(coloured.get_linewidths()) > 0) and coloured.get_linewidths()[-1] == pytest.approx(3.5)
    faces = nodes.get_facecolors()
    scale = matplotlib.colormaps["viridis"]
    assert np.allclose(faces[0], scale(1.0)) and np.allclose(faces[3], scale(0.0))
    assert np.allclose(faces[1], scale(2 / 3), atol=0.02)
    bars = [one.get_ylabel() for one in axis.figure.axes[1:]]
    assert "v (V)" in bars and "" in bars
    labels = {text.get_text() for text in axis.texts}
    assert {"0", "1", "2", "3"} <= labels
    bars = [one.get_ylabel() for one in plot.graph(model, state, currents).figure.axes[1:]]
    assert sorted(bars) == ["current (A)", "v (V)"]


def test_numbers_of_both_signs_have_white_at_zero():
    axis = plot.graph(pq.lattice(3), {"nodes": [-1.0, 0.0, 2.0]}, label="x")
    faces = axis.collections[-1].get_facecolors()
    assert faces[1, :3].min() > 0.96 and faces[2, 0] > faces[2, 2] and faces[0, 2] > faces[0, 0]


def test_values_of_networks_must_fit(ladder):
    model, _, state = ladder
    for nodes, edges, word in (
        ({"nowhere": np.ones(4)}, None, "name a group 'nowhere'"),
        ({"nodes": np.ones((2, 4, 1))}, None, r"has 4 nodes, but its values have shape \(2, 4, 1\)"),
        (None, {"edges": np.ones(2)}, r"has 3 elements, but its values have shape \(2,\)"),
        (None, {"wires": np.ones(3)}, "name a bundle 'wires'"),
        ("v", None, "names a quantity"),
        (None, "i", "flows"),
        ({"nodes": np.ones(4) * 1j}, None, "complex"),
    ):
        with pytest.raises(pq.ModelError, match=word):
            plot.graph(model, nodes, edges)
    with pytest.raises(pq.ModelError, match="no network"):
        plot.graph(3.0)
    batch = {"nodes": {"v": np.stack([state["nodes"]["v"], np.zeros(4)])}}
    faces = plot.graph(model, batch, sample=1).collections[-1].get_facecolors()
    assert np.ptp(faces, axis=0).max() == 0


def test_solutions_of_motions_are_drawn_by_the_names_of_quantities():
    net = pq.System(pq.lattice(3), nodes=pq.electrical.capacitor_to_ground(), edges=pq.electrical.resistor(), ground=2)
    motion = net.motion()
    params = jax.tree.map(np.ones_like, motion.init_parameters(jax.random.key(0)))
    start = {"nodes": {"v": np.array([1.0, 0.0, 0.0])}}
    sol = motion.simulate(params, t1=1.0, ts=np.linspace(0, 1, 5), start=start)
    axis = plot.graph(sol, edges="i", at=0)
    assert sorted(one.get_ylabel() for one in axis.figure.axes[1:]) == ["i (A)", "v (V)"]
    assert np.allclose(axis.collections[-1].get_facecolors()[0], matplotlib.colormaps["viridis"](1.0))
    with pytest.raises(pq.ModelError, match="nothing here has the quantity 'charm'"):
        plot.graph(sol, "charm")


# ---- motions ---------------------------------------------------------------------------------------------------------


def test_trajectories_have_a_panel_per_unit(pendulum):
    solution = pendulum[2][0]
    figure = plot.trajectories(solution, ["0.theta", "0.theta_dot", "energy"], title="a swing")
    assert [axis.get_ylabel() for axis in figure.axes] == ["theta (rad)", "theta_dot (rad/s)", "energy (J)"]
    assert figure.axes[-1].get_xlabel() == "time (s)" and figure.axes[0].get_title() == "a swing"
    line = figure.axes[0].lines[0]
    assert np.array_equal(line.get_ydata(), solution["0.theta"]) and np.array_equal(line.get_xdata(), solution.ts)
    axis = plot.trajectory(solution, ["0.theta", "0.theta_dot"])
    assert axis.get_ylabel() == "theta (rad), theta_dot (rad/s)" and len(looks(axis)) == 2
    assert texts(axis.get_legend()) == ["0.theta", "0.theta_dot"]
    assert plot.trajectory(solution, "0.theta", ax=axis) is axis and len(axis.lines) == 3


def test_phase_portraits_start_at_a_dot(pendulum):
    motion, params, solutions = pendulum
    axis = plot.phase_portrait(solutions, "0.theta", "0.theta_dot", label="swings")
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("0.theta (rad)", "0.theta_dot (rad/s)")
    paths, dots = axis.lines[::2], axis.lines[1::2]
    assert [dot.get_xdata()[0] for dot in dots] == pytest.approx([0.5, 2.0])
    assert len({path.get_linestyle() for path in paths}) == 2
    assert np.array_equal(paths[1].get_ydata(), solutions[1]["0.theta_dot"])
    with pytest.raises(pq.ModelError, match="no quantity is named"):
        plot.phase_portrait(solutions, "0.theta", "0.phi")
    field = plot.vector_field(motion, params, "0.theta", "0.theta_dot", xlim=(-3, 3), ylim=(-6, 6), points=9)
    assert plot.phase_portrait(solutions, "0.theta", "0.theta_dot", ax=field) is field and len(field.lines) == 4
    assert field.figure.axes[1].get_ylabel() == "speed |ẏ|"


def test_the_field_is_that_of_the_motion(pendulum):
    from physeq.plot.phase import _rates

    motion, params, _ = pendulum
    states = np.array([[0.3, -1.0], [2.0, 0.5]])
    expected = np.stack([states[:, 1], -9.80665 * np.sin(states[:, 0])], axis=1)
    assert np.allclose(_rates(motion, params, None, 0.0, states), expected, rtol=1e-5)
    with pytest.raises(pq.ModelError, match="exactly two unknowns"):
        plot.vector_field(motion, params, "0.theta", "0.theta", xlim=(0, 1), ylim=(0, 1))


def test_predictions_have_a_panel_per_sample_and_dashed_targets():
    t = np.linspace(0, 1, 7)
    values = np.stack([np.outer(t, [1.0, 2.0])] * 6)
    figure = plot.predictions(t, values, np.ones((6, 1, 2)), label="what it does")
    assert len(figure.axes) == 4 and [axis.get_title() for axis in figure.axes] == [f"sample {k}" for k in range(4)]
    first = figure.axes[0]
    assert texts(first.get_legend()) == ["what it does", "target"]
    assert [line.get_linestyle() for line in first.lines] == ["-", "--"] * 2
    assert np.array_equal(first.lines[2].get_ydata(), 2 * t) and np.array_equal(first.lines[3].get_ydata(), np.ones(7))


# ---- energy ----------------------------------------------------------------------------------------------------------


def test_energy_descends_along_the_sweeps(ladder):
    model, params, state = ladder
    found = plot.descent(model, params, finder=pq.NodeDescent(15), steps=15)
    axis = plot.energy_descent(found)
    heights = axis.lines[0].get_ydata()
    assert len(heights) == 16 and np.all(np.diff(heights) <= 1e-7) and heights[-1] == pytest.approx(1.5, rel=1e-3)
    assert axis.get_xlabel() == "step of NodeDescent" and axis.get_ylabel() == "energy"
    assert plot.energy_descent(found, excess=True).get_yscale() == "log"
    with pytest.raises(pq.ModelError, match="takes no steps of a map"):
        plot.descent(model, params, finder=pq.Newton())


def test_power_is_what_is_dissipated_and_supplied(pendulum):
    solution = pendulum[2][0]
    axis = plot.power(solution)
    assert axis.get_ylabel() == "power (W)" and texts(axis.get_legend()) == ["dissipated", "supplied"]
    assert len(looks(axis)) == 2 and np.array_equal(axis.lines[0].get_ydata(), solution["dissipated"])
    axis = plot.energy_descent(solution)
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("time (s)", "energy (J)")
    assert np.array_equal(axis.lines[0].get_ydata(), solution["energy"])


# ---- learning --------------------------------------------------------------------------------------------------------


def test_seeds_are_thin_and_their_mean_is_thick():
    runs = [[{"epoch": k, "running_cost": c * k, "test_error_percent": 10.0 * c} for k in (1, 2)] for c in (1.0, 3.0)]
    axis = plot.learning_curve(runs)
    one, two, mean = axis.lines
    assert mean.get_ydata().tolist() == [2.0, 4.0] and mean.get_linewidth() > one.get_linewidth() == two.get_linewidth()
    assert texts(axis.get_legend()) == ["train, mean of 2 seeds"] and axis.get_xlabel() == "epoch"
    figure = plot.learning_curves({"a": runs, "b": runs[0]})
    cost, error = figure.axes
    assert [axis.get_ylabel() for axis in figure.axes] == ["cost", "error (%)"]
    assert texts(cost.get_legend()) == ["a, train, mean of 2 seeds", "b, train"]
    assert error.lines[-1].get_ydata().tolist() == [10.0, 10.0]
    assert cost.lines[0].get_color() != cost.lines[-1].get_color()
    with pytest.raises(pq.ModelError, match="no finite train_error_percent"):
        plot.learning_curve([{"epoch": 1, "test_cost": 1.0}], "error_percent")


def test_sparse_parameters_stand_where_their_elements_do():
    net = pq.System(pq.from_edges([0, 0, 1], [1, 1, 2], 3), edges=pq.electrical.resistor(), ground=2)
    params = {"edges": {"g": np.array([1.0, 2.0, 5.0])}}
    axis = plot.parameter_map(net, params, "edges", "g")
    drawn = np.ma.filled(axis.images[0].get_array(), np.nan)
    expected = np.full((3, 3), np.nan)
    expected[0, 1], expected[1, 2] = 3.0, 5.0  # elements side by side conduct together
    assert np.array_equal(drawn, expected, equal_nan=True)
    assert axis.figure.axes[1].get_ylabel() == "edges: g (S)" and axis.images[0].get_clim() == (0.0, 5.0)
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("target in nodes", "source in nodes")


def test_large_sparse_patterns_are_points():
    size = 600
    sources = np.arange(size - 1)
    net = pq.System(pq.from_edges(sources, sources + 1, size), edges=pq.electrical.resistor(), ground=0)
    axis = plot.parameter_map(net, {"edges": {"g": np.arange(size - 1.0)}}, "edges", "g")
    assert not axis.images and np.array_equal(axis.collections[0].get_offsets()[3], [4, 3])
    assert axis.collections[0].get_array().max() == size - 2


def test_before_and_after_share_their_colours():
    net = pq.System(pq.layered([3, 2]), nodes=pq.neural.unit(pq.neural.tanh), edges=pq.neural.synapse())
    before = {"input->output": {"w": np.ones((3, 2))}, "input": {"b": np.zeros(3)}, "output": {"b": np.zeros(2)}}
    after = jax.tree.map(lambda x: x - 3.0, before)
    figure = plot.parameter_maps(net, before, after, "input->output", "w")
    images = [axis.images[0] for axis in figure.axes if axis.images]
    assert [image.get_clim() for image in images] == [(-2.0, 2.0)] * 2
    assert [axis.get_title() for axis in figure.axes[:2]] == ["before training", "after"]
    figure = plot.parameter_histograms(net, before, after)
    assert [axis.get_xlabel() for axis in figure.axes if axis.get_xlabel()] == [
        "input->output: w", "input: b", "output: b"
    ]  # fmt: skip
    old, new = figure.axes[0].patches
    assert old.get_linestyle() != new.get_linestyle()


def test_weight_maps_refuse_what_does_not_fit():
    with pytest.raises(pq.ModelError, match=r"image_shape \(2, 2\) does not hold the 6 sources"):
        plot.receptive_fields(np.ones((6, 4)), (2, 2))
    with pytest.raises(pq.ModelError, match=r"shape \(2, 2\) does not hold 6 weights"):
        plot.weight_map(np.ones(6), shape=(2, 2))
    with pytest.raises(pq.ModelError, match="vector or a matrix"):
        plot.weight_map(np.ones((2, 2, 2)))


# ---- audits ----------------------------------------------------------------------------------------------------------


def test_audits_write_the_order_of_the_rule():
    beta = np.logspace(-4, 0, 9)
    centered = [{"beta": b, "relative_error": b**2 + 1e-8 / b} for b in beta]
    axis = plot.audit_curve({"centered": centered, "one-sided": list(zip(beta, 3 * beta, strict=True))})
    assert texts(axis.get_legend()) == ["centered: slope 2.00", "one-sided: slope 1.00"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("nudging strength |β|", "relative error of the gradient")
    assert axis.get_xscale() == axis.get_yscale() == "log" and len({line.get_marker() for line in axis.lines}) == 2
    with pytest.raises(pq.ModelError, match="no point has a positive finite"):
        plot.audit_curve([(0.0, 1.0), (0.1, float("nan"))])


def test_audits_are_drawn_as_they_are():
    rules = [pq.EquilibriumPropagation(nudging) for nudging in (pq.Centered(0.1), pq.OneSided(0.1))]
    audits = [
        pq.Audit(rule, rule.objective, "", curve=tuple(AuditPoint(b, b**k, 1 - b ** (2 * k)) for b in (0.1, 0.01, 0.001)))
        for k, rule in zip((2, 1), rules, strict=True)
    ]  # fmt: skip
    error, angle = plot.audit_curves(audits).axes
    names = ["equilibrium-propagation, centered: slope 2.00", "equilibrium-propagation, one-sided: slope 1.00"]
    assert texts(error.get_legend()) == names
    assert angle.get_ylabel() == "1 − cosine to the exact gradient"
    assert angle.lines[0].get_ydata() == pytest.approx([1e-12, 1e-8, 1e-4], rel=1e-3)


@pytest.mark.parametrize("order", [1.0, 2.0, 4.0])
def test_slopes_ignore_the_floor_of_round_off(order):
    beta = np.logspace(-6, -1, 21)
    assert plot.fitted_slope(beta, beta**order) == pytest.approx(order)
    assert plot.fitted_slope(beta, beta**order + 1e-12 / beta) == pytest.approx(order, abs=0.1)
    assert plot.fitted_slope(np.array([0.1]), np.array([0.2])) is None


def test_orbits_close_and_turn_once():
    """One spring, 2 s + β (s − y) = 0: s = βy/(2 + β), a Möbius map of the circle, singular at β = −2."""
    s, y = pq.coordinate("s"), pq.target("y")
    spring = pq.Node("spring", potential=s**2)
    model = pq.System(pq.complete(1), nodes=spring, outputs=[0], cost=(s - y) ** 2 / 2).compile()
    params = model.init_parameters(jax.random.key(0))
    orbit = plot.nudge_orbit(model, params, None, np.array([1.0]), points=12)
    assert (
        orbit.closed
        and orbit.singularity == pytest.approx(2.0, rel=1e-3)
        and orbit.radius == pytest.approx(0.5, rel=1e-3)
    )
    exact = orbit.betas / (2 + orbit.betas)
    assert np.allclose(orbit.states["nodes.s"][:, 0], exact, atol=1e-5)
    left, right = plot.nudge_orbits(orbit).axes
    assert texts(left.get_legend()) == ["r = 0.5", "nearest singularity, R = 2"]
    assert (left.get_xlabel(), left.get_ylabel()) == ("Re β", "Im β")
    path = right.lines[0]
    turned = np.unwrap(np.angle(path.get_xdata() + 1j * path.get_ydata()))
    assert turned[-1] - turned[0] == pytest.approx(2 * np.pi, rel=1e-3)
    assert texts(right.get_legend()) == ["nodes.s[0]"]
    with pytest.raises(pq.ModelError, match=r"no unknown is named 'x'; there are nodes\.s"):
        plot.nudge_orbits(orbit, "x")


def test_pictures_are_saved_from_axes_and_figures(tmp_path):
    axis = plot.weight_map(np.eye(3))
    for drawn, name in ((axis, "a.svg"), (axis.figure, "b.png")):
        path = plot.save(drawn, tmp_path / name)
        assert path.stat().st_size > 2000
    from matplotlib import pyplot

    figure = pyplot.figure(layout="constrained")
    upper, lower = figure.subfigures(2, 1)
    assert plot.learning_curves([{"train_cost": 1.0}], figure=upper) is upper
    plot.weight_map(np.eye(2), ax=lower.subplots())
    assert plot.save(upper, tmp_path / "c.svg").read_text().count("train") >= 1
