#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_symbols.sh -- the symbols that libweft.so exports, those in weft.map, and the functions and variables
# that the headers declare WEFT_API are the same ones. A variable is what ends its line.
set -eu

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat "$WEFT_SOURCE_DIR"/include/weft/*.h |
	awk '/^WEFT_API/ && match($0, /weft_[a-z0-9_]+(\(|$)/) { print substr($0, RSTART, RLENGTH) }' | tr -d '(' |
	sort >"$dir/headers"
sed -n 's/^[[:space:]]*\(weft_[a-z0-9_]*\);.*/\1/p' "$WEFT_SOURCE_DIR/weft.map" | sort >"$dir/weft.map"
# The nodes of the map are symbols too (type A); every other one belongs to a node: name@@node.
nm -D --defined-only "$WEFT_BUILD_DIR/libweft.so" |
	awk '$2 != "A" { sub(/@@WEFT_[0-9.]+$/, "", $3); print $3 }' | sort >"$dir/libweft.so"

status=0
[ -s "$dir/headers" ] || status=1
for other in weft.map libweft.so; do
	if ! (cd "$dir" && diff -u headers "$other"); then
		echo "$other (+) differs from the public headers (-)"
		status=1
	fi
done
exit $status
