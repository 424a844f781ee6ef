# SPDX-License-Identifier: MIT
#
# rst.py -- writes what headers.py has read as reStructuredText: a page for each header, for people who browse, and a
# page for each function, for man. Names are left as literals; conf.py turns those that it knows into links.
import re

from headers import MARK, TAGS, blocks, parameters

SECTION = "3weft"
HEADINGS = {
    "owns": "OWNERSHIP",
    "from": "WHO MAY CALL IT",
    "waits": "WAITING",
    "orders": "MEMORY ORDER",
}
LABELS = {"owns": "Owns", "from": "From", "waits": "Waits", "orders": "Orders"}

TOKEN = re.compile(
    r"(?P<page>\b[a-z_0-9]+\([1-8]\))"
    r"|(?P<code>-E[A-Z0-9]{2,}\b|\b(?:weft|WEFT)_\w+(?:\([^()]*\))?|\bweft/\w+\.h\b|\bNULL\b|\[[A-Z]+-\d+\]"
    r"|\*?\b[a-z_]\w*->\w+(?:\(\))?|\*(?:ret|io)\w*|\b(?:ret|io)_\w+|\b\w+\(\)|\b[a-z]+_[a-z_]+\b"
    r"|\bO_[A-Z]+\b|\bSIG[A-Z]+\b|\bMSG_[A-Z]+\b|\bSOCK_[A-Z]+\b)"
)


def inline(text, names=()):
    """A piece of prose: names of the language as literals, those of parameters in italics, all else as it is."""
    out, at = "", 0
    token = re.compile(TOKEN.pattern + rf"|(?<![\w'.-])(?P<name>{'|'.join(names)})\b") if names else TOKEN
    for m in token.finditer(text):
        out += escape(text[at : m.start()])
        # Roles and literals need something that is no word on both sides.
        before = "" if not out or out[-1] in " (" else "\\ "
        after = "" if m.end() == len(text) or text[m.end()] in " .,;:)" else "\\ "
        if m["page"]:
            out += f"{before}:manpage:`{m['page']}`{after}"
        elif m["code"]:
            out += f"{before}``{m['code']}``{after}"
        else:
            out += f"{before}*{m[0]}*{after}"
        at = m.end()
    return out + escape(text[at:])


def escape(text):
    return re.sub(r"([\\*`|_])", r"\\\1", text)


def indented(text, by=3):
    return "\n".join(" " * by + l if l else "" for l in text.split("\n"))


def code(lines, language="c"):
    text = "\n".join(l.expandtabs(8) for l in lines)
    return f".. code-block:: {language}\n\n{indented(text)}\n"


def heading(text, line):
    text = escape(text)
    return f"{text}\n{line * len(text)}\n"


def prose(lines, names=()):
    """A text of several paragraphs."""
    out = []
    for kind, what in blocks(lines):
        if kind == "text":
            out.append(inline(what, names) + "\n")
        elif kind == "list":
            out.append("\n".join(f"- {inline(entry, names)}" for entry in what) + "\n")
        else:
            out.append(code(what, "c" if kind == "code" else "text"))
    return "\n".join(out)


ERRORS = r"-E[A-Z0-9]+(?:, -E[A-Z0-9]+)*"
# What is said of errors without naming one.
OF_ERRORS = re.compile(r"\b[Aa]s weft_|\bwhat \w+\(\d\) ha|negative errno|weft_\w+ but")


def outcomes(text):
    """What @return says, as (term, text) in two lists: values and errors. HACKING.md has the form."""
    values, errors = [], []
    parts = re.split(r" \| ", text)
    # "untouched: -EAGAIN: full", "of the system; -EPIPE: nobody reads", "started. -EINVAL: a NULL"
    parts = [p for part in parts for p in re.split(rf"(?:(?<=:)|;|\.) (?={ERRORS}(?:: |\Z|[ ;.]))", part)]
    for part in parts:
        part = part.strip()
        error = re.match(r"((?:-E[A-Z0-9]+(?:, | and | or )?)+)(?::\s*|\s+|\.?$)(.*)", part)
        value = re.match(r"([^\s:]+(?: to [^:]+| or [^\s:]+)?): (.*)", part)
        if error:
            errors.append((error[1].strip(), sentence(error[2])))
        elif not values or not (errors or OF_ERRORS.search(part)):
            part = part.rstrip(".")
            alone = re.fullmatch(r"\w+", part) and (part, "success" if part == "0" else "")
            values.append((value[1], sentence(value[2])) if value else alone or ("", sentence(part)))
        else:
            errors.append(("", sentence(part)))
    return values, errors


