"""Sphinx extension: docstrings are plain text with `code`, not reStructuredText.

Physics is full of characters that reStructuredText reads as markup: |x|, s*, H_, (*batch, nodes). Outside of code they
are escaped; *emphasis* and **strong** words stay. Objects that a package imports from elsewhere are left out.
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx

_CODE = re.compile(r"(``.+?``|`[^`]+`)")
_EMPHASIS = re.compile(r"((?<![\w*(])\*{1,2}\w(?:[\w ,-]*\w)?\*{1,2}(?![\w*]))")
_MARKUP = re.compile(r"[*|\\]|(?<=\w)_(?!\w)")


def escape_line(line: str) -> str:
    r"""Escape the markup in one line of prose.

    >>> print(escape_line("the norm |x| of `|x|` in (*batch, nodes) is *not* H_, all `x`s"))
    the norm \|x\| of `|x|` in (\*batch, nodes) is *not* H\_, all `x`\ s
    """
    pieces = _CODE.split(line)
    for index in range(0, len(pieces), 2):  # odd pieces are code
        words = _EMPHASIS.split(pieces[index])
        words[::2] = [_MARKUP.sub(lambda match: "\\" + match.group(), word) for word in words[::2]]
        # Code must not touch a letter: an escaped space is none on the page.
        joined = index > 0 and words[0][:1].isalnum()
        pieces[index] = ("\\ " if joined else "") + "".join(words)
    return "".join(pieces)


def escape_lines(lines: list[str]) -> list[str]:
    """Escape a docstring, leaving doctests (to the next empty line) and indented blocks after `::` as they are."""
    result, in_doctest, literal = [], False, -1
    for line in lines:
        text, indent = line.strip(), len(line) - len(line.lstrip())
        in_doctest = bool(text) and (in_doctest or text.startswith(">>>"))
        if text and literal >= 0 and indent <= literal:
            literal = -1
        verbatim = in_doctest or literal >= 0
        result.append(line if verbatim else escape_line(line))
        if not verbatim and text.endswith("::"):
            literal = indent
    return result


def _process(app, what, name, obj, options, lines) -> None:
    lines[:] = escape_lines(lines)


def _skip(app, what, name, obj, skip, options) -> bool | None:
    """Of what a package imports, document only what is its own."""
    documented = app.env.current_document.get("autodoc:module") or app.env.ref_context.get("py:module", "")
    origin = getattr(obj, "__module__", None)
    if what == "module" and documented and isinstance(origin, str):
        return None if f"{origin}.".startswith(f"{documented}.") else True
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both hooks; the escape runs before napoleon (priority 500)."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", _process, priority=400)
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
