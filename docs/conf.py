"""How Sphinx builds the documentation: `make docs`.

Sphinx reads the Markdown pages through MyST, and the docstrings and the command line through the
two extensions in `extensions/`.
"""

import sys
from pathlib import Path

import rfssm

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "extensions"))

project = "rfssm"
author = "The rfssm developers"
project_copyright = "The rfssm developers, Apache-2.0"
release = version = rfssm.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "docstrings", "commands"]
exclude_patterns = ["extensions"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
suppress_warnings: list[str] = []

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {
    name: name for name in ("ArrayLike", "LaneChoice", "NetworkLike", "SamplesLike")
}
python_maximum_signature_line_length = 80

html_theme = "furo"
html_title = "rfssm"
html_theme_options = {"sidebar_hide_name": False}
