# SPDX-License-Identifier: MIT
#
# check_pages.py ROOT OUT -- everything public has its page in the documents that scripts/docs.sh has built in OUT: each
# symbol of weft.map and each header one of the manual and a place on the site, each page of Markdown one of the site.
import os
import re
import sys

ROOT, OUT = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/site"))
sys.dont_write_bytecode = True
import headers as reader  # noqa: E402
import stage  # noqa: E402

SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "OWNERSHIP", "WHO MAY CALL IT", "WAITING", "MEMORY ORDER", "EXAMPLE"]


def text(path):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return None


def manual(name, complaints):
    """A page of section 3weft, or the page that it leads to."""
    page = text(f"{OUT}/man/man3/{name}.3weft")
    leads = re.fullmatch(r"\.so (man3/\S+)\n", page or "")
    page = text(f"{OUT}/man/{leads[1]}") if leads else page
    if page is None:
        complaints.append(f"{name} has no page in the manual")
    return page


def main():
    complaints, symbols = [], reader.exported(ROOT)
    headers = reader.read_all(ROOT)
    functions = {f.name: h for h in headers for f in h.functions()}
    site = {h.name: text(f"{OUT}/html/reference/{h.name}.html") or "" for h in headers}
    for name in symbols:
        page, header = manual(name, complaints), functions.get(name)
        if not page or not header:
            continue
        for section in SECTIONS:
            if not re.search(rf'^\.SH "?{section}"?$', page, re.M):
                complaints.append(f"the page of {name} has no section {section}")
        if f"#include <weft/{header.name}.h>" not in page:
            complaints.append(f"the page of {name} does not say what to include")
        if f'id="c.{name}"' not in site[header.name]:
            complaints.append(f"{name} has no place on the site")
    for header in headers:
        manual(f"weft_{header.name}.h", complaints)
        if not site[header.name]:
            complaints.append(f"weft/{header.name}.h has no page on the site")
    for page in stage.pages(ROOT):
        if not os.path.isfile(f"{OUT}/html/{os.path.splitext(stage.staged(page))[0]}.html"):
            complaints.append(f"{page} has no page on the site")
    print(f"{len(symbols)} symbols, {len(headers)} headers, {len(stage.pages(ROOT))} pages of Markdown")
    if not symbols:
        complaints.append("found no symbol")
    if complaints:
        sys.exit("\n".join(complaints))


main()
