# SPDX-License-Identifier: MIT
#
# headers.py -- reads the public headers: what they declare, and what their comments say of it.
#
# It knows no C, only the form that HACKING.md demands of a public header and the lint and clang-format keep: each
# declaration begins at the start of a line, its comment stands directly above it, and a docstring has its tags in a
# fixed form. What it does not understand is an error with its place, never left out.
import glob
import os
import re
from dataclasses import dataclass, field

TAGS = ("owns", "from", "waits", "orders")
# Behind a sentence that promises something: docs/promises.md.
MARK = re.compile(r"\s*\[[A-Z]+-\d+\]")
# For the compiler, not for readers.
INTERNAL = {"WEFT_API", "WEFT_PRINTF", "WEFT_NOPLT"}


class Malformed(Exception):
    """A place in a header that is not of the form, as file:line: what."""


@dataclass
class Doc:
    """A docstring, split up. Texts are lists of lines."""

    text: list = field(default_factory=list)
    params: list = field(default_factory=list)  # (names, text)
    returns: str = ""
    tags: dict = field(default_factory=dict)  # of TAGS
    example: list = field(default_factory=list)


@dataclass
class Item:
    """A declaration: kind is function, variable, type, macro or inline; or section, a comment that begins one."""

    kind: str
    name: str
    code: str
    doc: Doc
    line: int
    names: list = field(default_factory=list)  # all that it declares: members of an enum, too


@dataclass
class Header:
    name: str  # lock, for weft/lock.h
    path: str
    summary: str
    text: list
    items: list = field(default_factory=list)

    def functions(self):
        return [i for i in self.items if i.kind == "function"]

    def others(self):
        return [i for i in self.items if i.kind not in ("function", "section")]


def comment_text(lines):
    """The text of a comment, without what makes it one."""
    text = []
    for line in lines:
        line = re.sub(r"^\s*/?\*+(?!/) ?", "", line)
        line = re.sub(r"\s*\*/\s*$", "", line)
        text.append(line.rstrip())
    while text and not text[0].strip():
        text.pop(0)
    while text and not text[-1].strip():
        text.pop()
    return text


def blocks(lines):
    """A text as a list of ("text", paragraph), ("list", paragraphs), ("code", lines of C), ("drawn", lines)."""
    found, at = [], 0

    def take(belongs):
        nonlocal at
        start = at
        while at < len(lines) and belongs(lines[at]):
            at += 1
        return lines[start:at]

    while at < len(lines):
        if not lines[at].strip():
            at += 1
        elif re.match(r"\s*- ", lines[at]):
            entries = []
            for line in take(lambda l: re.match(r"\s*- |    |$", l)):
                entry = re.match(r"\s*- (.*)", line)
                if entry:
                    entries.append(entry[1])
                elif line:
                    entries[-1] += " " + line.strip()
            found.append(("list", entries))
        elif lines[at].startswith("  "):
            drawn = [l[2:] for l in take(lambda l: l.startswith("  ") or not l)]
            while not drawn[-1]:
                drawn.pop()
            is_c = any(re.search(r";\s*(//.*|/\*.*\*/)?$", l) for l in drawn)
            found.append(("code" if is_c else "drawn", dedented(drawn)))
        else:
            found.append(("text", " ".join(l.strip() for l in take(lambda l: l and not l.startswith("  ")))))
    return found


def dedented(lines):
    """The lines without the indent that all have."""
    indent = min((len(l) - len(l.lstrip()) for l in lines if l.strip()), default=0)
    return [l[indent:] for l in lines]


def split_param(text):
    """The names and the text of "name, name  text": two spaces lie between."""
    names, _, rest = text.partition("  ")
    return [n.strip() for n in names.split(",")], rest.strip()


