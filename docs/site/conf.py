# SPDX-License-Identifier: MIT
#
# conf.py -- Sphinx's settings, for the site and for the manual. stage.py copies it beside the pages, with about.json.
import json
import os
import re

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "about.json"), encoding="utf-8") as f:
    about = json.load(f)

project = "weft"
author = "the weft authors"
copyright = f"{author}; MIT license"
version = release = about["version"]
extensions = ["myst_parser"]
exclude_patterns = ["about.json"]
highlight_language = "text"
smartquotes = False
myst_heading_anchors = 6
suppress_warnings = ["toc.excluded", "misc.highlighting_failure"]

html_theme = "alabaster"
html_theme_options = {
    "description": "futures and executors in C",
    "page_width": "1180px",
    "sidebar_width": "230px",
    "body_max_width": "none",
    "fixed_sidebar": True,
    "show_powered_by": False,
    "show_relbars": False,
    "font_family": "system-ui, sans-serif",
    "head_font_family": "system-ui, sans-serif",
    "font_size": "15.5px",
    "code_font_size": "0.88em",
}
html_sidebars = {"**": ["about.html", "navigation.html", "searchbox.html"]}
html_static_path = ["static"]
html_css_files = ["weft.css"]
html_copy_source = False
html_show_copyright = False
html_title = f"weft {release}"
manpages_url = "https://manpages.debian.org/{path}"

man_pages = [(page, name, brief, [], section) for page, name, brief, section in about["manual"]]
man_make_section_directory = False


class Names(SphinxPostTransform):
    """Literals that are names of the library become links; in the manual they get the section they are in."""

    default_priority = 5

    def run(self, **kwargs):
        for node in list(self.document.findall(nodes.literal)):
            text = node.astext()
            found = about["symbols"].get(re.sub(r"\(\)$|\(.*\)$", "", text)) or about["symbols"].get(text)
            if not found or isinstance(node.parent, (nodes.reference, nodes.title)):
                continue
            page, anchor, manual = found
            if self.app.builder.name == "man":
                self.in_manual(node, text, manual)
            else:
                uri = self.app.builder.get_relative_uri(self.env.docname, page) + ("#" + anchor if anchor else "")
                link = nodes.reference("", "", internal=True, refuri=uri)
                node.replace_self(link)
                link += nodes.Text(text) if text.startswith("[") else node

    def in_manual(self, node, text, manual):
        own = self.env.docname
        name = manual.partition("(")[0]
        if text.startswith("weft/") or "(" in text and text == manual:
            node.replace_self([nodes.strong("", name), nodes.Text(manual[len(name) :])])
        elif text == name and name != own:
            node.replace_self([nodes.strong("", name), nodes.Text(manual[len(name) :])])
        elif text.startswith("["):
            node.replace_self(nodes.Text(text))


def setup(app):
    app.add_post_transform(Names)
