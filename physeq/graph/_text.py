"""Wording shared by the error messages of this package."""

import difflib
from collections.abc import Iterable, Sequence

_SEARCHED_LABELS = 5000  # difflib is quadratic in the length of a label; an error need not search a million of them


def listed(values: Iterable[object], limit: int = 5) -> str:
    """Join the reprs of `values`, the first `limit` of them, and say how many more there are.

    >>> listed(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more"
    """
    values = list(values)
    text = ", ".join(repr(value) for value in values[:limit])
    return text if len(values) <= limit else f"{text} and {len(values) - limit} more"


def near_matches(wanted: object, known: Sequence[object], limit: int = 3) -> list[object]:
    """The entries of `known` whose text is closest to that of `wanted`, best first.

    Texts are compared, so that the string "3" finds the integer 3: files often turn one into the other.

    >>> near_matches("hiden", ["input", "hidden", "output"])
    ['hidden']
    >>> near_matches("3", [1, 2, 3])
    [3]
    """
    by_text = {str(value): value for value in known[:_SEARCHED_LABELS]}
    found = difflib.get_close_matches(str(wanted), list(by_text), n=limit, cutoff=0.6)
    return [by_text[text] for text in found]
