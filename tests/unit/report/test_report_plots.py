"""Plots: the files hold what they should show, and wrong input is refused with a remedy."""

import sys

import numpy as np
import pytest

from physeq.errors import ModelError
from physeq.report import error_curve, graph_state, learning_curve, weight_map
from physeq.report.plots import fitted_slope

pytest.importorskip("matplotlib")


def svg(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<?xml")
    return text


def pixels(path):
    from matplotlib.image import imread

    return (255 * imread(path)[..., :3]).round().astype(int)


def test_learning_curve_names_axes_and_lines(tmp_path):
    history = [
        {"epoch": k, "train_cost": 2.0**-k, "test_cost": 2.0**-k + 0.1, "test_error_percent": 50.0 / k}
        for k in range(1, 9)
    ]
    text = svg(learning_curve(history, tmp_path / "deep" / "curve.svg"))
    for label in (">epoch<", ">cost<", ">error (%)<", ">train<", ">test<"):
        assert label in text
    only_cost = svg(learning_curve([{"train_cost": 1.0}, {"train_cost": 0.5, "test_cost": None}], tmp_path / "c.svg"))
    assert ">cost<" in only_cost and "error" not in only_cost and ">test<" not in only_cost


def test_learning_curve_draws_train_and_test_in_their_colours(tmp_path):
    history = [{"train_cost": 1.0, "test_cost": 2.0}, {"train_cost": 0.5, "test_cost": 1.5}]
    image = pixels(learning_curve(history, tmp_path / "curve.png"))
    for colour in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)):
        assert (np.abs(image - colour).max(axis=-1) <= 2).sum() > 50
    only_train = pixels(learning_curve([{"train_cost": 1.0}, {"train_cost": 0.5}], tmp_path / "one.png"))
    assert not (np.abs(only_train - (0xD5, 0x5E, 0x00)).max(axis=-1) <= 2).any()


def test_an_empty_history_is_refused(tmp_path):
    for history in ([], [{"epoch": 1}], [{"train_cost": float("nan")}]):
        with pytest.raises(ModelError, match="no finite train_cost"):
            learning_curve(history, tmp_path / "curve.svg")


def test_error_curve_writes_the_order_of_the_rule(tmp_path):
    beta = np.logspace(-4, 0, 9)
    centered = [{"beta": b, "relative_error": b**2 + 1e-8 / b} for b in beta]
    text = svg(
        error_curve({"centered": centered, "one-sided": list(zip(beta, 3 * beta, strict=True))}, tmp_path / "e.svg")
    )
    for label in (
        "centered: slope 2.00",
        "one-sided: slope 1.00",
        "nudging strength |β|",
        "relative error of the gradient",
    ):
        assert label in text
    with pytest.raises(ModelError, match="no point has a positive finite"):
        error_curve([(0.0, 1.0), (0.1, float("nan"))], tmp_path / "e.svg")


@pytest.mark.parametrize("order", [1.0, 2.0, 4.0])
def test_slopes_ignore_the_floor_of_round_off(order):
    beta = np.logspace(-6, -1, 21)
    assert fitted_slope(beta, beta**order) == pytest.approx(order)
    assert fitted_slope(beta, beta**order + 1e-12 / beta) == pytest.approx(order, abs=0.1)
    assert fitted_slope(np.array([0.1]), np.array([0.2])) is None


def test_weight_map_is_white_at_zero_and_symmetric(tmp_path):
    weights = np.zeros((2, 3))
    weights[0, 0], weights[1, 2] = 4.0, -1.0
    text = svg(weight_map(weights, tmp_path / "w.svg", "a < b"))
    for label in (">source<", ">target<", ">weight<", "a &lt; b"):
        assert label in text
    image = pixels(weight_map(weights, tmp_path / "w.png"))
    # RdBu ends in dark red (103, 0, 31) and dark blue (5, 48, 97); with limits of ±4, −1 is a light blue.
    red = np.abs(image - (103, 0, 31)).max(axis=-1) <= 3
    picture = slice(0, int(0.75 * image.shape[1]))
    assert red[:, picture].sum() > 5000
    assert (np.abs(image - (5, 48, 97)).max(axis=-1) <= 3)[:, picture].sum() == 0