WORDS = "a an the no not all as it its there nobody somebody what who so called made told at also".split()


def sentence(text):
    """With a capital, if it begins with a word of English and not with a name of the language."""
    text = text.strip().rstrip(".")
    return text[:1].upper() + text[1:] if text.split(" ")[0] in WORDS else text


def capital(text):
    return text if text.startswith("weft") else text[:1].upper() + text[1:]


def listed(pairs, names=()):
    """Pairs of a term and a text, as a list that is easy to look through."""
    out = []
    for term, text in pairs:
        text = inline(text, names)
        if text and not text.endswith((".", ":")):
            text += "."
        if not term:
            out.append("\n" + text + "\n")
        elif re.match(r"-?\w+$|(-E\w+(, )?)+$", term):
            terms = ", ".join(f"``{t}``" for t in re.split(r", ", term))
            out.append(f"{terms}\n{indented(text or chr(92) + ' ')}\n")
        else:
            out.append(f"{inline(term, names)}\n{indented(text or chr(92) + ' ')}\n")
    return "\n".join(out)


def example(doc):
    return code(doc.example) if any(doc.example) else ""


# ---- For people who browse: one page for each header ----


def italics(item):
    """The parameters that are no words of English, too."""
    names = "arg argv ctx err fds fmt iov msg opts ret spec".split()
    return [n for n in parameters(item.code) if n in names or len(n) < 3 and n != "a"]


def function_html(item):
    doc, names = item.doc, italics(item)
    values, errors = outcomes(doc.returns)
    body = [prose(doc.text, names)]
    fields = [(", ".join(f"*{n}*" for n in own), inline(text, names)) for own, text in doc.params]
    rows = []
    if fields:
        rows.append(("Parameters", "\n\n".join(f"{n}: {t}" for n, t in fields)))
    for label, pairs in (("Returns", values), ("Errors", errors)):
        if pairs:
            rows.append((label, listed(pairs, names)))
    for tag in TAGS:
        rows.append((LABELS[tag], inline(doc.tags[tag], names)))
    for label, text in rows:
        body.append(f":{label}:\n{indented(text, 4)}\n")
    body.append(example(doc))
    return f".. c:function:: {item.code}\n\n" + indented("\n".join(body)) + "\n"


def other_html(item):
    """A type or a macro: its comment, then its declaration, which says the rest."""
    ids = "".join(f'<span id="c.{n}"></span>' for n in item.names)
    return f".. raw:: html\n\n   {ids}\n\n{prose(item.doc.text)}\n{code(item.code.split(chr(10)))}"


def first_sentence(doc):
    text = next((what for kind, what in blocks(doc.text) if kind == "text"), "")
    return re.match(r".*?[.?](?= |$)|.*", MARK.sub("", text))[0]


def header_html(header):
    name = f"weft/{header.name}.h"
    out = [heading(name, "="), inline(capital(header.summary)) + ".\n", code([f"#include <{name}>"])]
    out.append(prose(header.text))
    functions = [i for i in header.items if i.kind in ("function", "section")]
    if header.functions():
        rows = "".join(
            f"   * - ``{i.name}``\n     - {inline(first_sentence(i.doc))}\n" for i in header.functions()
        )
        out.append(".. list-table::\n   :class: functions\n   :widths: 1 3\n\n" + rows)
    if header.others():
        out.append(heading("Types and constants", "-"))
        out.append("\n".join(other_html(i) for i in grouped(header.others())))
    if functions:
        out.append(heading("Functions", "-"))
    for item in functions:
        out.append(function_html(item) if item.kind == "function" else f"**{inline(item.code)}**\n")
    return "\n".join(out)


def grouped(items):
    """Macros that follow one another without comments of their own, as one."""
    out = []
    for item in items:
        last = out[-1] if out else None
        if last and item.kind == last.kind == "macro" and not item.doc.text and item.line - last.line <= 1:
            last.code, last.line = last.code + "\n" + item.code, item.line
            last.names = last.names + item.names
        else:
            out.append(item.__class__(**{**item.__dict__}))
    return out