def parse_doc(lines):
    """A docstring: text, then @param, @return and the tags, then Example, which lasts to the end."""
    doc = Doc()
    current = None
    for line in comment_text(lines):
        tag = re.match(r"@(\w+)\s*(.*)", line)
        if current == "example":
            doc.example.append(line)
        elif tag:
            current = tag[1]
            if current == "param":
                doc.params.append(split_param(tag[2]))
            elif current == "return":
                doc.returns = tag[2]
            elif current in TAGS:
                doc.tags[current] = tag[2]
            else:
                raise Malformed(f"there is no tag @{current}")
        elif line.startswith("Example:"):
            current = "example"
            doc.example.append(line[len("Example:") :].strip())
        elif current is None:
            doc.text.append(line)
        elif current == "param":
            names, text = doc.params[-1]
            doc.params[-1] = (names, (text + " " + line.strip()).strip())
        elif current == "return":
            doc.returns = (doc.returns + " " + line.strip()).strip()
        else:
            doc.tags[current] = (doc.tags[current] + " " + line.strip()).strip()
    while doc.text and not doc.text[-1].strip():
        doc.text.pop()
    doc.example = doc.example[:1] + dedented(doc.example[1:])
    return doc


def parameters(code):
    """The names of a function's parameters."""
    inner = code[code.index("(", re.search(r"weft_\w+\(", code).start()) + 1 : code.rindex(")")]
    names, depth, part = [], 0, ""
    for c in inner + ",":
        depth += (c in "([") - (c in ")]")
        if c == "," and depth == 0:
            pointer = re.search(r"\(\*(\w+)\)", part)
            plain = re.search(r"(\w+)(\[\w*\])?\s*$", part)
            if pointer:
                names.append(pointer[1])
            elif plain and part.strip() != "void":
                names.append(plain[1])
            part = ""
        else:
            part += c
    return names


