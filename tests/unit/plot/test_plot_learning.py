"""Pictures of learning and of audits: the data that were given, labels with units, lines told apart without colour."""

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


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


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
    assert {axis.get_xlabel() for axis in figure.axes} == {"input->output: w", "input: b", "output: b"}
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
        pq.Audit(
            rule, rule.objective, "", curve=tuple(AuditPoint(b, b**k, 1 - b ** (2 * k)) for b in (0.1, 0.01, 1e-3))
        )
        for k, rule in zip((2, 1), rules, strict=True)
    ]
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