# ---- For man: one page for each function, and one for each header ----


def synopsis(declaration):
    """A declaration in bold, its parameters in italics."""
    names = set(parameters(declaration)) if "(" in declaration else set()
    start = declaration.index("(") if names else 0
    out, bold = "", ""
    for i, word in enumerate(re.split(r"(\b\w+\b)", declaration + ";")):
        position = len(out) + len(bold)
        if word in names and position > start and i % 2:
            out += f"**{escape(bold.strip())}**\\ {' ' if bold.endswith(' ') else ''}*{escape(word)}*\\ "
            bold = ""
        else:
            bold += word
    return "| " + re.sub(r"\\  \*", r" *", out) + (f"**{escape(bold.strip())}**" if bold.strip() else "") + "\n"


def quoted(text, header_of, tag):
    """Where a text is no more than "As weft_x.", what weft_x says there: a reader of man wants to stay on the page."""
    same = re.match(r"As (weft_\w+)\b", text)
    other = header_of.get(same[1]) if same else None
    if not other:
        return ""
    said = other.doc.returns if tag == "return" else other.doc.tags[tag]
    nested = quoted(said, header_of, tag)
    if tag == "return":
        values, errors = outcomes(said)
        return f"``{other.name}`` returns:\n\n" + listed(values + errors) + "\n" + nested
    return f"``{other.name}`` says: {inline(said)}\n\n" + nested


def function_man(item, header, functions):
    doc, names = item.doc, italics(item)
    values, errors = outcomes(doc.returns)
    out = [heading(item.name, "=")]
    out += [heading("SYNOPSIS", "-"), f"**#include <weft/{header.name}.h>**\n", synopsis(item.code)]
    out += [heading("DESCRIPTION", "-"), prose(doc.text, names)]
    for own, text in doc.params:
        out.append(f"{', '.join(f'*{n}*' for n in own)}\n{indented(inline(text, names))}\n")
    for title, pairs in (("RETURN VALUE", values), ("ERRORS", errors)):
        if pairs:
            out += [heading(title, "-"), listed(pairs, names)]
            if title == "RETURN VALUE":
                out.append(quoted(doc.returns, functions, "return"))
    for tag in TAGS:
        out += [heading(HEADINGS[tag], "-"), inline(doc.tags[tag], names) + "\n", quoted(doc.tags[tag], functions, tag)]
    out += [heading("EXAMPLE", "-"), example(doc), heading("SEE ALSO", "-"), see_also(item, header, functions)]
    return "\n".join(out)


def see_also(item, header, functions):
    text = " ".join([*item.doc.text, item.doc.returns, *item.doc.tags.values(), *(t for _, t in item.doc.params)])
    names = {n for n in re.findall(r"\bweft_\w+", text) if n in functions}
    # The others of its noun: weft_rlock_try for weft_rlock_acquire.
    noun = item.name.rsplit("_", 1)[0]
    names |= {i.name for i in header.functions() if i.name.rsplit("_", 1)[0] == noun and noun != "weft"}
    names.discard(item.name)
    return ", ".join([f"``weft/{header.name}.h``"] + [f"``{n}``" for n in sorted(names)]) + "\n"


def header_man(header, headers):
    out = [heading(f"weft_{header.name}.h", "="), heading("SYNOPSIS", "-"), f"**#include <weft/{header.name}.h>**\n"]
    out.append("".join(synopsis(i.code) for i in header.items if i.kind in ("function", "inline")))
    if header.text or not header.functions():
        out += [heading("DESCRIPTION", "-"), prose(header.text) or inline(capital(header.summary)) + ".\n"]
    if header.functions():
        out.append(heading("FUNCTIONS", "-"))
        out.append("\n".join(f"``{i.name}``\n{indented(inline(first_sentence(i.doc)))}\n" for i in header.functions()))
    if header.others():
        out.append(heading("TYPES AND CONSTANTS", "-"))
        for item in grouped(header.others()):
            out += [prose(item.doc.text), code(item.code.split("\n"))]
    text = " ".join(header.text)
    names = {h.name for h in headers if f"weft/{h.name}.h" in text and h is not header}
    out += [heading("SEE ALSO", "-"), ", ".join(["``weft(7)``"] + [f"``weft/{n}.h``" for n in sorted(names)]) + "\n"]
    return "\n".join(out)