class Reader:
    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as f:
            self.lines = f.read().split("\n")
        self.at = 0
        self.comment = None  # the lines of the comment above, while nothing but it is above
        self.comment_is_doc = False

    def fail(self, what, line=None):
        raise Malformed(f"{self.path}:{(self.at if line is None else line) + 1}: {what}")

    def until(self, ends):
        """Takes lines, at least one, until one of which ends() is true."""
        start = self.at
        while self.at < len(self.lines):
            self.at += 1
            if ends(self.lines[self.at - 1]):
                return self.lines[start : self.at]
        self.fail("this does not end", start)

    def declaration(self):
        """Takes lines up to the semicolon, or closing brace of a function, that ends the declaration."""
        depth = 0

        def ends(line):
            nonlocal depth
            line = re.sub(r"/\*.*?(\*/|$)|^\s*\*.*", "", line)
            depth += line.count("{") - line.count("}")
            return depth == 0 and (line.rstrip().endswith(";") or line.startswith("}"))

        return "\n".join(self.until(ends))

    def doc(self):
        comment, self.comment = self.comment, None
        try:
            return parse_doc(comment) if comment else Doc()
        except Malformed as e:
            self.fail(str(e))

    def top(self):
        if not self.lines[0].startswith("/* SPDX-License-Identifier"):
            self.fail("does not begin with its licence")
        text = comment_text(self.until(lambda l: "*/" in l))[1:]
        while text and not text[0]:
            text.pop(0)
        first = re.match(r"weft/(\w+)\.h -- (.*)", text[0]) if text else None
        if not first or first[1] + ".h" != os.path.basename(self.path):
            self.fail('the top comment does not begin with "weft/NAME.h -- what it is for"')
        end = text.index("") if "" in text else len(text)
        words = MARK.sub("", " ".join([first[2]] + text[1:end]))
        # The first sentence is for lists, the rest of that paragraph for the page.
        summary, _, rest = words.partition(". ")
        return Header(first[1], self.path, summary.rstrip("."), ([rest, ""] if rest else []) + text[end + 1 :])

    def macro(self, line):
        lines = self.until(lambda l: not l.endswith("\\"))
        name = re.match(r"#define (WEFT_\w+|weft_\w+)(\([^)]*\))?", line)
        if not name or name[1] in INTERNAL or name[1].endswith("_H"):
            return None
        doc, trailing = self.doc(), re.search(r"\s+/\* (.*) \*/$", lines[-1])
        code = "\n".join(lines)
        return Item("macro", name[1], code, doc, self.at, [name[1]]) if trailing or name[2] or code else None

    def type(self):
        start, doc = self.at, self.doc()
        code = self.declaration()
        tail = re.sub(r"/\*.*?\*/", " ", code, flags=re.S)
        name = (
            re.search(r"\}\s*(\w+);$", tail)
            or re.match(r"(?:typedef )?(?:struct|enum|union)(?: __attribute__\(\(\w+\)\))? (\w+)", tail)
            or re.match(r"typedef .*?\b(\w+)(?:\(.*\))?;$", tail, re.S)
        )
        if re.match(r"struct \w+;", tail):
            return None  # only says that there is one, in another header
        names = re.findall(r"\b(WEFT_\w+)\b(?:\s*=\s*[^,}]*)?\s*[,}]", tail) if re.search(r"\benum\b", tail) else []
        if not name and not names:
            self.fail("a declaration of unknown form", start)
        return Item("type", name[1] if name else names[0], code, doc, start, ([name[1]] if name else []) + names)

    def function(self):
        start, has_doc, doc = self.at, self.comment_is_doc, self.doc()
        code = self.declaration()
        code = re.sub(r"\b(WEFT_API|WEFT_NOPLT|WEFT_PRINTF\([^)]*\))\s*", "", code)
        name = re.search(r"(weft_\w+)\(", code)
        if not name or re.search(r"\bextern\b", code):
            name = re.search(r"(weft_\w+)(?:\s+__attribute__.*)?;$", code)
            return Item("variable", name[1], code, doc, start, [name[1]])
        item = Item("function", name[1], re.sub(r"\s+", " ", code).rstrip(";").strip(), doc, start, [name[1]])
        self.check(item, has_doc)
        return item

    def check(self, item, has_doc):
        """What HACKING.md demands of the docstring of a function."""
        doc = item.doc
        known = parameters(item.code)
        if not has_doc or not doc.text:
            self.fail(f"{item.name} has no docstring that begins with what it does", item.line)
        for tag in TAGS:
            if not doc.tags.get(tag):
                self.fail(f"the docstring of {item.name} has no @{tag}", item.line)
        if not any(doc.example):
            self.fail(f"the docstring of {item.name} has no Example", item.line)
        if not doc.returns and not item.code.startswith("void "):
            self.fail(f"{item.name} returns something, and its docstring has no @return", item.line)
        if doc.returns and re.match(r"void \w", item.code):
            self.fail(f"{item.name} returns nothing, and its docstring has @return", item.line)
        for names, text in doc.params:
            for name in names:
                if name not in known:
                    self.fail(f"{item.name} has no parameter {name}", item.line)
            if not text:
                self.fail(f"nothing is said of the parameter {names[0]} of {item.name}", item.line)

    def inline(self):
        """A function with a body. Those that end in _1 are for the others only."""
        start, doc = self.at, self.doc()
        code = self.declaration()
        name = re.search(r"(weft_\w+)\(", code)[1]
        head = re.sub(r"\s+", " ", code[: code.index("{")]).strip()
        return None if name.endswith("_1") else Item("inline", name, head, doc, start, [name])

    def read(self):
        header = self.top()
        while self.at < len(self.lines):
            line = self.lines[self.at]
            item = None
            if line.startswith("/*"):
                self.comment_is_doc = line.startswith("/**")
                self.comment = self.until(lambda l: "*/" in l)
                section = re.match(r"---- (.*) ----", " ".join(comment_text(self.comment)))
                if section:
                    header.items.append(Item("section", "", section[1], Doc(), self.at))
                continue
            if line.startswith("#define"):
                item = self.macro(line)
            elif line.startswith("#"):
                self.until(lambda l: not l.endswith("\\"))
                continue
            elif line.startswith("WEFT_API"):
                item = self.function()
            elif re.match(r"(typedef|struct|enum|union)\b", line):
                item = self.type()
            elif line.startswith("static "):
                item = self.inline()
            elif line in ('extern "C" {', "}", ""):
                self.at += 1
                if not line:
                    self.comment = None
                continue
            else:
                self.fail(f"unexpected: {line}")
            self.comment = None
            if item and (item.kind == "variable" or not item.name.endswith("_1")):
                header.items.append(item)
        return header


def read_all(root):
    """All public headers of the tree, in the order of their names."""
    folder = os.path.join(root, "include", "weft")
    return [Reader(os.path.join(folder, f)).read() for f in sorted(os.listdir(folder)) if f.endswith(".h")]


def exported(root):
    """The symbols of weft.map, and of the maps of further libraries, which lie in folders of their own."""
    names = []
    for path in sorted(glob.glob(f"{root}/*.map") + glob.glob(f"{root}/*/*.map")):
        with open(path, encoding="utf-8") as text:
            names += re.findall(r"^\s*(weft_(?!_)\w+);", text.read(), re.M)
    return names
