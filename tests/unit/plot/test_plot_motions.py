"""Pictures of networks and motions: the data that were given, labels with units, lines told apart without colour."""

import jax
import numpy as np
import pytest

import physeq as pq
from physeq import plot

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
    model, params, _ = ladder
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
