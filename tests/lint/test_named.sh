#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_named.sh [ROOT] -- what the pages name in backticks is there:
#
#   a path or a file's name    in the tree; `weft/x.h` is a header; `name_*.c` some file of that kind
#   a_word_with_underscores    a word of some source, of a test or of a model; with () behind it too, or with a * at its end
#                              the beginning of one
#
# And each decision that a page refers to, as "decision 0010". Pages about other libraries (from-*.md) name those.
set -eu

root=${1:-${WEFT_SOURCE_DIR:?}}
cd "$root"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

find . -name '.?*' -prune -o -path './build*' -prune -o -type f -print | sed 's,^\./,,' | sort >"$dir/paths"
sed 's,.*/,,' "$dir/paths" | sort -u >"$dir/files"
grep -E '\.(c|h|cc|cpp|sh|pml|py|cmake|in|map|bt|json|yml)$|CMakeLists\.txt$|CMakePresets\.json$' "$dir/paths" |
	xargs cat | grep -oE '[A-Za-z_][A-Za-z0-9_]*' | sort -u >"$dir/words"
pages=$(grep -E '^(README|ARCHITECTURE|HACKING|SECURITY)\.md$|^docs/(tour|promises|limits|faults|model-checking|abi|adapters)\.md$|^docs/(howto|internals)/.*\.md$' \
	"$dir/paths" | grep -v 'from-')

# What stands in backticks outside of blocks of code: page, line, word.
# shellcheck disable=SC2086 # a list of words
awk '
FNR == 1 { inside = 0 }
/^```/   { inside = !inside; next }
inside   { next }
{
	line = $0
	while (match(line, /`[^`]+`/)) {
		n = split(substr(line, RSTART + 1, RLENGTH - 2), word, /[ ,;]+/)
		line = substr(line, RSTART + RLENGTH)
		for (i = 1; i <= n; i++) {
			sub(/\(.*/, "", word[i])
			if (word[i] ~ /^[A-Za-z0-9_.*\/-]+$/)
				print FILENAME, FNR, word[i]
		}
	}
}' $pages >"$dir/named"

awk -v paths="$dir/paths" -v files="$dir/files" -v words="$dir/words" '
BEGIN {
	while ((getline line < paths) > 0) {
		path[line] = 1
		while (sub(/\/[^\/]*$/, "", line))
			path[line] = 1
	}
	while ((getline line < files) > 0)
		file[line] = 1
	while ((getline line < words) > 0)
		word[line] = 1
}
function begins(set, start,    x) {
	for (x in set)
		if (index(x, start) == 1)
			return 1
	return 0
}
function known(name) {
	if (name ~ /^weft\/[a-z_*]+\.h/)
		name = (("adapters/" name) in path ? "adapters/" : "include/") name
	sub(/\/$/, "", name)
	if (name ~ /\*/)
		return known_kind(name)
	return name in path || name in file
}
function known_kind(name,    start) {
	start = name
	sub(/\*.*/, "", start)
	return name ~ /\// ? begins(path, start) : begins(file, start)
}
{
	name = $3
	if (name == "stdatomic.h" || name ~ /(^|[\/_])X(\.|$)/) # of the compiler; to be filled in
		next
	if (name ~ /\.(c|h|cc|cpp|hpp|sh|pml|py|md|map|bt)$/ && name !~ /^\//)
		ok = known(name)
	else if (name ~ /^(core|ipc|executors|include|examples|tests|bench|docs|scripts|cmake|adapters|tools|packaging|debian)\//)
		ok = known(name)
	else if (name ~ /^[a-z][A-Za-z0-9]*(_+[A-Za-z0-9]+)+\*?$/ || name ~ /^(WEFT|TELL)_[A-Z0-9_]+\*?$/)
		ok = name ~ /\*$/ ? begins(word, substr(name, 1, length(name) - 1)) : name in word
	else if (name ~ /^[a-z][a-z0-9]*_+\*$/)
		ok = begins(word, substr(name, 1, length(name) - 1))
	else
		next
	if (!ok)
		print $1 ":" $2 ": there is no " $3
}' "$dir/named" >"$dir/complaints"
# shellcheck disable=SC2086
grep -noE 'decisions? [0-9]{4}' $pages | while IFS=: read -r page line what; do
	grep -q "^docs/decisions/${what##* }-" "$dir/paths" || echo "$page:$line: there is no $what"
done >>"$dir/complaints"
sort -u "$dir/complaints"
[ ! -s "$dir/complaints" ]
