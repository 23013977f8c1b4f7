"""LaTeX commands that stand for one glyph or one name, as tables of data.

The translator to MathML reads them forwards, and the LaTeX writers read the same tables backwards (Unicode to command),
so that no glyph is known to one writer only.
"""

import unicodedata

_GREEK = """
alpha beta gamma delta zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon chi psi omega
Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
"""


def _greek(name: str) -> str:
    kind = "CAPITAL" if name[0].isupper() else "SMALL"
    return unicodedata.lookup(f"GREEK {kind} LETTER {name.upper().replace('LAMBDA', 'LAMDA')}")


# Letters and other identifiers: <mi>.
LETTERS: dict[str, str] = {name: _greek(name) for name in _GREEK.split()} | {
    "epsilon": "ϵ",
    "varepsilon": "ε",
    "phi": "ϕ",
    "varphi": "φ",
    "vartheta": "ϑ",
    "varrho": "ϱ",
    "varsigma": "ς",
    "varpi": "ϖ",
    "ell": "ℓ",
    "hbar": "ℏ",
    "imath": "ı",
    "jmath": "ȷ",
    "infty": "∞",
    "partial": "∂",
    "nabla": "∇",
    "emptyset": "∅",
    "top": "⊤",
    "Re": "ℜ",
    "Im": "ℑ",
    "ldots": "…",
    "dots": "…",
    "cdots": "⋯",
}

# Operators, relations and delimiters: <mo>.
OPERATORS: dict[str, str] = {
    "to": "→",
    "rightarrow": "→",
    "leftarrow": "←",
    "gets": "←",
    "leftrightarrow": "↔",
    "Rightarrow": "⇒",
    "mapsto": "↦",
    "prime": "′",
    "cdot": "·",
    "times": "×",
    "pm": "±",
    "mp": "∓",
    "ast": "∗",
    "star": "⋆",
    "circ": "∘",
    "odot": "⊙",
    "otimes": "⊗",
    "oplus": "⊕",
    "dagger": "†",
    "perp": "⊥",
    "parallel": "∥",
    "mid": "∣",
    "in": "∈",
    "notin": "∉",
    "subset": "⊂",
    "subseteq": "⊆",
    "cup": "∪",
    "cap": "∩",
    "setminus": "∖",
    "forall": "∀",
    "exists": "∃",
    "wedge": "∧",
    "vee": "∨",
    "neg": "¬",
    "lt": "<",
    "gt": ">",
    "le": "≤",
    "leq": "≤",
    "ge": "≥",
    "geq": "≥",
    "ll": "≪",
    "gg": "≫",
    "ne": "≠",
    "neq": "≠",
    "approx": "≈",
    "sim": "∼",
    "equiv": "≡",
    "propto": "∝",
    "colon": ":",
    "vert": "|",
    "lvert": "|",
    "rvert": "|",
    "Vert": "‖",
    "lVert": "‖",
    "rVert": "‖",
    "langle": "⟨",
    "rangle": "⟩",
    "lfloor": "⌊",
    "rfloor": "⌋",
    "lceil": "⌈",
    "rceil": "⌉",
    "lbrace": "{",
    "rbrace": "}",
    "{": "{",
    "}": "}",
    "|": "‖",
    "_": "_",
    "%": "%",
    "#": "#",
    "&": "&",
    "$": "$",
}

# Operators whose limits stand below and above.
LARGE_OPERATORS: dict[str, str] = {"sum": "∑", "prod": "∏", "int": "∫", "oint": "∮", "bigcup": "⋃"}

# Accents over one argument.
ACCENTS: dict[str, str] = {
    "dot": "˙",
    "ddot": "¨",
    "hat": "^",
    "widehat": "^",
    "bar": "¯",
    "overline": "¯",
    "tilde": "~",
    "widetilde": "~",
    "vec": "→",
}

# Function names set upright.
_NAMES = "arccos arcsin arctan arg cos cosh cot coth csc det dim exp inf lim log ln max min sec sin sinh sup tan tanh"
NAMES = frozenset(_NAMES.split())

# Commands that choose a style of letters, with the words of Unicode's names of such letters ("" = upright).
STYLES: dict[str, str] = {
    "mathrm": "",
    "operatorname": "",
    "mathit": "",
    "mathbf": "MATHEMATICAL BOLD",
    "boldsymbol": "MATHEMATICAL BOLD ITALIC",
    "mathcal": "MATHEMATICAL SCRIPT",
    "mathscr": "MATHEMATICAL SCRIPT",
    "mathbb": "MATHEMATICAL DOUBLE-STRUCK",
    "mathsf": "MATHEMATICAL SANS-SERIF",
}

# Spaces, in em; MathML shows none for 0.
SPACES: dict[str, float] = {
    ",": 0.17,
    ":": 0.22,
    ";": 0.28,
    "!": 0.0,
    " ": 0.25,
    "thinspace": 0.17,
    "quad": 1.0,
    "qquad": 2.0,
    "displaystyle": 0.0,
    "nolimits": 0.0,
    "limits": 0.0,
}

# Unicode to LaTeX, for user text and for symbol names that hold the glyph itself.
# The last of several commands for a glyph would win; the shorter or more usual one is put back by hand.
COMMAND_OF: dict[str, str] = {
    glyph: name for table in (OPERATORS, LETTERS) for name, glyph in table.items() if ord(glyph) > 127
} | {
    "→": "to",
    "≤": "le",
    "≥": "ge",
    "≠": "ne",
    "‖": "Vert",
    "…": "dots",
    "∑": "sum",
    "∏": "prod",
    "∫": "int",
    "←": "leftarrow",
    "µ": "mu",
    "Ω": "Omega",
    "⋅": "cdot",
}
