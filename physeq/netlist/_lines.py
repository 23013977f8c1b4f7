"""The lines of a netlist: title, comments, continuations, and the tokens of a line."""

from __future__ import annotations

import re

from physeq.netlist._problems import Fault, Line, Problems

_END_OF_LINE_COMMENT = re.compile(r";.*|(?:^|(?<=\s))(?:\$(?=\s|$)|//).*", re.DOTALL)
_TOKEN = re.compile(r"\{[^{}]*\}|'[^']*'|[=()]|[^\s,=(){}']+")
_ELEMENT = re.compile(r"[rclkvidefghx]\d+\s+\S+\s+\S+\s+\S+", re.IGNORECASE)


def logical_lines(text: str, problems: Problems) -> tuple[str, list[Line]]:
    """The title and the other lines up to `.end`, without comments, with continuations (`+`) joined.

    The first line is the title, whatever it holds. Comments are lines that start with `*`, and what follows `;`, a
    `$` that stands alone or `//`.

    >>> logical_lines("divider\\nR1 in out 1k ; series\\n* note\\n+ ic=0\\n", Problems("text"))
    ('divider', [Line(number=2, text='R1 in out 1k ic=0')])
    """
    raw = text.splitlines()
    title = raw[0].strip() if raw else ""
    if _ELEMENT.match(title):
        problems.note(1, "the first line is the title of a netlist; this one looks like an element and is not read")
    parts: list[tuple[int, list[str]]] = []
    for number, physical in enumerate(raw[1:], start=2):
        line = physical.strip()
        if not line or line[0] == "*":
            continue
        if ";" in line or "$" in line or "//" in line:
            line = _END_OF_LINE_COMMENT.sub("", line).strip()
            if not line:
                continue
        if line[0] == "+":
            if parts:
                parts[-1][1].append(line[1:].strip())
            else:
                problems.add(number, physical.strip(), "continues a line, but there is none before it")
        elif line.lower() == ".end":
            if rest := [n for n, later in enumerate(raw[number:], start=number + 1) if later.strip()]:
                problems.note(rest[0], "stands behind .end and is not read, nor is what follows")
            break
        else:
            parts.append((number, [line]))
    return title, [Line(number, pieces[0] if len(pieces) == 1 else " ".join(pieces)) for number, pieces in parts]


def tokens(text: str) -> list[str]:
    """The tokens of a line: words, `=`, parentheses, and expressions in braces or quotes as one token each.

    >>> tokens("V1 in 0 PULSE(0 5, 1n) IC = {2 * a}")
    ['V1', 'in', '0', 'PULSE', '(', '0', '5', '1n', ')', 'IC', '=', '{2 * a}']
    """
    found = _TOKEN.findall(text)
    if ("{" in text or "}" in text or "'" in text) and (
        text.count("'") % 2 or sum(token[0] == "{" for token in found) != max(text.count("{"), text.count("}"))
    ):
        raise Fault("a brace or quote has no partner; write expressions as {...} or '...'")
    return found


def keywords(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """Split tokens into the positional ones and the `key=value` pairs, keys in lower case.

    >>> keywords(["R1", "a", "b", "1k", "M", "=", "2"])
    (['R1', 'a', 'b', '1k'], {'m': '2'})
    """
    if "=" not in words:
        return words, {}
    positional: list[str] = []
    pairs: dict[str, str] = {}
    at = 0
    while at < len(words):
        if at + 1 < len(words) and words[at + 1] == "=":
            key = words[at].lower()
            if at + 2 >= len(words) or words[at + 2] in ("=", "(", ")"):
                raise Fault(f"{words[at]}= has no value")
            if key in pairs:
                raise Fault(f"{words[at]}= stands twice")
            pairs[key] = words[at + 2]
            at += 3
        elif words[at] == "=":
            raise Fault("'=' has no name before it")
        else:
            positional.append(words[at])
            at += 1
    return positional, pairs
