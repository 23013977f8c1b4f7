"""The document model: what it accepts, what it refuses, and what its plain-data form holds."""

import json

import pytest
import sympy as sp

from physeq.errors import InternalError
from physeq.report import (
    Bullets,
    Code,
    Document,
    Equation,
    Math,
    Note,
    Paragraph,
    Preformatted,
    Section,
    Steps,
    SymbolEntry,
    Table,
    Warning,
)
from physeq.report._check import expressions, symbols_of

x, y = sp.symbols("x y")
i, j, n = sp.symbols("i j n", integer=True)
v, w = sp.IndexedBase("v"), sp.IndexedBase("w^{(a)}")


def page(*blocks, symbols=()):
    entries = [entry if isinstance(entry, SymbolEntry) else SymbolEntry(entry, "meaning") for entry in symbols]
    return Document("Page", blocks, entries)


def test_every_place_of_a_page_is_searched_for_symbols():
    places = sp.symbols("a b c d e f g h k p m o")
    a, b, c, d, e, f, g, h, k, p, m, o = places
    document = page(
        Section("S", [Paragraph(["text ", Math(a)]), Section("T", [Equation(b, c, note=[Math(d)])])]),
        Table(["h", e], [["x", [f, " and ", g]]]),
        Steps(["first", Steps([h]), Bullets([[Math(k)]])]),
        Note([Math(p)]),
        Warning(Math(m)),
        symbols=[SymbolEntry(x, "meaning", domain=o > 0)],
    )
    assert {symbol for expr in expressions(document) for symbol in symbols_of(expr)} == set(places)
    with pytest.raises(InternalError, match=r"symbols .*'a'.*'o' are missing"):
        document.check()


def test_a_complete_table_passes_and_the_sum_needs_its_index_and_bound():
    equation = Equation(v[i], sp.Sum(w[i, j] * v[j], (j, 1, n)))
    page(equation, symbols=[v[i], w, i, j, n]).check()
    with pytest.raises(InternalError, match=r"symbol 'n' \(integer=True\) is missing"):
        page(equation, symbols=[v, w, i, j]).check()
    with pytest.raises(InternalError, match=r"symbols 'i' .*, 'j' .* are missing"):
        page(equation, symbols=[v, w, n]).check()


def test_an_undefined_function_needs_an_entry_and_a_named_one_does_not():
    energy = sp.Function("E")
    page(Equation(energy(x), sp.tanh(x)), symbols=[energy, x]).check()
    page(Equation(energy(x), sp.tanh(x)), symbols=[energy(x), x]).check()
    with pytest.raises(InternalError, match="'E' is missing"):
        page(Equation(energy(x), sp.tanh(x)), symbols=[x]).check()


def test_an_index_object_does_not_demand_its_range():
    index = sp.Idx("i", sp.Symbol("N", integer=True))
    page(Equation(v[index]), symbols=[v, index]).check()
    page(Equation(v[index]), symbols=[v, i]).check()  # entered by its label


def test_repeated_entries_are_refused():
    with pytest.raises(InternalError, match="'x' is more than once"):
        page(Equation(x), symbols=[x, x]).check()
    with pytest.raises(InternalError, match="'v' is more than once"):
        page(Equation(v[1]), symbols=[v[i], v, i]).check()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (sp.Symbol("x"), sp.Symbol("x", positive=True)),
        (sp.Symbol("v_i"), sp.Symbol("v_{i}")),
        (sp.Symbol("beta"), sp.Symbol(r"\beta")),
        (sp.Symbol("β"), sp.Symbol("beta")),
        (sp.Symbol("xdot"), sp.Symbol(r"\dot{x}")),
        (sp.IndexedBase("E"), sp.Function("E")),
    ],
)
def test_symbols_that_look_alike_are_refused(one, other):
    with pytest.raises(InternalError, match="look alike when printed"):
        page(symbols=[one, other]).check()


def test_look_alikes_are_told_apart_by_their_assumptions_in_the_message():
    with pytest.raises(InternalError, match=r"'x' and 'x' \(positive=True\) look alike"):
        page(symbols=[x, sp.Symbol("x", positive=True)]).check()


@pytest.mark.parametrize("format", ["to_dict", "to_markdown", "to_latex", "to_html"])
def test_every_writer_checks_first(format):
    with pytest.raises(InternalError, match="'x' is missing"):
        getattr(page(Equation(x)), format)()


@pytest.mark.parametrize("value", [r"\frac{a}{b}", None, [x]])
def test_equations_hold_expressions_and_never_text(value):
    with pytest.raises(InternalError, match="must hold a SymPy expression"):
        Equation(value)


def test_text_refuses_other_objects_and_tables_ragged_rows():
    with pytest.raises(InternalError, match="document text must be"):
        Paragraph([object()])
    with pytest.raises(InternalError, match="has 1 cells, its header has 2"):
        Table(["a", "b"], [["c"]])
    with pytest.raises(InternalError, match="which is no symbol"):
        page(symbols=[SymbolEntry(x + y, "a sum")]).check()
    with pytest.raises(InternalError, match="has no meaning"):
        SymbolEntry(x, "")


def test_true_equations_stay_equations():
    assert Equation(x, x).sides == (x, x)
    assert Equation(sp.Eq(x, y)).sides == (x, y)
    assert Equation(x, 0).rhs is sp.S.Zero


def test_documents_are_values():
    blocks = [Paragraph("a")]
    document = Document("t", blocks)
    blocks.append(Paragraph("b"))
    assert document == Document("t", [Paragraph(["a"])]) and hash(document) == hash(Document("t", [Paragraph("a")]))


def test_plain_data_survives_json_and_holds_both_forms_of_an_expression():
    document = page(
        Section("S", [Equation(y, x**2 / 2, label="e", note="why")]),
        Table(["q"], [[Code("in->out")]]),
        Steps(["a", Bullets([x])]),
        Preformatted("p"),
        Warning("w"),
        symbols=[SymbolEntry(x, "state", "V", x > 0), y],
    )
    data = json.loads(json.dumps(document.to_dict()))
    section, table, steps, preformatted, warning = data["blocks"]
    assert data["schema"] == 1 and data["title"] == "Page"
    equation = section["blocks"][0]
    assert equation["sides"] == [{"latex": "y", "text": "y"}, {"latex": r"\frac{x^{2}}{2}", "text": "x**2/2"}]
    assert (equation["label"], equation["note"]) == ("e", ["why"])
    assert table["rows"] == [[[{"code": "in->out"}]]]
    assert steps["items"][1] == {"type": "bullets", "items": [{"type": "item", "text": [{"latex": "x", "text": "x"}]}]}
    assert preformatted == {"type": "preformatted", "text": "p"} and warning["type"] == "warning"
    assert data["symbols"][0]["unit"] == ["V"] and data["symbols"][0]["domain"][0]["text"] == "x > 0"
    assert data["symbols"][1]["unit"] is None
