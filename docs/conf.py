"""Configuration of the documentation."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from sctflow import __version__

project = "sctflow"
author = "The sctflow developers"
copyright = author
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "from_code"]
myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "_ext"]
smartquotes = False
# Offline: the pages load nothing from elsewhere but MathJax, for the formulae.
html_theme = "furo"
html_title = f"sctflow {__version__}"
html_show_copyright = False

autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
