#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_included.sh [ROOT] -- what a page shows of a file is that file's text. In any page of the tree
#
#   <!-- from examples/hello.c -->
#
# in the line before a block of code says that its lines stand in that file, one after the other; where they lie further
# in, the block may leave out the indentation of its first line. In the tour and the how-to pages each block of C has such
# a line: so each is compiled, and what it does is tested where the file is.
set -eu

root=${1:-${WEFT_SOURCE_DIR:?}}
cd "$root"
pages=$(find . -name '.?*' -prune -o -path './build*' -prune -o -name '*.md' -print | sed 's,^\./,,' | sort)

# shellcheck disable=SC2086 # a list of words; no name in the tree has a space in it
found=$(awk '
function load(name,    line, n) {
	n = 0
	while ((getline line < name) > 0)
		text[name, ++n] = line
	close(name)
	length_of[name] = n
}
# Does the block stand in the file, its first line there being at?
function stands_at(at,    indent, k, line) {
	indent = text[source, at]
	sub(/[^\t ].*/, "", indent)
	for (k = 1; k <= n; k++) {
		line = text[source, at + k - 1]
		if (line == block[k])
			continue
		if (indent == "" || substr(line, 1, length(indent)) != indent ||
		    substr(line, length(indent) + 1) != block[k])
			return 0
	}
	return 1
}
function look(    at) {
	if (!(source in length_of))
		load(source)
	if (length_of[source] == 0) {
		print page ":" begun ": there is no " source
		return
	}
	if (n == 0) {
		print page ":" begun ": shows nothing of " source
		return
	}
	for (at = 1; at + n - 1 <= length_of[source]; at++)
		if (stands_at(at))
			return
	print page ":" begun ": these lines do not stand so in " source
}
FNR == 1 { inside = 0; marked = ""; page = FILENAME }
inside && /^```$/ {
	inside = 0
	if (source != "")
		look()
	next
}
inside { block[++n] = $0; next }
/^```/ {
	inside = 1
	begun = FNR
	n = 0
	source = marked
	marked = ""
	if (source == "" && /^```c$/ && page ~ /^docs\/(tour\.md|howto\/)/)
		print page ":" begun ": a block of C that is from no file"
	next
}
/^<!-- from .* -->$/ { marked = $3; next }
marked != "" { print page ":" FNR - 1 ": no block of code follows"; marked = "" }
' $pages)
[ -z "$found" ] || {
	printf '%s\n' "$found"
	exit 1
}
