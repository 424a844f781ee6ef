#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_refused.sh -- what cannot travel to another process does not compile where one vouches for it, and the compiler
# says why, and in which line; what can, or is left to the run time to refuse, compiles.
set -eu

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0

cat >"$dir/good" <<'END'
void f(weft::executor &ex, std::string s, int *) {
	ex.submit(weft::portable([n = 3] { return n; })).get();
	ex.submit([s] { return s; }).get();
	ex.submit([](int n) { return std::to_string(n); }, 3).get();
}
END
# Each of these lines, and what the compiler is to say of it.
cat >"$dir/bad" <<'END'
void a(weft::executor &ex, std::string s, int *) { ex.submit(weft::portable([s] { return s.size(); })); }
void b(weft::executor &ex, std::string, int *) { ex.submit(weft::portable([](int) { return std::string(); }), 3); }
void c(weft::executor &ex, std::string s, int *) { ex.submit(weft::portable([](std::string) { return 0; }), s); }
void d(weft::executor &ex, std::string, int *p) { ex.submit(weft::portable([](int *q) { return *q; }), p); }
void e(weft::executor &ex, std::string s, int *) { ex.submit([&s]() -> std::string & { return s; }); }
END
cat >"$dir/why" <<'END'
weft: what travels to another process must be trivially copyable
weft: a result that travels
weft: an argument that travels
weft: an argument that travels
weft: a task returns a value
END

# compiles FILE
compiles() {
	printf '#include <string>\n#include <weft/weft.hpp>\n#line 1 "%s"\n' "$1" | cat - "$dir/$1" |
		"$CXX" -std=c++20 -fsyntax-only -I"$WEFT_SOURCE_DIR/include" -x c++ - >"$dir/out" 2>&1
}

compiles good || {
	cat "$dir/out"
	status=1
}
if compiles bad; then
	echo "what cannot travel compiles"
	exit 1
fi
line=0
while read -r why; do
	line=$((line + 1))
	# The message comes with the line that led to it before it (gcc) or behind it (clang).
	grep -F -B12 -A12 "$why" "$dir/out" | grep -q "bad:$line:" || {
		echo "the compiler does not say \"$why\" of:"
		sed -n "${line}p" "$dir/bad"
		status=1
	}
done <"$dir/why"
[ $status -eq 0 ] || cat "$dir/out"
exit $status
