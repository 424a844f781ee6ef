# SPDX-License-Identifier: MIT
#
# check_links.py ROOT [SITE] -- no link is dead: in the Markdown of the tree, from file to file and to headings in them;
# with SITE, in the HTML built there too. Of links to other machines only the form is looked at: tests have no network.
import os
import re
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

ROOT = os.path.abspath(sys.argv[1])
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/site"))
sys.dont_write_bytecode = True
import stage  # noqa: E402


def well_formed(link):
    parts = urlsplit(link)
    if parts.scheme == "mailto":
        return re.fullmatch(r"[^@\s]+@[^@\s]+\.\w+", parts.path)
    return parts.scheme in ("http", "https") and re.fullmatch(r"[\w-]+(\.[\w-]+)+(:\d+)?", parts.netloc)


def anchor_of(heading):
    """The anchor that a heading of Markdown gets: in lower case, words joined by hyphens, no punctuation."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def read_markdown(path):
    """The links of a page, with their lines, and its anchors."""
    links, anchors = [], set()
    with open(path, encoding="utf-8") as f:
        text = f.read()
    for at, (line, prose) in enumerate(stage.outside_of_code(text), 1):
        heading = re.match(r"#+ (.*)", line)
        if not prose:
            continue
        if heading:
            anchors.add(anchor_of(heading[1]))
        anchors |= set(re.findall(r'<a (?:id|name)="([^"]+)"', line))
        line = re.sub(r"`[^`]*`", "``", line)
        found = re.findall(r"\]\(([^)\s]+)(?: \"[^\"]*\")?\)", line) + re.findall(r"^\[[^\]]+\]: (\S+)", line)
        found += re.findall(r"<((?:https?|mailto):[^>]*)>", line) + re.findall(r'(?:href|src)="([^"]+)"', line)
        links += [(at, link) for link in found]
    return links, anchors


class Page(HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], set()
        with open(path, encoding="utf-8") as f:
            self.feed(f.read())

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "id" or name == "name" and tag == "a":
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.append((self.getpos()[0], value))


def check(pages, root, complaints):
    """pages: path from root: (links, anchors)."""
    n = 0
    for page, (links, anchors) in sorted(pages.items()):
        for line, link in links:
            n += 1
            place = f"{page}:{line}"
            if re.match(r"[a-z]+:", link):
                if not well_formed(link):
                    complaints.append(f"{place}: of no form that works: {link}")
                continue
            path, _, anchor = unquote(link).partition("#")
            path = os.path.normpath(os.path.join(os.path.dirname(page), path.partition("?")[0])) if path else page
            if not os.path.exists(os.path.join(root, path)) or path.startswith(".."):
                complaints.append(f"{place}: leads nowhere: {link}")
            elif anchor and path in pages and anchor not in (anchors if path == page else pages[path][1]):
                complaints.append(f"{place}: there is no #{anchor} in {path}")
    return n


def main():
    complaints = []
    markdown = {p: read_markdown(os.path.join(ROOT, p)) for p in stage.pages(ROOT)}
    counts = [f"{check(markdown, ROOT, complaints)} links in {len(markdown)} pages of Markdown"]
    if len(sys.argv) > 2:
        site = os.path.abspath(sys.argv[2])
        html = {}
        for folder, _, files in os.walk(site):
            for f in files:
                if f.endswith(".html"):
                    path = os.path.join(folder, f)
                    page = Page(path)
                    html[os.path.relpath(path, site)] = (page.links, page.anchors)
        counts.append(f"{check(html, site, complaints)} links in {len(html)} pages of the site")
        if not html:
            complaints.append(f"{site}: there is no page")
    if not markdown:
        complaints.append(f"{ROOT}: there is no page")
    print(", ".join(counts))
    if complaints:
        sys.exit("\n".join(complaints))


main()
