"""How wide the parts of a LaTeX page are, and what of it sticks out, for the checker of pages."""

import re

from physeq.report._widths import CODE, math_width, text_width

PAGE = 41.5  # em: 16 cm in an 11 pt face
TOKEN = re.compile(r"\\([a-zA-Z]+)|\\(.)|(.)", re.DOTALL)


def group_end(source: str, start: int) -> int:
    """Behind the brace that closes the one at `start`."""
    depth = 0
    for match in TOKEN.finditer(source, start):
        depth += {"{": 1, "}": -1}.get(match[3] or "", 0)
        if depth == 0:
            return match.end()
    return len(source)


def split(source: str, mark: str) -> list[str]:
    """Parts between marks that stand outside of braces and environments."""
    parts, depth, begin, inside = [], 0, 0, 0
    for match in TOKEN.finditer(source):
        depth += {"{": 1, "}": -1}.get(match[3] or "", 0)
        inside += {"begin": 1, "end": -1}.get(match[1] or "", 0)
        if match[0] == mark and depth == 0 and inside == 0:
            parts.append(source[begin : match.start()])
            begin = match.end()
    return [*parts, source[begin:]]


def columns(spec: str) -> list[float | None]:
    """The columns of a table: a share of the line for those that wrap, None for natural ones."""
    spec = spec.replace(r"@{}", "")
    found: list[float | None] = []
    for match in re.finditer(r">\{[^{}]*\}|p\{([\d.]+)\\linewidth\}|([lcr])", spec):
        if match[1]:
            found.append(float(match[1]))
        elif match[2]:
            found.append(None)
    return found


_BRACED = r"\{((?:[^{}]|\{[^{}]*\})*)\}"
_PIECE = re.compile(rf"\$([^$]*)\$|\\ensuremath{_BRACED}|\\texttt{_BRACED}|([^$\\]+)|\\(?:[a-zA-Z]+(?:\{{\}})?|.)")


def cell_width(cell: str) -> float:
    """A cell on one line."""
    total = 0.0
    for match in _PIECE.finditer(cell):
        mathematics, shown, code, text = match.groups()
        if mathematics or shown:
            total += math_width(mathematics or shown)
        elif code:
            total += CODE * len(re.sub(r"\\allowbreak\{\}|\\(?=[_&%#$])|[{}]", "", code))
        elif text:
            total += text_width(re.sub(r"[{}]|\s+$|^\s+", "", text)) if text.strip() else 0.33
        else:
            total += 0.55  # a sign that has a name, such as \\textless{}
    return total


def equations(source: str) -> list[str]:
    """Displayed equations that would stick out: nothing scales them, and no line break helps."""
    found = []
    for match in re.finditer(r"\\begin\{(equation|align)\*\}\n(.*?)\n\\end\{\1\*\}", source, re.DOTALL):
        if match[2].startswith(r"\fitted"):
            continue
        for row in split(re.sub(r"\\tag\{(?:[^{}]|\{[^{}]*\})*\}", "", match[2]), r"\\"):
            size = math_width(row.replace("&", ""), display=True)
            if size > PAGE:
                line = source.count("\n", 0, match.start()) + 1
                found.append(f"line {line}: a line of an equation is {size:.1f} em wide: {row.strip()[:60]}")
    return found


def typed(source: str) -> list[str]:
    """Lines of typed text, which nothing breaks, that would stick out."""
    found = []
    for number, line in enumerate(source.splitlines(), 1):
        if line.startswith(r"\mbox{}"):
            plain = re.sub(r"\\[a-zA-Z]+\{\}", "x", line.removeprefix(r"\mbox{}").removesuffix(r"\\"))
            size = 0.92 * CODE * len(re.sub(r"\\(?=[{}_&%#$])|(?<!\\)[{}]", "", plain))
            if size > PAGE:
                found.append(f"line {number}: typed text is {size:.1f} em wide: {line[:60]}")
    return found


def in_text(source: str) -> list[str]:
    """Formulas in lines of text that are longer than a line, and that nothing scales."""
    found = []
    for number, line in enumerate(source.splitlines(), 1):
        for formula in re.findall(r"(?<!\\)\$([^$]+)\$", line):
            if (size := math_width(formula)) > 0.9 * PAGE:
                found.append(f"line {number}: a formula in the text is {size:.1f} em wide: {formula[:60]}")
    return found
