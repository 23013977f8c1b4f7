"""Pages of all systems: every symbol once in every format, LaTeX that TeX takes, steps and places of every rule."""

import re
import shutil
import subprocess
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from latex_checker import problems

from physeq.documented_rules import pages_of, source
from physeq.loading import load_system
from physeq.registry import registry
from physeq.report import Section, Table
from physeq.report._procedure import PROCEDURE
from physeq.report._references import references
from physeq.report._relations import Change
from physeq.report._rule_operators import At
from physeq.report._rule_phases import LOCALITY
from physeq.report.document import Equation, Steps

SYSTEMS = Path(__file__).parents[3] / "systems"
FOLDERS = sorted(path.parent.name for path in SYSTEMS.glob("*/model.py"))
VARIANTS = [(name, variant) for name in FOLDERS for variant in load_system(str(SYSTEMS / name)).variants]
# One of every system, among them all rules; the others take half a minute more.
SHOWN = dict(reversed(VARIANTS)) | {"hopfield": "prototypical", "oscillators": "kuramoto"}
CASES = [
    pytest.param(*case, marks=() if SHOWN[case[0]] == case[1] else pytest.mark.slow, id=":".join(case))
    for case in VARIANTS
]
over_variants = pytest.mark.parametrize(("name", "variant"), CASES)


@cache
def made(name, variant):
    """The pages of a variant."""
    chosen = load_system(str(SYSTEMS / name)).variants[variant]
    system = chosen.build()
    if chosen.trajectories is None:
        return pages_of(f"{name}, {variant}", system.derive())
    model = chosen.trajectories(system)
    return pages_of(f"{name}, {variant}", model.derived(), model)


def documents(name, variant):
    """{name: page} of a variant, that of the physics first."""
    pages = made(name, variant)
    return {"page": pages.system, **pages.rules}


# Symbols --------------------------------------------------------------------------------------------------------------


class Cells(HTMLParser):
    """The first cell of every row of the table of symbols."""

    def __init__(self, page):
        super().__init__()
        self.inside = self.first = self.annotation = False
        self.found = []
        self.feed(page[page.index('<section id="symbols">') :])

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.first = True
        if tag == "annotation" and self.first:
            self.annotation = True
            self.found.append("")

    def handle_endtag(self, tag):
        if tag == "td":
            self.first = False
        if tag == "annotation":
            self.annotation = False

    def handle_data(self, data):
        if self.annotation:
            self.found[-1] += data


def in_markdown(text):
    rows = text[text.index("## Symbols") :].splitlines()[4:]
    return [row.split(" | ")[0].removeprefix("| ") for row in rows if row.startswith("|")]


def in_latex(source):
    table = source[source.index(r"\section{Symbols}") : source.index(r"\end{longtable}", source.index("{Symbols}"))]
    return [row.split(" & ")[0] for row in table[table.index(r"\endhead") :].splitlines()[1:] if row.startswith("{} ")]


@pytest.mark.quick(
    "diode_rectifier:half-wave",
    "hamiltonian_network:recurrent",
    "josephson_array:single",
    "lc_network:terminated",
    "memristor_crossbar:single",
    "oscillator_chain:lossless",
    "pendulum_array:row",
    "pendulums:double",
    "resistor_network:linear",
    "rlc_ladder:pulse",
    "spring_network:triangular",
)
@over_variants
def test_every_symbol_is_explained_exactly_once(name, variant):
    for which, page in documents(name, variant).items():
        page.check()
        if not page.symbols:
            continue
        html, markdown, latex = page.to_html(), page.to_markdown(), page.to_latex()
        for read, text in ((lambda text: Cells(text).found, html), (in_markdown, markdown), (in_latex, latex)):
            rows = read(text)
            assert len(rows) == len(page.symbols), which
            assert not [row for row, count in Counter(rows).items() if count > 1], which


# LaTeX ----------------------------------------------------------------------------------------------------------------


@over_variants
def test_latex_is_what_tex_takes(name, variant):
    found = {which: problems(page.to_latex()) for which, page in documents(name, variant).items()}
    assert not {which: told for which, told in found.items() if told}


