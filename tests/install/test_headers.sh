#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_headers.sh -- each public header stands alone, in C and in C++, without a warning.
set -eu

status=0
cmake --build "$WEFT_BUILD_DIR" --target all_verify_interface_header_sets || status=1

flags="-I$WEFT_SOURCE_DIR/include -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fsyntax-only"
for header in "$WEFT_SOURCE_DIR"/include/weft/*.h; do
	name=weft/$(basename "$header")
	# Twice, so that the guard is tried as well.
	text=$(printf '#include <%s>\n#include <%s>\n_' "$name" "$name")
	printf '%s\n' "${text%_}" | "${CC:-cc}" -std=c11 $flags -x c - || status=1
	if [ -n "${CXX:-}" ]; then
		printf '%s\n' "${text%_}" | "$CXX" -std=c++11 $flags -x c++ - || status=1
	fi
done
exit $status
