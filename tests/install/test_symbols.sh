#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_symbols.sh -- the symbols that libweft.so exports, those in weft.map, and the functions and variables
# that the headers declare WEFT_API are the same ones. A variable is what ends its line.
set -eu

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# declared FILE...: functions and variables
declared() {
	cat "$@" | awk '/^WEFT_API/ && match($0, /weft_[a-z0-9_]+(\(|$)/) { print substr($0, RSTART, RLENGTH) }' |
		tr -d '(' | sort
}
# exported LIBRARY: the nodes of the map are symbols too (type A); every other one belongs to a node: name@@node.
# What is private is between the two libraries.
exported() {
	nm -D --defined-only "$1" |
		awk '$2 != "A" && !/@@WEFT_PRIVATE$/ { sub(/@@WEFT_[A-Z0-9_.]+$/, "", $3); print $3 }' | sort
}

# shellcheck disable=SC2046 # paths of the tree
declared $(ls "$WEFT_SOURCE_DIR"/include/weft/*.h | grep -v '/mpi\.h$') >"$dir/headers"
sed -n 's/^[[:space:]]*\(weft_[a-z0-9][a-z0-9_]*\);.*/\1/p' "$WEFT_SOURCE_DIR/weft.map" | sort >"$dir/weft.map"
exported "$WEFT_BUILD_DIR/libweft.so" >"$dir/libweft.so"

status=0
[ -s "$dir/headers" ] || status=1
for other in weft.map libweft.so; do
	if ! (cd "$dir" && diff -u headers "$other"); then
		echo "$other (+) differs from the public headers (-)"
		status=1
	fi
done
# libweft-mpi, where there is one, and what it needs of libweft.
if [ -e "$WEFT_BUILD_DIR/libweft-mpi.so" ]; then
	declared "$WEFT_SOURCE_DIR/include/weft/mpi.h" >"$dir/mpi.h"
	exported "$WEFT_BUILD_DIR/libweft-mpi.so" >"$dir/libweft-mpi.so"
	if ! (cd "$dir" && diff -u mpi.h libweft-mpi.so); then
		echo "libweft-mpi.so (+) differs from its header (-)"
		status=1
	fi
fi
exit $status
