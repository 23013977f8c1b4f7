"""Pictures of networks: every node and element, directions, inputs and outputs, blocks of large systems, layouts."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import networkx as nx
import numpy as np
import pytest

import physeq as pq
from physeq.graph import Bundle, Dense, Group, OneToOne, Sparse, Topology
from physeq.loading import load_system, system_folders
from physeq.report.drawing import Box, Circle, Curve, Polygon, Text, bezier, extent
from physeq.report.drawing_svg import inline, svg_file
from physeq.report.drawing_tikz import tikz
from physeq.report.latex import escape
from physeq.report.network_drawing import is_small, network_drawing

REPOSITORY = Path(__file__).parents[3]
UNIT, SYNAPSE, DIRECTED = pq.neural.unit(pq.neural.tanh), pq.neural.synapse(), pq.neural.directed_synapse()
RESISTOR, DIODE = pq.electrical.resistor(), pq.electrical.exponential_diode()


@pytest.fixture(scope="module")
def systems():
    """All variants of all systems of the repository."""
    loaded = [load_system(str(folder)) for folder in system_folders(REPOSITORY).values()]
    return {f"{one.name}:{name}": v.build() for one in loaded for name, v in one.variants.items()}


def centre(mark):
    left, top, right, bottom = extent(mark)
    return np.array([(left + right) / 2, (top + bottom) / 2])


def body(drawing, words):
    """The mark of the node whose words start like this."""
    (found,) = [mark for mark in drawing.having("node") if mark.about.split(",")[0] == words]
    return found


def heads(drawing, inside=False):
    """Arrow heads of elements: those at their ends, or those in their middles."""
    polygons = [mark for mark in drawing.having("arrow") if not {"legend", "drive"} & {*mark.roles}]
    return [mark for mark in polygons if ("inside" in mark.roles) == inside]


def edges(drawing):
    return [mark for mark in drawing.having("edge") if "legend" not in mark.roles]


def texts(drawing):
    return [mark.text for mark in drawing.marks if isinstance(mark, Text)]


def apart(drawing):
    """The least gap between the outlines of two nodes."""
    nodes = drawing.having("node")
    places, reach = np.array([centre(node) for node in nodes]), np.array([extent(n)[2] - centre(n)[0] for n in nodes])
    gaps = np.linalg.norm(places[:, None] - places[None], axis=2) - reach[:, None] - reach[None]
    return gaps[np.triu_indices(len(nodes), 1)].min(initial=np.inf)


def test_every_system_has_a_picture(systems):
    kinds = Counter()
    for name, system in systems.items():
        drawing = network_drawing(system)
        kinds[is_small(system)] += 1
        if is_small(system):
            assert len(drawing.having("node")) == system.topology.size, name
            assert apart(drawing) > 1.0, name
        else:
            assert not drawing.having("node") and len(drawing.having("block")) > len(system.topology.groups)
        for mark in drawing.marks:
            left, top, right, bottom = extent(mark)
            assert min(left, top) >= 0 and right <= drawing.width and bottom <= drawing.height, (name, mark)
        for text in (inline(drawing), svg_file(drawing)):
            root = ElementTree.fromstring(text)
            assert root.get("role") == "img" and [child.tag.split("}")[1] for child in root][:2] == ["title", "desc"]
            assert not [node for node in root.iter() if node.get("href") or node.get("id")]
        picture = tikz(drawing, escape)
        assert picture.count("{") == picture.count("}") and picture.endswith(r"\end{tikzpicture}")
        assert drawing.width <= 900, name
    assert kinds[True] > 30 and kinds[False] > 0


def test_directed_elements_alone_have_arrow_heads():
    graph = nx.gnp_random_graph(9, 0.3, seed=1, directed=True)
    system = pq.System.from_graph(graph, nodes=UNIT, edges=DIRECTED)
    drawing = network_drawing(system)
    tips = heads(drawing)
    assert len(tips) == graph.number_of_edges() and not heads(drawing, inside=True)
    into = Counter()
    for tip in tips:
        gaps = {
            node: np.linalg.norm(np.array(tip.points[0]) - centre(body(drawing, f"node {node} of nodes")))
            for node in graph
        }
        nearest = min(gaps, key=gaps.get)
        into[nearest] += 1
        assert gaps[nearest] == pytest.approx(body(drawing, f"node {nearest} of nodes").radius + 0.8, abs=0.2)
    assert into == Counter(dict(graph.in_degree()))
    plain = network_drawing(pq.System(pq.complete(5), edges=RESISTOR, ground=0))
    assert not heads(plain) and not heads(plain, inside=True)


def test_elements_whose_ends_differ_point_from_source_to_target():
    graph = nx.MultiDiGraph()
    graph.add_edge("a", "b", component="D")
    graph.add_edge("c", "b", component="D")
    graph.add_edge("a", "c", component="R")
    drawing = network_drawing(pq.System.from_graph(graph, edges={"D": DIODE, "R": RESISTOR}, ground="b"))
    found = heads(drawing, inside=True)
    assert len(found) == 2 and not heads(drawing)
    cathode = centre(body(drawing, "node b of nodes"))
    for head in found:
        tip, *base = (np.array(point) for point in head.points)
        assert np.linalg.norm(tip - cathode) < np.linalg.norm(np.mean(base, axis=0) - cathode)
    assert {"D", "R"} <= set(texts(drawing)) and any("ends differ" in text for text in texts(drawing))


def test_two_strengths_have_two_heads_and_own_signs_none():
    s = pq.coordinate("s")
    there, back = pq.parameter("there"), pq.parameter("back")
    both = pq.Edge("mutual", force={s.target: there * s.source, s.source: back * s.target})
    drawing = network_drawing(pq.System(pq.complete(3), nodes=UNIT, edges=both))
    assert len(heads(drawing)) == 6 and any("both ways" in text for text in texts(drawing))
    coil = network_drawing(pq.System(pq.complete(3), edges=pq.electrical.inductor(), ground=0))
    assert not heads(coil) and not heads(coil, inside=True)


def test_the_right_nodes_are_marked():
    topology = Topology(
        (Group("n", 7, labels=tuple("abcdefg")),),
        (Bundle("edges", ("n", "n"), Sparse(np.array(nx.cycle_graph(7).edges))),),
    )
    inputs = {"volts": pq.Clamp(["c"]), "amperes": pq.Drive(["d"])}
    system = pq.System(topology, edges=RESISTOR, ground=["a"], fixed={"b": 1.5}, inputs=inputs, outputs=["e", "c"])
    drawing = network_drawing(system)
    marked = {
        role: {mark.about.split()[1] for mark in drawing.having("node") if role in mark.roles}
        for role in ("input", "driven", "output", "held", "ground", "fixed")
    }
    assert {role: {label.strip(",") for label in labels} for role, labels in marked.items()} == {
        "input": {"c"},
        "driven": {"d"},
        "output": {"c", "e"},
        "held": {"a", "b"},
        "ground": {"a"},
        "fixed": {"b"},
    }
    shapes = {label: type(body(drawing, f"node {label} of n")) for label in "abcdefg"}
    assert [label for label, shape in shapes.items() if shape is Box] == ["a", "b", "c"]
    inner = [tuple(centre(mark).round(6)) for mark in drawing.having("inner") if "legend" not in mark.roles]
    assert sorted(inner) == sorted(tuple(centre(body(drawing, f"node {x} of n")).round(6)) for x in "ce")
    (push,) = [mark for mark in drawing.having("drive") if isinstance(mark, Polygon) and "legend" not in mark.roles]
    node = body(drawing, "node d of n")
    assert np.linalg.norm(np.array(push.points[0]) - centre(node)) == pytest.approx(node.radius + 1.0)
    bars = [
        mark
        for mark in drawing.marks
        if "ground" in mark.roles and isinstance(mark, Curve) and "legend" not in mark.roles
    ]
    assert len(bars) == 4 and all(
        np.linalg.norm(bezier(bar.points, 0.5) - centre(body(drawing, "node a of n"))) < 40 for bar in bars
    )
    words = " | ".join(texts(drawing))
    for text in (
        "input volts, clamped",
        "input amperes, a force",
        "output, seen by the cost",
        "ground, held at 0",
        "= 1.5",
    ):
        assert text in words
    assert "Input, clamped: c. Input, a force: d. Held at 0: a. Held at 1.5: b. Output: c, e." in drawing.description


def test_parallel_elements_and_loops_are_seen():
    graph = nx.MultiDiGraph([(0, 1), (0, 1), (1, 0), (1, 2), (2, 2)])
    drawing = network_drawing(pq.System.from_graph(graph, nodes=UNIT, edges=DIRECTED))
    ways = [mark.points for mark in edges(drawing)]
    assert len(ways) == 5
    loops = [points for points in ways if len(points) == 4]
    node = body(drawing, "node 2 of nodes")
    assert len(loops) == 1 and np.linalg.norm(np.array(bezier(loops[0], 0.5)) - centre(node)) > 2 * node.radius
    between = [
        np.array(bezier(p, 0.5))
        for p in ways
        if p is not loops[0] and bezier(p, 0.5)[0] < centre(body(drawing, "node 1 of nodes"))[0] - 5
    ]
    middles = np.array(between)
    gaps = np.linalg.norm(middles[:, None] - middles[None], axis=2)[np.triu_indices(len(middles), 1)]
    assert len(middles) >= 3 and gaps.min() > 8


def test_elements_with_several_ports_are_boxes():
    bundles = (Bundle("amp", ("n", "n", "n"), Sparse([[3, 1, 2]])), Bundle("R", ("n", "n"), Sparse([[0, 1], [1, 2]])))
    topology = Topology((Group("n", 4),), bundles)
    system = pq.System(topology, edges={"amp": pq.electrical.ideal_op_amp(), "R": RESISTOR}, ground=[3], inputs=[0])
    drawing = network_drawing(system)
    (box,) = [mark for mark in drawing.having("element") if "legend" not in mark.roles]
    lines = [mark for mark in edges(drawing) if mark.points[0] == pytest.approx(centre(box))]
    ends = sorted(tuple(np.round(line.points[-1], 3)) for line in lines)
    assert ends == sorted(tuple(centre(body(drawing, f"node {k} of n")).round(3)) for k in (1, 2, 3))
    assert {"plus", "minus", "output"} <= set(texts(drawing))


def test_layers_are_columns_from_inputs_to_outputs():
    unit = {"hidden": UNIT, "output": UNIT}
    drawing = network_drawing(
        pq.System(pq.layered([3, 5, 2]), nodes=unit, edges=SYNAPSE, inputs="input", outputs="output")
    )
    columns = {}
    for mark in drawing.having("node"):
        columns.setdefault(mark.about.split(",")[0].split()[-1], []).append(centre(mark))
    places = {group: np.array(found) for group, found in columns.items()}
    assert all(np.ptp(found[:, 0]) < 1e-6 for found in places.values())
    assert places["input"][0, 0] < places["hidden"][0, 0] < places["output"][0, 0]
    assert len(edges(drawing)) == 25 and {"input", "hidden", "output"} <= set(texts(drawing))


def test_given_places_are_kept_and_closed_boundaries_shown():
    lattice = pq.square_lattice((4, 3), periodic=True)
    drawing = network_drawing(pq.System(lattice, edges=RESISTOR, ground=[(0, 0)]))
    places = np.array([centre(mark) for mark in drawing.having("node")])
    given = lattice.group("nodes").positions * [1, -1]
    found, wanted = places - places[0], given - given[0]
    scale = found[-1, 0] / wanted[-1, 0]
    assert found == pytest.approx(scale * wanted) and scale > 30
    assert len(edges(drawing)) == 24 + 7  # an edge that closes an axis is drawn as two halves
    halves = [np.array(line.points) for line in edges(drawing)]
    short = [line for line in halves if np.linalg.norm(line[1] - line[0]) < 0.9 * scale]
    assert len(short) == 14 and [np.linalg.norm(line[1] - line[0]) for line in short] == pytest.approx(
        [0.45 * scale] * 14
    )
    assert "continues on the opposite side" in texts(drawing)
    small = network_drawing(pq.System(pq.lattice(5, periodic=True), edges=RESISTOR, ground=[0]))
    (around,) = [mark for mark in edges(small) if len(mark.points) == 3]  # it leaves the nodes between its ends aside
    assert abs(bezier(around.points, 0.5)[1] - centre(small.having("node")[0])[1]) > 15


def test_a_ladder_stands_over_its_ground():
    steps = [("s", k, k + 1) for k in range(4)] + [("p", k, "gnd") for k in range(5)]
    graph = nx.MultiGraph()
    for _, a, b in steps:
        graph.add_edge(a, b)
    drawing = network_drawing(pq.System.from_graph(graph, edges=RESISTOR, ground="gnd", inputs=[0]))
    heights = {mark.about.split()[1].strip(","): centre(mark)[1] for mark in drawing.having("node")}
    assert len({round(heights[str(k)], 3) for k in range(5)}) == 1 and heights["gnd"] > heights["0"] + 60
    assert len(drawing.having("joint")) == 5 and drawing.having("rail")


GRAPHS = {
    "star": nx.star_graph(25),
    "bipartite": nx.complete_bipartite_graph(3, 16),
    "complete": nx.complete_graph(9),
    "parts": nx.disjoint_union_all([nx.cycle_graph(4), nx.path_graph(3), nx.empty_graph(12), nx.complete_graph(4)]),
    "grid": nx.convert_node_labels_to_integers(nx.grid_2d_graph(5, 6)),
    "random": nx.gnm_random_graph(50, 90, seed=2),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_nodes_found_by_springs_do_not_touch(name):
    graph = GRAPHS[name]
    drawing = network_drawing(pq.System.from_graph(graph, nodes=UNIT, edges=SYNAPSE))
    assert len(drawing.having("node")) == len(graph) and len(edges(drawing)) == graph.number_of_edges()
    assert apart(drawing) > 1.0 and drawing.width < 800


def blocks():
    rng = np.random.default_rng(0)
    topology = Topology(
        (Group("input", 512), Group("hidden", 512), Group("output", 10)),
        (
            Bundle("in", ("input", "hidden"), OneToOne()),
            Bundle("skip", ("input", "output"), Dense(), directed=True),
            Bundle("inner", ("hidden", "hidden"), Sparse(rng.integers(0, 512, (3200, 2)))),
            Bundle("out", ("hidden", "output"), Dense()),
        ),
    )
    edges = {"in": SYNAPSE, "skip": DIRECTED, "inner": SYNAPSE, "out": SYNAPSE}
    options = {"inputs": {"x": pq.Clamp("input")}, "outputs": "output", "ground": [("hidden", 0), ("hidden", 1)]}
    return pq.System(topology, nodes={"hidden": UNIT, "output": UNIT}, edges=edges, **options)


def test_large_systems_are_blocks():
    drawing = network_drawing(blocks())
    shown = texts(drawing)
    for text in (
        "512 nodes",
        "10 nodes",
        "512 clamped: x",
        "10 out",
        "2 held at 0",
        "one to one, 512",
        "sparse, 3,200",
    ):
        assert text in shown
    assert shown.count("dense 512 × 10") == 2 and shown.count("synapse") == 3 and "directed synapse" in shown
    assert not drawing.having("node") and len(svg_file(drawing)) < 20_000
    boxes = [mark for mark in drawing.marks if isinstance(mark, Box) and mark.width > 40 and "legend" not in mark.roles]
    assert len(boxes) == 3 + 4
    for k, box in enumerate(boxes):
        left, top, right, bottom = extent(box)
        for other in boxes[:k]:
            a, b, c, d = extent(other)
            assert right < a or c < left or bottom < b or d < top
    for text in (mark for mark in drawing.marks if isinstance(mark, Text) and "legend" not in mark.roles):
        left, top, right, bottom = extent(text)
        holders = [
            extent(box)
            for box in boxes
            if extent(box)[0] < left < extent(box)[2] and extent(box)[1] < text.y < extent(box)[3]
        ]
        assert len(holders) == 1 and right < holders[0][2] and holders[0][1] < top and bottom < holders[0][3], text
    (tip,) = heads(drawing)  # of the bundle that acts one way, at the box of the outputs
    output = next(box for box in boxes if extent(box)[0] < tip.points[0][0] < extent(box)[2] and "block" in box.roles)
    assert tip.points[0][1] == pytest.approx(extent(output)[3]) and extent(output)[2] == max(
        extent(b)[2] for b in boxes
    )


@pytest.mark.parametrize(
    ("nodes", "elements", "small"), [(60, 100, True), (61, 100, False), (60, 200, True), (60, 201, False)]
)
def test_above_a_limit_nodes_are_not_drawn_one_by_one(nodes, elements, small):
    graph = nx.gnm_random_graph(nodes, elements, seed=0)
    drawing = network_drawing(pq.System.from_graph(graph, nodes=UNIT, edges=SYNAPSE))
    assert len(drawing.having("node")) == (nodes if small else 0)


def test_many_layers_run_downwards():
    system = pq.System(
        pq.layered([100] * 6), nodes=UNIT, edges=SYNAPSE, inputs={"x": pq.Drive("input")}, outputs="output"
    )
    drawing = network_drawing(system)
    assert drawing.height > drawing.width and drawing.width < 450
    assert sum("dense 100 × 100" in text for text in texts(drawing)) == 5


SAME = """
import networkx as nx, physeq as pq
from physeq.report.network_drawing import network_drawing
from physeq.report.drawing_svg import svg_file
graph = nx.disjoint_union(nx.petersen_graph(), nx.cycle_graph(5))
graph = nx.relabel_nodes(graph, "n{}".format)
system = pq.System.from_graph(graph, nodes=pq.neural.unit(pq.neural.tanh), edges=pq.neural.synapse())
picture = svg_file(network_drawing(system))
"""


@pytest.mark.slow
def test_the_same_system_gives_the_same_picture():
    here: dict = {}
    exec(SAME, here)
    # Another process has another order of sets of strings.
    command = [sys.executable, "-c", SAME + "print(picture, end='')"]
    there = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": "1"})
    assert there.stdout == here["picture"] and here["picture"].startswith("<svg"), there.stderr


def test_the_small_picture_has_neither_words_nor_legend():
    drawing = network_drawing(pq.System(pq.complete(4), edges=RESISTOR, ground=0, inputs=[1], outputs=[2]))
    small = drawing.small()
    assert not texts(small) and not small.having("legend") and len(small.having("node")) == 4
    assert small.height < drawing.height and all(extent(mark)[1] >= 0 for mark in small.marks)
    assert isinstance(small.having("node")[3], Circle)
