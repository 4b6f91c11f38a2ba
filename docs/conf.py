"""Configuration of the documentation site: `python -m sphinx -W docs docs/_build`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import selfvid
from docs.recipe_table import main as write_recipe_table
from docs.reference_pages import write_pages

project = "selfvid"
author = "the selfvid authors"
release = version = selfvid.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
smartquotes = False  # two hyphens are an option, not a dash

# Pages
html_theme = "furo"
html_title = f"selfvid {release}"
html_show_sphinx = False
html_show_sourcelink = False
html_show_copyright = False

myst_heading_anchors = 3  # headings down to ### can be linked to

# The reference
default_role = "code"  # single backticks in docstrings are names
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_class_signature = "separated"
autodoc_default_options = {
    "members": True,
    "show-inheritance": True,
    "ignore-module-all": True,  # what a module takes from another is documented there
}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_attr_annotations = False
napoleon_use_ivar = True  # attributes stand in the text of their class, not as entries of their own

# Pages that are made from the code stand in `docs/` when the build begins.
write_recipe_table()
write_pages(Path(__file__).parent / "reference")
