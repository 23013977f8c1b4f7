"""Symbols: identity, what rides along, LaTeX, and what a declaration refuses."""

import copy
import pickle

import pytest
import sympy as sp

from physeq.errors import ModelError
from physeq.symbolic import Constant, Normal, Uniform, coordinate, parameter, signal, target, time
from physeq.symbolic.symbols import latex_word, local_symbol


def test_two_coordinates_of_one_name_are_one():
    assert coordinate("s") == coordinate("s")
    assert coordinate("s").source.dot == coordinate("s").source.dot
    assert coordinate("s").source - coordinate("s").source == 0


def test_ports_orders_and_names_tell_symbols_apart():
    s = coordinate("s")
    family = {s, s.dot, s.dot.dot, s.source, s.target, s.source.dot, s.target.dot, s.at("gate"), coordinate("r")}
    assert len(family) == 9
    assert s.source.dot == s.dot.source
    assert s.source.dot.with_order(0) == s.source and s.source.at(None) == s
    assert (s.source.dot.port, s.source.dot.order, s.source.dot.coordinate) == ("source", 1, s)


def test_a_coordinate_is_not_a_parameter_of_the_same_name():
    names = [coordinate("x"), parameter("x"), signal("x"), target("x"), sp.Symbol("x", real=True)]
    assert len(set(names)) == 5
    assert sum(names).free_symbols == set(names)


@pytest.mark.parametrize(
    "other",
    [
        parameter("g", positive=True),
        parameter("g", bounds=(-1, 2)),
        parameter("g", shared=True),
        parameter("g", trainable=False),
        parameter("g", initial=Uniform(0, 1)),
    ],
)
def test_parameters_that_differ_in_what_rides_along_do_not_merge(other):
    plain = parameter("g")
    assert plain != other and plain - other != 0


def test_rates_have_names_of_their_own():
    phi = coordinate("phi", rate="v")
    assert (phi.key(), phi.key(1), coordinate("q").key(1)) == ("phi", "v", "q_dot")
    assert phi != coordinate("phi")
    assert phi.dot.latex_name == "v" and phi.dot.dot.latex_name == r"\dot{v}"
    assert phi.source.dot.latex_name == "v_{i}" and phi.latex_name == r"\phi"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("v", "v"),
        ("theta", r"\theta"),
        ("gate", r"\mathrm{gate}"),
        ("v_in", r"v_{\mathrm{in}}"),
        ("w_i", "w_{i}"),
        ("g_a_b", r"g_{\mathrm{a b}}"),
    ],
)
def test_latex_of_names(word, expected):
    assert latex_word(word) == expected


def test_a_positive_parameter_is_positive_and_bounded():
    g = parameter("g", positive=True)
    assert g.is_positive and (g.lower, g.upper) == (0.0, float("inf")) and g.bounded
    assert sp.sqrt(g**2) == g
    w = parameter("w")
    assert w.is_real and w.is_positive is None and not w.bounded


def test_default_starts():
    assert parameter("g", positive=True).initial == Constant(1.0)
    assert parameter("g", positive=True, bounds=(None, 0.5)).initial == Constant(0.5)
    assert parameter("w").initial == Normal(0.0, 0.1)
    assert parameter("w", initial=3).initial == Constant(3.0)


@pytest.mark.parametrize("make", [coordinate, parameter, signal, target])
@pytest.mark.parametrize("name", ["", "two words", "1st", "a.b", None])
def test_names_must_be_identifiers(make, name):
    with pytest.raises(ModelError, match="name must be a Python identifier"):
        make(name)


def test_third_derivatives_are_refused():
    with pytest.raises(ModelError, match="at most second derivatives"):
        _ = coordinate("s").dot.dot.dot


def test_parameters_keep_their_own_words_beside_others_of_the_same_name():
    """SymPy's cache gives back terms that compare equal, with the symbols that they were first made of."""
    q = coordinate("q")
    bare = sp.tanh(parameter("b") * q)
    told = sp.tanh(parameter("b", description="bias", unit="V") * q)
    (b,) = (a for a in told.atoms(sp.Symbol) if a.name == "b")
    assert (b.description, b.unit) == ("bias", "V") and bare != told


def test_crossed_bounds_and_starts_outside_are_refused():
    with pytest.raises(ModelError, match=r"'w': the lower bound 2.0 must lie below"):
        parameter("w", bounds=(2, 1))
    with pytest.raises(ModelError, match=r"initial value -1.0 lies outside its bounds"):
        parameter("g", positive=True, initial=-1)


def test_symbols_survive_copies_and_refuse_pickles():
    s = coordinate("s")
    assert copy.copy([s]) == [s]
    with pytest.raises(TypeError, match=r"rebuild the system from its model\.py"):
        pickle.dumps(s)


def test_local_symbols_are_known_by_name_and_latex():
    assert local_symbol("H1@a", "H_1") == local_symbol("H1@a", "H_1") != local_symbol("H1@b", "H_1")
    assert time.is_real and time != local_symbol("t", "t")
