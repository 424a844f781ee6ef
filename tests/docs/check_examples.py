# SPDX-License-Identifier: MIT
#
# check_examples.py ROOT [CC [CXX [PAGE]]] -- compiles every example of C in the documents: those of the public headers'
# comments, of docs/man, and each block of C or C++ in the Markdown of the tree; with PAGE, those of that file.
# docs/writing.md has the rules:
#
#   a block with a function, or an #include    is compiled as a file
#   any other                                  is compiled as the body of a function, behind tests/docs/prelude.h
#   three dots, alone in a line or in braces   stand for what was left out
#   ```c ignore: WHY                           is not compiled, but listed; there may be IGNORED_MOST
#   <!-- from FILE --> above                   the block is text of that file, which the build compiles
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(sys.argv[1])
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/site"))
sys.dont_write_bytecode = True
import headers as reader  # noqa: E402
import stage  # noqa: E402

IGNORED_MOST = 3
FLAGS = "-D_GNU_SOURCE -fsyntax-only -Wall -Wextra -Werror -Wno-unused -Wno-unused-parameter -Wno-uninitialized".split()
LANGUAGES = {"c": ("c", "-std=c11"), "cpp": ("c++", "-std=c++17"), "c++": ("c++", "-std=c++17")}
DEFINITION = re.compile(r"^(?!if|for|while|switch|else|do\b)[A-Za-z_][\w\s*]*\b\w+\([^;{}]*\)\s*\{", re.M)


class Block:
    def __init__(self, page, line, lines, language="c"):
        self.page, self.line, self.lines, self.language = page, line, lines, language

    def place(self):
        return f'#line {self.line} "{self.page}"'


def of_headers():
    for header in reader.read_all(ROOT):
        page = f"include/weft/{header.name}.h"
        texts = [(1, header.text)] + [(i.line + 1, i.doc.text) for i in header.items]
        for line, text in texts:
            yield from (Block(page, line, what) for kind, what in reader.blocks(text) if kind == "code")
        for item in header.items:
            if any(item.doc.example):
                yield Block(page, item.line + 1, item.doc.example)


def of_manual():
    folder = os.path.join(ROOT, "docs", "man")
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            lines = f.read().split("\n")
        for at, line in enumerate(lines):
            if line.strip() == ".. code-block:: c":
                end = next((i for i in range(at + 1, len(lines)) if re.match(r"\S", lines[i])), len(lines))
                yield Block(f"docs/man/{name}", at + 3, [l[3:] for l in lines[at + 2 : end]])


def of_markdown(complaints, ignored):
    for page in stage.pages(ROOT):
        with open(os.path.join(ROOT, page), encoding="utf-8") as f:
            lines = f.read().split("\n")
        fence, block = None, None
        for at, line in enumerate(lines):
            mark = re.match(r"(```+)(\S*)\s*(.*)", line)
            if fence and line.strip() == fence:
                if block:
                    yield block
                fence, block = None, None
            elif fence:
                if block:
                    block.lines.append(line)
            elif mark:
                fence = mark[1]
                if mark[2] not in LANGUAGES:
                    continue
                source = re.match(r"<!-- from (\S+) -->", lines[at - 1]) if at else None
                why = re.match(r"ignore: (.+)", mark[3])
                if source:
                    if not os.path.isfile(os.path.join(ROOT, source[1])):
                        complaints.append(f"{page}:{at}: there is no {source[1]}")
                elif why:
                    ignored.append(f"{page}:{at + 1}: {why[1]}")
                elif mark[3]:
                    complaints.append(f'{page}:{at + 1}: "{mark[3]}": only "ignore: WHY" may follow')
                else:
                    block = Block(page, at + 2, [], mark[2])


def without_dots(lines):
    """The lines, with nothing in place of the dots that stand for it; and split up there."""
    pieces = [[]]
    for line in lines:
        if re.match(r"\s*\.\.\.\s*(//.*|/\*.*\*/)?$", line):
            pieces.append([])
        else:
            pieces[-1].append(re.sub(r"\{ \.\.\. \}", "{ return 0; }", line))
    return pieces


def as_file(blocks):
    """One source of several blocks, each a file's text or the body of a function."""
    name = re.sub(r"\W", "_", os.path.splitext(os.path.basename(blocks[0].page))[0])
    own = f"#include <weft/{name}.h>" if blocks[0].page.startswith("include/") else ""
    whole = any(re.search(r"\bmain\(", l) for l in blocks[0].lines)
    out = [] if whole else [own, f"#define PAGE_{name} 1", '#include "prelude.h"']
    for n, block in enumerate(blocks):
        body = []
        for piece in without_dots(block.lines):
            text = "\n".join(piece)
            if DEFINITION.search(text) or "#include" in text:
                out += [block.place(), text]
            else:
                body.append(text)
        if any(t.strip() for t in body):
            text = "\n".join(body)
            kind = "void" if re.search(r"\breturn;", text) else "int"
            out += [f"static {kind} example_{n}(void)", "{", block.place(), text, ";"]
            out += ["return 0;" if kind == "int" else "", "}"]
    return "\n".join(out) + "\n"


def compiles(text, compiler, language, folder):
    path = os.path.join(folder, "example")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    kind, standard = LANGUAGES[language]
    here = os.path.dirname(os.path.abspath(__file__))
    command = [compiler, "-x", kind, standard, *FLAGS, "-I", f"{ROOT}/include", "-I", here, path]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)


def main():
    compilers = {"c": sys.argv[2] if len(sys.argv) > 2 else "cc", "cpp": sys.argv[3] if len(sys.argv) > 3 else "c++"}
    compilers["c++"] = compilers["cpp"]
    complaints, ignored, units = [], [], {}
    for block in [*of_headers(), *of_manual(), *of_markdown(complaints, ignored)]:
        if len(sys.argv) > 4 and block.page != sys.argv[4]:
            continue
        alone = any(re.search(r"\bmain\(", l) for l in block.lines) or block.language != "c"
        key = (block.page, block.line if alone else 0, block.language)
        units.setdefault(key, []).append(block)
    with tempfile.TemporaryDirectory() as folder:
        for (page, _, language), blocks in units.items():
            result = compiles(as_file(blocks), compilers[language], language, folder)
            if result.returncode:
                complaints.append(result.stderr)
    for line in ignored:
        print(f"not compiled: {line}")
    if len(ignored) > IGNORED_MOST:
        complaints.append(f"{len(ignored)} blocks are not compiled, and {IGNORED_MOST} may be")
    n = sum(len(b) for b in units.values())
    if n == 0:
        complaints.append("found no example")
    print(f"{n} examples in {len({k[0] for k in units})} pages, {len(complaints)} complaints")
    if complaints:
        sys.exit("\n".join(complaints))


main()
