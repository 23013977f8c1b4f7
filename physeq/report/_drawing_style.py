"""How the roles of marks look: one palette for SVG and TikZ, colour-blind safe, with dashes that tell kinds apart."""

from __future__ import annotations

INK, PAPER, QUIET = "ink", "paper", "quiet"

# name: (on light paper, on dark paper). Kinds of elements have the colours of Okabe and Ito, darkened for thin lines.
COLOURS = {
    INK: ("1d2125", "e4e7ea"),
    PAPER: ("fdfdfc", "15181b"),
    QUIET: ("59626b", "a0a9b2"),
    "held": ("dfe4e8", "363d44"),
    "input": ("cfe4f6", "17405f"),
    "output": ("fbdcc4", "5a3316"),
    "kind0": ("5c666f", "9aa5af"),
    "kind1": ("0067a3", "5db4ee"),
    "kind2": ("b84a00", "f09a5a"),
    "kind3": ("00735a", "3ecfa0"),
    "kind4": ("93458c", "dd9ad6"),
    "kind5": ("7d6200", "e0c050"),
}
KINDS = 6
DASHES = {1: (6.0, 3.0), 2: (1.5, 2.5), 3: (8.0, 2.5, 1.5, 2.5), 4: (12.0, 3.0), 5: (8.0, 2.5, 1.5, 2.5, 1.5, 2.5)}
GROUP_DASHES = {1: (3.0, 2.0), 2: (1.0, 1.5), 3: (5.0, 2.0, 1.0, 2.0)}

# A role that fills a closed mark, first match counts; what has none of them is filled with paper.
FILLS = ("input", "output", "held")
STROKES = {
    "node": 1.3,
    "outline": 1.3,
    "inner": 1.0,
    "block": 1.3,
    "element": 1.1,
    "edge": 1.2,
    "symbol": 1.2,
    "faint": 0.7,
}


def fill(roles: tuple[str, ...]) -> str:
    """The colour inside a closed mark.

    >>> fill(("node", "output")), fill(("node",)), fill(("arrow", "kind1"))
    ('output', 'paper', 'kind1')
    """
    if "arrow" in roles or "dot" in roles:
        return stroke(roles)
    return next((role for role in FILLS if role in roles), PAPER)


def stroke(roles: tuple[str, ...]) -> str:
    """The colour of a line, or of a text."""
    if "plate" in roles:
        return PAPER
    kind = next((role for role in roles if role.startswith("kind")), None)
    return kind if kind is not None else QUIET if "quiet" in roles else INK


def line_width(roles: tuple[str, ...]) -> float:
    """The width of a line in pixels.

    >>> line_width(("edge", "kind0", "faint")), line_width(("node",))
    (0.7, 1.3)
    """
    return min((STROKES[role] for role in roles if role in STROKES), default=1.0)


def dash(roles: tuple[str, ...]) -> tuple[float, ...]:
    """Lengths of dashes and gaps in pixels, () for a whole line."""
    for role in roles:
        if role.startswith("kind") and "arrow" not in roles:
            return DASHES.get(int(role[4:]), ())
        if role.startswith("group") and role[5:].isdigit():
            return GROUP_DASHES.get(int(role[5:]), ())
    return ()
