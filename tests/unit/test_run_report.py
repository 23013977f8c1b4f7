"""The report of a training run: self-contained, and its numbers are those of the run."""

import base64
import json
import re
import sys
from html.parser import HTMLParser

import jax
import numpy as np
import pytest
from cli_runner import shell_in

from physeq.experiment import read_experiment
from physeq.loading import load_system
from physeq.run_report import initial_parameters
from physeq.run_report_numbers import agreement_table, shown
from physeq.run_report_page import Part, Shaded, page
from physeq.running import run_experiment

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Sections of text, tables as rows of cells, and everything that refers to something else."""

    def __init__(self, html):
        super().__init__()
        self.open, self.section, self.texts, self.references, self.ids = [], "", {}, [], []
        self.tables = {}
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.references += [found[key] for key in ("href", "src", "srcset", "data") if key in found]
        self.ids += [found["id"]] if "id" in found else []
        if tag == "section" and "section" not in self.open:
            self.section = found["id"]
            self.tables[self.section] = []
        if tag == "table":
            self.tables[self.section].append([])
        if tag == "tr":
            self.tables[self.section][-1].append([])
        if tag in ("td", "th"):
            self.tables[self.section][-1][-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.texts[self.section] = self.texts.get(self.section, "") + data
        if {"td", "th"} & set(self.open):
            self.tables[self.section][-1][-1][-1] += data


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(its folder, metrics, the page that was read) of two epochs on two moons."""
    with pytest.MonkeyPatch.context() as patch:
        made = shell_in(tmp_path_factory.mktemp("report"), patch)
        words = ("train", "small", "--experiment", "moons", "--epochs", "2", "--json", "--precision", "double")
        metrics = made.json(*words)
    jax.config.update("jax_enable_x64", True)
    folder = made.folder / metrics["run_folder"]
    return folder, metrics, Page((folder / "report.html").read_text(encoding="utf-8"))


def test_it_needs_nothing_but_the_folder(run):
    folder, _, read = run
    html = (folder / "report.html").read_text(encoding="utf-8")
    outside = html.replace("http://www.w3.org/1998/Math/MathML", "")
    assert not re.search(r"https?://|@import|<script|url\(", outside)
    files = [r for r in read.references if not r.startswith(("#", "data:"))]
    assert files == ["rules.html"] and (folder / "rules.html").is_file()
    assert {r[1:] for r in read.references if r.startswith("#")} <= set(read.ids)
    assert len(read.ids) == len(set(read.ids))
    assert "prefers-color-scheme: dark" in html and "width=device-width" in html


def test_its_parts_and_numbers_are_those_of_the_run(run):
    folder, metrics, read = run
    assert list(read.tables) == [
        "result", "learning-curves", "confusion-matrix", "state", "parameters", "rule", "gradient-agreement",
        "settings", "environment",
    ]  # fmt: skip
    scores, facts = read.tables["result"]
    assert scores[1][1:] == [shown(metrics["train"][key]) for key in ("cost", "error_percent")]
    assert scores[2][1:] == [shown(metrics["test"][key]) for key in ("cost", "error_percent")]
    assert [str(metrics["test"]["best_epoch"]) in scores[3][0], scores[3][2]] == [
        True,
        shown(metrics["test"]["best_error_percent"]),
    ]
    assert dict(facts[1:]) | {"rule": "equilibrium-propagation", "seed": "1", "epochs": "2"} == dict(facts[1:])
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    [epochs] = read.tables["learning-curves"]
    column = epochs[0].index("running cost")
    assert [row[column] for row in epochs[1:]] == [shown(record["running_cost"]) for record in history]
    assert (folder / "experiment.toml").read_text().strip() in read.texts["settings"]
    made = json.loads((folder / "environment.json").read_text())
    assert {row[0]: row[1] for row in read.tables["environment"][0][1:]}["jax"] == made["packages"]["jax"]
    found = metrics["gradient_agreement"]["relative_error"]
    assert read.tables["gradient-agreement"][0][1][1] == shown(found, 3)