def test_receptive_fields_are_columns_of_the_matrix(tmp_path):
    text = svg(weight_map(np.eye(6), tmp_path / "w.svg", image_shape=(2, 3)))
    assert text.count("<image") == 6 + 1  # and the colour bar
    many = svg(weight_map(np.ones((4, 130)), tmp_path / "m.svg", image_shape=(2, 2)))
    assert "of the first 100 of 130 targets" in many and many.count("<image") == 101


def test_weight_map_refuses_what_does_not_fit(tmp_path):
    with pytest.raises(ModelError, match=r"image_shape \(2, 2\) does not hold the 6 sources"):
        weight_map(np.ones((6, 4)), tmp_path / "w.png", image_shape=(2, 2))
    with pytest.raises(ModelError, match=r"shape \(2, 2\) does not hold 6 weights"):
        weight_map(np.ones(6), tmp_path / "w.png", shape=(2, 2))
    with pytest.raises(ModelError, match="not both"):
        weight_map(np.ones(6), tmp_path / "w.png", shape=(2, 3), image_shape=(2, 3))
    with pytest.raises(ModelError, match="vector or a matrix"):
        weight_map(np.ones((2, 2, 2)), tmp_path / "w.png")


def test_graph_state_draws_every_node_and_edge_of_a_small_network(tmp_path):
    graph = pytest.importorskip("physeq.graph")
    network = graph.lattice((3, 3))
    name = network.groups[0].name
    text = svg(graph_state(network, {name: np.linspace(-1, 2, 9)}, tmp_path / "g.svg", "voltage $V$"))
    edges = text[text.index('id="LineCollection_1"') :]
    assert edges[: edges.index("</g>")].count("<path") == 12  # 3 × 2 × 2 edges of a 3 × 3 lattice
    nodes = text[text.index('id="PathCollection_1"') :]
    assert nodes[: nodes.index('<g id="', 10)].count("<use") == 9
    assert "voltage $V$" in text and "edges drawn" not in text


def test_graph_state_thins_dense_bundles_and_says_so(tmp_path):
    graph = pytest.importorskip("physeq.graph")
    network = graph.layered((60, 60, 10))
    text = svg(graph_state(network, {"hidden": np.ones(60)}, tmp_path / "g.svg"))
    edges = text[text.index('id="LineCollection_1"') :]
    count = edges[: edges.index("</g>")].count("<path")
    assert 2900 <= count <= 3100 and f"{count:,} of 4,200 edges drawn" in text
    assert ">hidden<" in text and ">input<" in text


def test_graph_state_refuses_wrong_values(tmp_path):
    graph = pytest.importorskip("physeq.graph")
    network = graph.lattice((2, 2))
    name = network.groups[0].name
    with pytest.raises(ModelError, match="name a group 'nowhere'"):
        graph_state(network, {"nowhere": np.ones(4)}, tmp_path / "g.svg")
    with pytest.raises(ModelError, match=r"has 4 nodes, but its values have shape \(2, 4\)"):
        graph_state(network, {name: np.ones((2, 4))}, tmp_path / "g.svg")


def test_files_are_reproducible_and_other_formats_refused(tmp_path):
    one, two = (learning_curve([{"train_cost": 1.0}], tmp_path / f"{k}.svg").read_bytes() for k in "ab")
    assert one == two
    with pytest.raises(ModelError, match=r"must end in .svg or .png, got .*curve.pdf"):
        learning_curve([{"train_cost": 1.0}], tmp_path / "curve.pdf")


def test_plots_leave_no_global_state(tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    loaded = "matplotlib.pyplot" in sys.modules
    learning_curve([{"train_cost": 1.0}], tmp_path / "a.png")
    assert dict(matplotlib.rcParams) == before and ("matplotlib.pyplot" in sys.modules) == loaded


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModelError, match=r'pip install "physeq\[plot\]"'):
        learning_curve([{"train_cost": 1.0}], tmp_path / "a.png")
