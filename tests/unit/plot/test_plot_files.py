"""Pictures as files: they hold what they should show, are the same every time, and wrong input is refused."""

import sys

import numpy as np
import pytest

from physeq import plot
from physeq.errors import ModelError
from physeq.graph import lattice, layered

pytest.importorskip("matplotlib")


def svg(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<?xml")
    return text


def pixels(path):
    from matplotlib.image import imread

    return (255 * imread(path)[..., :3]).round().astype(int)


def close_to(image, colour, within=2):
    return np.abs(image - colour).max(axis=-1) <= within


def test_learning_curves_name_axes_and_lines(tmp_path):
    history = [
        {"epoch": k, "train_cost": 2.0**-k, "test_cost": 2.0**-k + 0.1, "test_error_percent": 50.0 / k}
        for k in range(1, 9)
    ]
    text = svg(plot.to_file(tmp_path / "deep" / "curve.svg", plot.learning_curves, history))
    for label in (">epoch<", ">cost<", ">error (%)<", ">train<", ">test<"):
        assert label in text
    short = [{"train_cost": 1.0}, {"train_cost": 0.5, "test_cost": None}]
    only_cost = svg(plot.to_file(tmp_path / "c.svg", plot.learning_curves, short))
    assert ">cost<" in only_cost and "error" not in only_cost and ">test<" not in only_cost


def test_train_and_test_have_their_colours(tmp_path):
    history = [{"train_cost": 1.0, "test_cost": 2.0}, {"train_cost": 0.5, "test_cost": 1.5}]
    image = pixels(plot.to_file(tmp_path / "curve.png", plot.learning_curves, history))
    for colour in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)):
        assert close_to(image, colour).sum() > 50
    only_train = [{"train_cost": 1.0}, {"train_cost": 0.5}]
    image = pixels(plot.to_file(tmp_path / "one.png", plot.learning_curves, only_train))
    assert not close_to(image, (0xD5, 0x5E, 0x00)).any()


def test_an_empty_history_is_refused(tmp_path):
    for history in ([], [{"epoch": 1}], [{"train_cost": float("nan")}]):
        with pytest.raises(ModelError, match="no finite train_cost"):
            plot.to_file(tmp_path / "curve.svg", plot.learning_curves, history)


def test_weight_map_is_white_at_zero_and_symmetric(tmp_path):
    weights = np.zeros((2, 3))
    weights[0, 0], weights[1, 2] = 4.0, -1.0
    text = svg(plot.to_file(tmp_path / "w.svg", plot.weight_map, weights, title="a < b"))
    for label in (">source<", ">target<", ">weight<", "a &lt; b"):
        assert label in text
    image = pixels(plot.to_file(tmp_path / "w.png", plot.weight_map, weights))
    # RdBu ends in dark red (103, 0, 31) and dark blue (5, 48, 97); with limits of ±4, −1 is a light blue.
    picture = slice(0, int(0.75 * image.shape[1]))
    assert close_to(image, (103, 0, 31), 3)[:, picture].sum() > 5000
    assert close_to(image, (5, 48, 97), 3)[:, picture].sum() == 0


def test_receptive_fields_are_columns_of_the_matrix(tmp_path):
    text = svg(plot.to_file(tmp_path / "w.svg", plot.receptive_fields, np.eye(6), (2, 3)))
    assert text.count("<image") == 6 + 1  # and the colour bar
    many = svg(plot.to_file(tmp_path / "m.svg", plot.receptive_fields, np.ones((4, 130)), (2, 2)))
    assert "of the first 100 of 130 targets" in many and many.count("<image") == 101


def test_a_small_network_has_every_node_and_edge(tmp_path):
    network = lattice((3, 3))
    name = network.groups[0].name
    text = svg(plot.to_file(tmp_path / "g.svg", plot.graph, network, {name: np.linspace(-1, 2, 9)}, label="in $V$"))
    edges = text[text.index('id="LineCollection_1"') :]
    assert edges[: edges.index("</g>")].count("<path") == 12  # 3 × 2 × 2 edges of a 3 × 3 lattice
    nodes = text[text.index('id="PathCollection_1"') :]
    assert nodes[: nodes.index('<g id="', 10)].count("<use") == 9
    assert "in $V$" in text and "edges drawn" not in text


def test_dense_bundles_are_thinned_and_it_is_said(tmp_path):
    network = layered((60, 60, 10))
    text = svg(plot.to_file(tmp_path / "g.svg", plot.graph, network, {"hidden": np.ones(60)}))
    edges = text[text.index('id="LineCollection_1"') :]
    count = edges[: edges.index("</g>")].count("<path")
    assert 2900 <= count <= 3100 and f"{count:,} of 4,200 edges drawn" in text
    assert ">hidden<" in text and ">input<" in text


def test_files_are_reproducible_and_other_formats_refused(tmp_path):
    history = [{"train_cost": 1.0}]
    one, two = (plot.to_file(tmp_path / f"{k}.svg", plot.learning_curves, history).read_bytes() for k in "ab")
    assert one == two
    with pytest.raises(ModelError, match=r"must end in .svg or .png, got .*curve.pdf"):
        plot.to_file(tmp_path / "curve.pdf", plot.learning_curves, history)


def test_files_leave_no_global_state(tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    loaded = "matplotlib.pyplot" in sys.modules
    plot.to_file(tmp_path / "a.png", plot.learning_curves, [{"train_cost": 1.0}])
    assert dict(matplotlib.rcParams) == before and ("matplotlib.pyplot" in sys.modules) == loaded


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for function, argument in ((plot.learning_curves, [{"train_cost": 1.0}]), (plot.weight_map, np.eye(2))):
        with pytest.raises(ModelError, match=r'pip install "physeq\[plot\]"'):
            function(argument)
        with pytest.raises(ModelError, match=r'pip install "physeq\[plot\]"'):
            plot.to_file(tmp_path / "a.png", function, argument)
