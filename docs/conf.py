"""Sphinx settings: strict (`-W`) and offline (no intersphinx, no scripts or fonts from elsewhere)."""

import os
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # document this tree, installed or not
sys.path.insert(0, str(HERE / "_ext"))
# The same tree for the kernels that execute notebooks, on the processor that the numbers of the pages are from.
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
os.environ.setdefault("JAX_PLATFORMS", "cpu")

project = "physeq"
author = "the physeq developers"
copyright = author
release = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_nb",
    "mathml",
    "plain_docstrings",
    "components",
    "gallery",
    "command_line",
]
exclude_patterns = ["_build", "_ext"]

# Mathematics: TeX in the sources, MathML in the pages (docs/_ext/mathml.py).
html_math_renderer = "mathml"
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Notebooks and executable pages run at every build; one that fails breaks the build.
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_output_stderr = "remove"  # what libraries say about the machine
nb_ipywidgets_js = {}  # its default is two scripts from a content network

# Docstrings are plain text with `code` and Google sections.
default_role = "code"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # fields of dataclasses once, in the list of the class
napoleon_use_rtype = False
napoleon_attr_annotations = False
autodoc_member_order = "groupwise"
autodoc_typehints = "none"
autodoc_default_options = {"members": True, "imported-members": True}

html_theme = "furo"
html_title = f"physeq {release}"
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_css_files = ["site.css", "gallery.css"]
html_copy_source = False
html_show_sourcelink = False