def compiled(source, folder):
    """What pdflatex says of a page: errors, and warnings that a reader would see."""
    (folder / "page.tex").write_text(source)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    for _ in range(2):  # the second run knows the widths of tables
        run = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        log = (folder / "page.log").read_text(errors="replace")
        if run.returncode:
            return [line for line in log.splitlines() if line.startswith("!")]
    wide = [float(size) for size in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    told = [f"overfull by {size} pt" for size in wide if size > 10]
    told += re.findall(r"LaTeX Warning: (?:Reference|Citation|Label|There were).*", log)
    return told + re.findall(r"Missing character.*", log)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX is installed")
@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_pdflatex_compiles_every_page(name, variant, tmp_path):
    found = {which: compiled(page.to_latex(), tmp_path) for which, page in documents(name, variant).items()}
    assert not {which: told for which, told in found.items() if told}


# Rules ----------------------------------------------------------------------------------------------------------------


def sections(blocks):
    """All sections, those inside others too."""
    for block in blocks:
        if isinstance(block, Section):
            yield block
            yield from sections(block.blocks)


@over_variants
def test_every_rule_tells_its_steps(name, variant):
    for which, page in made(name, variant).rules.items():
        found = [section for section in sections(page.blocks) if section.title == PROCEDURE]
        assert len(found) == 1, which
        [steps] = found[0].blocks
        assert isinstance(steps, Steps) and len(steps.items) >= 2, which
        text = page.to_markdown()
        told = text[text.index(PROCEDURE) :]
        assert "{" not in re.sub(r"\$[^$]*\$", "", told[: told.index("\n## ")]), which
        assert "For every" in told and ("\\leftarrow" in told or "Keep the parameters" in told), which


@over_variants
def test_every_parameter_that_moves_has_its_place(name, variant):
    """Each row of the locality tables says what is measured, where, in which phases, and what is stored."""
    for which, page in made(name, variant).rules.items():
        tables = [b for s in sections(page.blocks) if s.title == LOCALITY for b in s.blocks if isinstance(b, Table)]
        rows = [row for table in tables for row in table.rows if len(row) >= 6]
        for row in rows:
            assert all(cell and cell != ("",) for cell in row), which
        learning = next(s for s in page.blocks if isinstance(s, Section) and s.title.startswith("Learning"))
        updates = [b for b in learning.blocks if isinstance(b, Equation) and b.label == "update"]
        assert not updates or rows or "readout" in page.to_markdown(), which


@over_variants
def test_every_update_says_what_it_measures(name, variant):
    for which, page in made(name, variant).rules.items():
        for section in sections(page.blocks):
            for block in section.blocks:
                if isinstance(block, Equation) and isinstance(block.lhs, Change | At):
                    told = "".join(part for part in block.note or () if isinstance(part, str))
                    # The step in front of a sum of steps says it, and so do those of single parameters.
                    general = block.label in ("over the phase", "every step")
                    assert general or re.match(r"(half )?(the|a|its) \w+", told), (which, block)


def test_readings_are_those_of_the_physics():
    """By hand, for terms whose physics is known."""
    told = made("resistor_network", "linear").rules["equilibrium-propagation"].to_markdown()
    assert "half the square of the voltage drop across the resistor, in the positive less the negative phase" in told
    told = made("hopfield", "prototypical").rules["vector-field-ep"].to_markdown()
    assert "the response of the state of a unit at the target times the state of a unit at the source" in told
    told = made("oscillator_chain", "lossless").rules["lagrangian-ep"].to_markdown()
    assert "the square of the difference of position along x across the spring, integrated over time" in told
    told = made("oscillators", "kuramoto").rules["equilibrium-propagation"].to_markdown()
    assert "the cosine of the phase difference across the phase coupling" in told


def test_the_systems_shown_by_default_have_every_rule():
    held = {rule for name, variant in SHOWN.items() for rule in made(name, variant).rules}
    assert held == set(registry()["rule"])


# Sources --------------------------------------------------------------------------------------------------------------


def test_every_source_is_cited_in_full():
    for name, kind in registry()["rule"].items():
        if (text := source(kind)) is not None:
            found = references(text)
            assert found, name
            assert len(re.findall(r"arXiv:", text)) == len([r for r in found if r.eprint and r.title]), name
    page = made("resistor_network", "linear").system.to_markdown()
    cited = page[page.index("## How to cite") : page.index("## Symbols")]
    keys = re.findall(r"^@\w+\{(\w+),$", cited, re.MULTILINE)
    assert len(keys) == len(set(keys)) > 8 and keys[-1] == "physeq" and "scellier2017equilibrium" in keys
    assert cited.count("{") == cited.count("}")
    assert "Benjamin Scellier and Yoshua Bengio (2017)" in cited
