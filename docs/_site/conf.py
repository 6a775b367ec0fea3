"""Sphinx's configuration of the documentation site; its sources are made by ``pages.py``.

Everything a page needs is in the site: no font, script, style or picture comes from elsewhere,
so that it can be built and read without a network.
"""

from typing import Any

from sphinx.application import Sphinx

import crewai_hitl_nb

project = "crewai-hitl-nb"
version = release = crewai_hitl_nb.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}

myst_heading_anchors = 4  # `page.md#a-heading`, as code hosts have it
suppress_warnings = ["misc.highlighting_failure"]  # `…` in examples stands for what may come

nb_execution_mode = "off"  # the notebooks were run before, with somebody who answered
nb_merge_streams = True
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # would be fetched; cards are drawn as records
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_class_signature = "separated"
python_display_short_literal_types = True
add_module_names = False

html_theme = "furo"
html_title = project
html_static_path = ["static", "../../js/icons/icon.svg"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_favicon = "../../js/icons/icon.svg"


def setup(app: Sphinx) -> None:
    """Mend what the theme leaves undone, after it has had its turn."""
    app.connect("html-page-context", make_accessible, priority=900)


def make_accessible(
    app: Sphinx, page: str, template: str, context: dict[str, Any], document: object
) -> None:
    """Let code be scrolled by keyboard, and give the sidebar's headings their level."""
    if "body" in context:
        context["body"] = context["body"].replace("<pre", '<pre tabindex="0"')
    navigation = str(context.get("furo_navigation_tree", ""))
    heading = 'role="heading"'
    context["furo_navigation_tree"] = navigation.replace(heading, f'{heading} aria-level="2"')
