# SPDX-License-Identifier: MIT
#
# stage.py SOURCE OUT -- writes what Sphinx builds the documents from: OUT/html for the site, OUT/man for the manual,
# and the pages of further names, which lead to these, into OUT/pages. docs/writing.md says what goes where.
import json
import os
import re
import shutil
import sys

import headers as reader
import rst

# Captions of the navigation, and what is listed under each: folders of Markdown (all of them) or pages.
NAVIGATION = [
    ("Using it", ["docs/tour.md", "docs/tour", "docs/howto", "docs/from-python.md", "examples", "*"]),
    ("Reference", ["reference/index", "man", "docs/promises.md", "docs/faults.md", "SECURITY.md"]),
    ("How well", ["docs/benchmarks.md", "CHANGES.md"]),
    ("Inside", ["ARCHITECTURE.md", "docs/internals", "docs/model-checking.md", "docs/decisions", "HACKING.md"]),
]
LINK = re.compile(r"(?<!\!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def pages(root):
    """All Markdown of the tree, as paths from its root. Build trees and hidden folders are no part of it."""
    found = []
    for folder, below, files in os.walk(root):
        below[:] = [d for d in below if not d.startswith(".") and not (folder == root and d.startswith("build"))]
        found += [os.path.relpath(os.path.join(folder, f), root) for f in files if f.endswith(".md")]
    return sorted(found)


def outside_of_code(text):
    """The lines of a Markdown text: (line, whether it is prose)."""
    fence = None
    for line in text.split("\n"):
        mark = re.match(r"\s*(```+|~~~+)", line)
        if mark and (fence is None or line.strip() == fence):
            fence = None if fence else mark[1]
            yield line, False
        else:
            yield line, fence is None


def staged(page):
    """Where a page lies among those that Sphinx reads."""
    return "index.md" if page == "README.md" else page


class Stage:
    def __init__(self, root, out):
        self.root, self.out = root, out
        self.headers = reader.read_all(root)
        self.pages = pages(root)
        self.sources = set()  # files of the tree that a page links to, so that they become pages, too
        self.linked_folders = set()
        self.symbols = {}  # name: (page, anchor, page of the manual)

    def write(self, path, text):
        path = os.path.join(self.out, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def title(self, page):
        with open(os.path.join(self.root, page), encoding="utf-8") as f:
            return next((l[2:].strip() for l in f if l.startswith("# ")), page)

    # ---- Links ----

    def target(self, page, link):
        """Where a link of a page leads on the site. Files that are no pages are shown as they are."""
        if re.match(r"[a-z]+:|#", link):
            return link
        path, _, anchor = link.partition("#")
        path = os.path.normpath(os.path.join(os.path.dirname(page), path))
        header = re.fullmatch(r"include/weft/(\w+)\.h", path)
        if path == "include/weft":
            path = "reference/index.rst"
        elif header:
            path = f"reference/{header[1]}.rst"
        elif os.path.isdir(os.path.join(self.root, path)):
            self.linked_folders.add(path)
            path = os.path.join(path, "README.md" if os.path.join(path, "README.md") in self.pages else "index.md")
        elif path not in self.pages:
            self.sources.add(path)
            path = f"source/{path}.rst"
        relative = os.path.relpath(staged(path), os.path.dirname(staged(page)) or ".")
        return relative + ("#" + anchor if anchor else "")

    def page(self, page):
        with open(os.path.join(self.root, page), encoding="utf-8") as f:
            text = f.read()
        lines = [
            LINK.sub(lambda m: f"[{m[1]}]({self.target(page, m[2])})", line) if prose else line
            for line, prose in outside_of_code(text)
        ]
        for picture in re.findall(r"!\[[^\]]*\]\(([^):]+)\)", text):
            path = os.path.normpath(os.path.join(os.path.dirname(page), picture))
            os.makedirs(os.path.dirname(f"{self.out}/html/{path}"), exist_ok=True)
            shutil.copy(os.path.join(self.root, path), f"{self.out}/html/{path}")
        if page == "docs/promises.md":
            lines = [re.sub(r"^\| ([A-Z]+-\d+) \|", r'| <a id="\1"></a>\1 |', line) for line in lines]
        self.write(f"html/{staged(page)}", "\n".join(lines))

    # ---- Reference and manual ----

    def reference(self):
        functions = {f.name: f for h in self.headers for f in h.functions()}
        rows = ""
        for h in self.headers:
            self.write(f"html/reference/{h.name}.rst", rst.header_html(h))
            rows += f"   * - :doc:`weft/{h.name}.h <{h.name}>`\n     - {rst.inline(h.summary)}\n"
            self.symbols[f"weft/{h.name}.h"] = (f"reference/{h.name}", "", f"weft_{h.name}.h(3weft)")
            for item in h.items:
                own = item.name if item.kind == "function" else f"weft_{h.name}.h"
                for name in item.names:
                    if name in functions and item.kind != "function":
                        continue  # a macro in its place
                    self.symbols[name] = (f"reference/{h.name}", f"c.{name}", f"{own}(3weft)")
                    if name != own:
                        self.write(f"pages/{name}.3weft", f".so man3/{own}.3weft\n")
        toctree = ".. toctree::\n   :hidden:\n\n" + "".join(f"   {h.name}\n" for h in self.headers)
        table = ".. list-table::\n   :widths: 1 3\n\n" + rows
        self.write("html/reference/index.rst", rst.heading("Headers", "=") + "\n" + table + "\n" + toctree)

        manual = []
        for h in self.headers:
            self.write(f"man/weft_{h.name}.h.rst", ":orphan:\n\n" + rst.header_man(h, self.headers))
            manual.append((f"weft_{h.name}.h", f"weft_{h.name}.h", h.summary, rst.SECTION))
            for f in h.functions():
                self.write(f"man/{f.name}.rst", ":orphan:\n\n" + rst.function_man(f, h, functions))
                brief = rst.first_sentence(f.doc).rstrip(".")
                manual.append((f.name, f.name, brief, rst.SECTION))
        return manual

    def list_of_headers(self):
        return "\n".join(f"``weft/{h.name}.h``\n   {rst.inline(h.summary)}\n" for h in self.headers)

    def tools(self):
        """The pages docs/man/NAME.SECTION.rst, whose first line is "NAME -- what it is"."""
        manual, folder = [], os.path.join(self.root, "docs", "man")
        for f in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if not f.endswith(".rst"):
                continue
            name, section, _ = f.rsplit(".", 2)
            with open(os.path.join(folder, f), encoding="utf-8") as text:
                lines = text.read().replace(".. headers::", self.list_of_headers()).split("\n")
            at = next(i for i, l in enumerate(lines) if " -- " in l)
            brief = lines[at].partition(" -- ")[2]
            self.symbols[f"{name}({section})"] = (f"man/{name}.{section}", "", f"{name}({section})")
            self.write(f"man/{f}", "\n".join([":orphan:", "", *lines]))
            self.write(f"html/man/{f}", "\n".join(lines))
            manual.append((f[: -len(".rst")], name, brief, section))
        return manual

    # ---- The rest of the site ----

    def source_pages(self):
        for folder in sorted(self.linked_folders):
            inside = sorted(os.listdir(os.path.join(self.root, folder)))
            if any(os.path.dirname(p) == folder for p in self.pages):
                continue  # list_folder has it
            inside = [f for f in inside if os.path.isfile(os.path.join(self.root, folder, f))]
            lines = [f"- [{f}]({self.target(f'{folder}/index.md', f)})" for f in inside]
            text = "\n".join(["---", "orphan: true", "---", f"# {folder}", "", *lines, ""])
            self.write(f"html/{folder}/index.md", text)
        for path in sorted(self.sources):
            full = os.path.join(self.root, path)
            if not os.path.isfile(full):
                sys.exit(f"a page links to {path}, and there is no such file")
            language = {".c": "c", ".h": "c", ".sh": "sh", ".py": "python"}.get(os.path.splitext(path)[1], "text")
            with open(full, encoding="utf-8") as f:
                body = rst.code(f.read().split("\n"), language)
            self.write(f"html/source/{path}.rst", ":orphan:\n\n" + rst.heading(path, "=") + "\n" + body)

    def list_folder(self, folder):
        """A page that lists a folder's. Where the folder has a README.md, that is it, and the list is not shown."""
        own = f"{folder}/README.md"
        inside = [p for p in self.pages if os.path.dirname(p) == folder and p != own]
        files = "".join(f"{os.path.basename(p)}\n" for p in inside)
        toctree = f"\n```{{toctree}}\n:hidden:\n\n{files}```\n"
        if own in self.pages:
            with open(f"{self.out}/html/{own}", "a", encoding="utf-8") as f:
                f.write(toctree if inside else "")
            return
        name = {"decisions": "Decisions", "howto": "How to", "internals": "Internals", "tour": "Tour"}
        title = name.get(os.path.basename(folder), os.path.basename(folder))
        entries = "".join(f"- [{self.title(p)}]({os.path.basename(p)})\n" for p in inside)
        self.write(f"html/{folder}/index.md", f"# {title}\n\n{entries}{toctree}")

    def navigation(self):
        """Adds to the first page which pages there are. What no caption names is under "Using it"."""
        folders = {os.path.dirname(p) for p in self.pages}
        for folder in folders:
            if folder.startswith("docs/"):
                self.list_folder(folder)
        named = {e for _, entries in NAVIGATION for e in entries}
        rest = [p for p in self.pages if p != "README.md" and not self.named(p, named)]
        text = ""
        for caption, entries in NAVIGATION:
            text += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n"
            for entry in entries:
                for page in rest if entry == "*" else self.entry(entry, folders):
                    text += page + "\n"
            text += "```\n"
        with open(os.path.join(self.out, "html/index.md"), "a", encoding="utf-8") as f:
            f.write(text)

    @staticmethod
    def named(page, named):
        return page in named or any(page.startswith(e + "/") for e in named)

    def entry(self, entry, folders):
        if entry == "reference/index":
            return [entry]
        if entry == "man":
            return sorted(s[0] for n, s in self.symbols.items() if s[0].startswith("man/"))
        if entry in self.pages:
            return [entry]
        if entry in folders and entry.startswith("docs/"):
            return [entry + ("/README" if f"{entry}/README.md" in self.pages else "/index")]
        return [p for p in self.pages if p.startswith(entry + "/")]

    def run(self):
        shutil.rmtree(self.out, ignore_errors=True)
        manual = self.tools() + self.reference()
        for page in self.pages:
            self.page(page)
        self.source_pages()
        self.navigation()
        if "docs/promises.md" in self.pages:
            with open(os.path.join(self.root, "docs/promises.md"), encoding="utf-8") as f:
                for name in re.findall(r"^\| ([A-Z]+-\d+) \|", f.read(), re.M):
                    self.symbols[f"[{name}]"] = ("docs/promises", name, "")
        macros = {i.name: i.code.split()[-1] for h in self.headers for i in h.items if i.kind == "macro"}
        version = ".".join(macros[f"WEFT_VERSION_{part}"] for part in ("MAJOR", "MINOR", "PATCH"))
        about = {"version": version, "symbols": self.symbols, "manual": manual}
        here = os.path.dirname(os.path.abspath(__file__))
        for kind in ("html", "man"):
            self.write(f"{kind}/about.json", json.dumps(about))
            shutil.copy(os.path.join(here, "conf.py"), f"{self.out}/{kind}")
            shutil.copytree(os.path.join(here, "static"), f"{self.out}/{kind}/static")
        self.write("man/index.rst", ":orphan:\n\n" + rst.heading("weft", "="))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: stage.py SOURCE OUT")
    try:
        Stage(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])).run()
    except reader.Malformed as e:
        sys.exit(str(e))
