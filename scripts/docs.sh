#!/bin/sh
# SPDX-License-Identifier: MIT
#
# docs.sh OUT [html] [man] -- builds the documents: the site in OUT/html, the manual in OUT/man (without more, both).
# They come from the public headers, from all Markdown of the tree and from docs/man; docs/writing.md says how. A
# warning is an error. Needs python3, and Sphinx with the Markdown reader MyST: python3-sphinx and
# python3-myst-parser of Debian. Exit status 77: they are not there.
set -eu

[ $# -ge 1 ] || {
	echo "usage: docs.sh OUT [html] [man]" >&2
	exit 2
}
source=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- html man

sphinx=${SPHINX_BUILD:-sphinx-build}
command -v "$sphinx" >/dev/null 2>&1 || {
	echo "docs.sh: there is no $sphinx here: install python3-sphinx and python3-myst-parser"
	exit 77
}

python3 -B "$source/docs/site/stage.py" "$source" "$out/stage"
for kind; do
	rm -rf "${out:?}/$kind"
	"$sphinx" -q -W --keep-going -E -b "$kind" -d "$out/stage/trees.$kind" "$out/stage/$kind" "$out/$kind"
done

# The manual lies by sections, and other names for a page beside it.
if [ -d "$out/man" ]; then
	mkdir -p "$out/man/man1" "$out/man/man3" "$out/man/man7"
	for page in "$out"/man/*.[137]* "$out"/stage/pages/*; do
		section=${page##*.}
		cp "$page" "$out/man/man${section%weft}/"
	done
	rm -f "$out"/man/*.[137]*
fi