def test_the_confusion_matrix_is_that_of_the_test_error(run):
    _, metrics, read = run
    counts = np.array([[int(cell) for cell in row[1:]] for row in read.tables["confusion-matrix"][0][1:]])
    assert counts.shape == (2, 2) and f"{counts.sum()} test samples" in read.texts["confusion-matrix"]
    wrong = 100 * (counts.sum() - counts.trace()) / counts.sum()
    assert wrong == pytest.approx(metrics["test"]["error_percent"], abs=1e-9)


def test_parameters_before_are_those_that_training_began_with(run, monkeypatch):
    folder, metrics, read = run
    system = load_system(folder.parents[1] / "systems" / "small")
    model = system.variants["smooth"].build(sizes=(2, 4, 2)).compile()
    drawn = model.init_parameters(jax.random.fold_in(jax.random.key(metrics["seed"]), 0))
    last = np.load(folder / "params.npz")
    rows = read.tables["parameters"][0][1:]
    weights = next(k for k, row in enumerate(rows) if row[0] == "input->hidden.w")
    first = np.asarray(drawn["input->hidden"]["w"])
    assert rows[weights][3] == shown(float(first.mean()), 4) and rows[weights][1] == "2 × 4"
    [after] = [last[key] for key in last.files if "input->hidden" in key]
    moved = np.linalg.norm(after - first) / np.linalg.norm(first)
    assert rows[weights + 1][7] == f"{moved:.3g}" and moved > 0


def test_pictures_are_inside_and_are_svg(run):
    pytest.importorskip("matplotlib")
    folder, _, read = run
    images = [r for r in read.references if r.startswith("data:")]
    assert len(images) == 5  # curves, state, histograms, two maps
    for image in images:
        head, _, body = image.partition(",")
        assert head == "data:image/svg+xml;base64" and b"<svg" in base64.b64decode(body)[:600]
    assert base64.b64decode(images[0].partition(",")[2]) == (folder / "learning_curve.svg").read_bytes()


def test_without_matplotlib_there_are_tables_and_a_word_on_it(run, tmp_path, monkeypatch):
    folder, _, _ = run
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    system = load_system(folder.parents[1] / "systems" / "small")
    setting = read_experiment(folder / "experiment.toml").changed(epochs=0)
    made = run_experiment(system, setting, tmp_path / "bare", progress=False)
    read = Page((tmp_path / "bare" / "report.html").read_text(encoding="utf-8"))
    assert not [r for r in read.references if r.startswith("data:")] and "state" not in read.tables
    assert 'pip install "physeq[plot]"' in read.texts["learning-curves"]
    assert "no epoch" in read.texts["learning-curves"] and read.tables["parameters"][0][1:]
    rows = read.tables["parameters"][0][1:]
    assert {row[7] for row in rows if row[2] == "after"} == {"0"}
    before = initial_parameters(made.result)
    same = jax.tree.map(lambda a, b: bool((a == b).all()), before, made.result.params)
    assert all(jax.tree.leaves(same))


def test_gradient_agreement_is_told_as_far_as_it_is_there():
    assert agreement_table(None) == [] and agreement_table({"reason": None}) == []
    assert "too large" in str(agreement_table({"reason": "too large"})[0].text)
    [words, table] = agreement_table({"relative_error": 0.25, "cosine": 1.0, "beta": 0.1})
    assert "the exact gradient" in str(words.inlines) and table.rows == ((("all",), ("0.25",), ("0",)),)


def test_counts_are_shaded_by_their_share_of_the_row():
    html = page("x < y", [Part("Counts", [Shaded(np.array([[1, 1], [0, 8]]), "true", "said")])])
    assert "<title>x &lt; y</title>" in html
    assert re.findall(r'rgba\(0,114,178,([0-9.]+)\)">(\d+)', html) == [("0.275", "1"), ("0.275", "1"), ("0.550", "8")]


def test_the_rule_on_it_is_the_one_that_ran(run):
    folder, _, read = run
    formulas = set(re.findall(r'x-tex">([^<]+)<', (folder / "rules.html").read_text(encoding="utf-8")))
    own = set(re.findall(r'x-tex">([^<]+)<', (folder / "report.html").read_text(encoding="utf-8")))
    assert "whole page" in read.texts["rule"] and own <= formulas
    assert any(r"\Delta" in one for one in own)
