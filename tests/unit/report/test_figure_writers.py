"""Drawings as SVG and TikZ, and figures on pages of every format."""

import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest
import sympy as sp

from physeq.errors import InternalError
from physeq.report import Document, Figure, Math, Paragraph, Section, SymbolEntry
from physeq.report.drawing import Box, Circle, Curve, Polygon, Text, bezier, cut, extent, fitted
from physeq.report.drawing_svg import STYLE, inline, svg_file
from physeq.report.drawing_tikz import tikz
from physeq.report.latex import escape

NASTY = r"50% of <R&D> {#1} $a_b ~^\ ]"
MARKS = (
    Curve(((0.0, 0.0), (40.0, 0.0)), ("edge", "kind0")),
    Curve(((0.0, 0.0), (20.0, 30.0), (40.0, 0.0)), ("edge", "kind0")),
    Curve(((0.0, 0.0), (0.0, 30.0), (40.0, 30.0), (40.0, 0.0)), ("edge", "kind1"), NASTY),
    Polygon(((40.0, 0.0), (34.0, 3.0), (34.0, -3.0)), ("arrow", "kind1")),
    Circle(0.0, 0.0, 8.0, ("node", "output"), NASTY),
    Box(32.0, -8.0, 16.0, 16.0, ("node", "input"), corner=2.0),
    Box(15.0, -6.0, 10.0, 12.0, ("plate",)),
    Text(20.0, 0.0, NASTY, 10.0, ("words", "bold")),
)
x = sp.Symbol("x")


@pytest.fixture(scope="module")
def drawing():
    return fitted(MARKS, f"Title {NASTY}", f"Words {NASTY}")


@pytest.fixture(scope="module")
def page(drawing):
    figure = Figure(drawing, [f"About {NASTY} and ", Math(x)], "a picture")
    return Document("Page", [Section("System", [Paragraph("text"), figure])], [SymbolEntry(x, "a number")])


def test_a_drawing_has_room_for_its_marks(drawing):
    boxes = [extent(mark) for mark in drawing.marks]
    assert min(b[0] for b in boxes) == min(b[1] for b in boxes) == pytest.approx(10)
    assert max(b[2] for b in boxes) == pytest.approx(drawing.width - 10)
    assert max(b[3] for b in boxes) == pytest.approx(drawing.height - 10)


def test_the_part_of_a_curve_is_on_it():
    points = ((0.0, 0.0), (5.0, 9.0), (2.0, -4.0), (8.0, 1.0))
    part = cut(points, 0.4)
    for k in range(5):
        assert bezier(part, k / 4) == pytest.approx(bezier(points, 0.4 * k / 4))


def test_svg_is_whole_and_says_what_it_shows(drawing):
    for text in (inline(drawing), svg_file(drawing)):
        root = ElementTree.fromstring(text)
        tags = [element.tag.split("}")[1] for element in root]
        assert tags[:2] == ["title", "desc"] and root[0].text == f"Title {NASTY}" and root[1].text == f"Words {NASTY}"
        assert tags.count("path") == 2  # lines that look alike and say nothing of their own are one
        assert tags.count("circle") == 1 and tags.count("polygon") == 1 and tags.count("text") == 1
        assert [element.text for element in root.iter() if element.tag.endswith("title")].count(NASTY) == 2
        # Colours come from the style alone, which knows light and dark paper.
        assert not re.search(r'(fill|stroke|color)="', text)
    assert "prefers-color-scheme: dark" in svg_file(drawing) and "<style>" not in inline(drawing)
    used = set(re.findall(r"\b[fs]-\w+", inline(drawing)))
    assert used and all(f".{name} " in STYLE for name in used)


def test_tikz_is_balanced_and_escaped(drawing):
    picture = tikz(drawing, escape)
    bare = re.sub(r"\\[\\{}#%&_$]", "", picture)
    assert bare.count("{") == bare.count("}") and not set("#%&_$~^") & set(bare)
    assert picture.count(r"\node") == 1 and picture.count(" circle[") == 1 and picture.count(" rectangle ") == 3
    assert picture.count("..controls") == 2 and picture.count("--cycle") == 1
    wide = fitted([Box(0.0, 0.0, 3000.0, 10.0, ("block",))], "wide", "wide")
    scale = float(re.search(r"x=([\d.]+)pt", tikz(wide, escape))[1])
    assert scale * wide.width == pytest.approx(450, rel=1e-3)


def test_the_formats_hold_the_figure(page, drawing):
    html = page.to_html()
    assert html.count("<figure>") == html.count("</figcaption>") == html.count("<svg") == 1
    assert inline(drawing) in html and STYLE in html and "<math" in html[html.index("<figcaption>") :]
    latex = page.to_latex()
    assert tikz(drawing, escape) in latex and latex.count("tikz.sty") == 1
    shown = page.to_markdown(pictures="my page-")
    assert "](my%20page-a%20picture.svg)" in shown and shown.count("$x$") == 2
    assert re.search(r"!\[(?:\\.|[^\]\\])*\]\(", shown)
    left_out = page.to_markdown()
    assert ".svg" not in left_out and "picture is in the HTML" in left_out and "About 50%" in left_out
    (block,) = [b for b in page.to_dict()["blocks"][0]["blocks"] if b["type"] == "figure"]
    assert block["name"] == "a picture" and block["title"] == drawing.title and block["caption"][1]["latex"] == "x"
    assert list(page.figures()) == [page.blocks[0].blocks[1]]


def test_a_page_without_figures_loads_nothing_for_them():
    page = Document("Page", [Paragraph("text")])
    assert "tikz" not in page.to_latex() and "drawing" not in page.to_html() and "<figure" not in page.to_html()
    assert page.to_markdown(pictures="") == page.to_markdown()


def test_symbols_of_captions_are_explained(page):
    with pytest.raises(InternalError, match="'x'"):
        Document("Page", page.blocks).check()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_the_page_compiles_with_and_without_tikz(page, tmp_path):
    (tmp_path / "page.tex").write_text(page.to_latex())
    (tmp_path / "without.tex").write_text(page.to_latex().replace("tikz.sty", "no-such-package.sty"))
    for name in ("page", "without"):
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120)
        assert done.returncode == 0, done.stdout[-2000:]
        assert "Overfull" not in done.stdout
