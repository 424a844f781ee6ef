#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_headers.sh -- each public header stands alone, in C and in C++, without a warning; and so does each macro
# that has a value.
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

# WEFT_X as it is, WEFT_X(n) with a 1; attributes and what stands for a function are no values.
macros=$(sed -nE 's/^#define (WEFT_[A-Z0-9_]+)(\(n\))?[[:space:]]+[^_[:space:]].*/\1\2/p' \
	"$WEFT_SOURCE_DIR"/include/weft/*.h | grep -vE '_(API|PRINTF|NOPLT)$' | sort -u | sed 's/(n)/(1)/')
[ "$(echo "$macros" | wc -l)" -gt 20 ] || status=1
{
	(cd "$WEFT_SOURCE_DIR/include" && ls weft/*.h) | sed 's/.*/#include <&>/'
	echo "int main(void) { long long sum = 0;"
	echo "$macros" | sed 's/.*/sum += (long long)(&);/'
	echo "return sum == 0; }"
} >"$WEFT_BUILD_DIR/every_macro.c"
"${CC:-cc}" -std=c11 $flags "$WEFT_BUILD_DIR/every_macro.c" || status=1
if [ -n "${CXX:-}" ]; then
	"$CXX" -std=c++11 $flags -x c++ "$WEFT_BUILD_DIR/every_macro.c" || status=1
fi
exit $status
