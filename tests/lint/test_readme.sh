#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_readme.sh -- the program that README.md opens with is examples/hello.c, byte for byte; so it is
# compiled and formatted as everything else here.
set -eu

readme=${WEFT_SOURCE_DIR:?}/README.md
program=$WEFT_SOURCE_DIR/examples/hello.c
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

awk '
/^```c$/ && !seen { inside = seen = 1; next }
/^```$/           { inside = 0 }
inside            { print }' "$readme" >"$dir/README.c"

[ -s "$dir/README.c" ] || {
	echo "README.md:1: there is no block that begins with \`\`\`c"
	exit 1
}
diff -u "$program" "$dir/README.c" || {
	echo "README.md (+): its first program differs from examples/hello.c (-)"
	exit 1
}
