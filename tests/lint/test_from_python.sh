#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_from_python.sh -- docs/from-python.md has a row for each public name of Python's modules, says in each what it is in
# weft or "none" and why. examples/lessons/README.md has one for each lesson. Neither names anything of weft's that does not
# exist.
#
# The names are those of python_names.txt and, if there is a python3 that the page is about, of that one.
set -eu

source=${WEFT_SOURCE_DIR:?}
page=$source/docs/from-python.md
table=$source/examples/lessons/README.md
here=$source/tests/lint
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

grep -v '^#' "$here/python_names.txt" >"$dir/names"
if python3 -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
	python3 -B "$here/python_names.py" >>"$dir/names"
fi
sort -u "$dir/names" >"$dir/wanted"

# The first column, by the module in the heading: "MODULE NAME" for each word in backticks. Complaints go to stderr.
awk -F ' *[|] *' '
/^## / { module = $0; gsub(/^## |`/, "", module) }
/^\|/ && $2 != "Python" && $2 !~ /^-+$/ {
	if (NF != 5 || $3 == "" || ($3 == "none" && $4 == "")) {
		print "docs/from-python.md:" FNR ": no counterpart, or none without a reason: " $2 >"/dev/stderr"
		bad = 1
	}
	while (match($2, /`[^`]+`/)) {
		print module, substr($2, RSTART + 1, RLENGTH - 2)
		$2 = substr($2, RSTART + RLENGTH)
	}
}
END { exit bad }' "$page" >"$dir/rows" || status=1
sort -u "$dir/rows" >"$dir/have"
comm -23 "$dir/wanted" "$dir/have" >"$dir/missing"
[ ! -s "$dir/missing" ] || {
	sed 's/^/docs\/from-python.md: no row for /' "$dir/missing"
	status=1
}

for lesson in "$source"/examples/lessons/*.c; do
	grep -q "^|.*(${lesson##*/})" "$table" || {
		echo "examples/lessons/README.md: no row for ${lesson##*/}"
		status=1
	}
done

# What they say of weft: functions, types, constants, fields of structs, headers, files.
cat "$source"/include/weft/*.h >"$dir/headers"
# shellcheck disable=SC2013 # words
for name in $(grep -ohE '\b(weft|WEFT)_[A-Za-z0-9_]+' "$page" "$table" | sort -u); do
	grep -qw -- "$name" "$dir/headers" || {
		echo "docs/from-python.md, examples/lessons/README.md: there is no $name in include/weft"
		status=1
	}
done
# shellcheck disable=SC2013
for file in $(grep -oE '\b(weft|examples)/[a-z_/]+\.[ch]\b' "$page" | sed 's,^weft/,include/weft/,' | sort -u); do
	[ -e "$source/$file" ] || {
		echo "docs/from-python.md: there is no $file"
		status=1
	}
done
exit "${status:-0}"
