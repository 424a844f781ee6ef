#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_pages.sh -- the lints of pages pass on a good small tree, and complain of the same tree made wrong in one place, naming
# that place.
set -eu

here=$WEFT_SOURCE_DIR/tests/lint
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0

good_tree() {
	rm -rf "$dir/tree"
	mkdir -p "$dir/tree/docs/howto" "$dir/tree/examples" "$dir/tree/include/weft" "$dir/tree/docs/decisions"
	: >"$dir/tree/docs/decisions/0001-so.md"
	printf 'int weft_answer(void);\n' >"$dir/tree/include/weft/base.h"
	cat >"$dir/tree/examples/one.c" <<-'END'
		int main(void)
		{
			int a = 1;

			return a;
		}
	END
	cat >"$dir/tree/docs/tour.md" <<-'END'
		As `examples/one.c` shows, `weft_answer` of `weft/base.h` is in `one.c`, not in `o*.c`. `weft_*` are others. See decision 0001.

		<!-- from examples/one.c -->
		```c
		int main(void)
		{
			int a = 1;

			return a;
		}
		```

		<!-- from examples/one.c -->
		```c
		int a = 1;

		return a;
		```
	END
	cp "$dir/tree/docs/tour.md" "$dir/tree/docs/howto/one.md"
}

# complains LINT [PLACE]: exactly if a place is given, which it names.
complains() {
	lint=$1
	place=${2:-}
	status=0
	sh "$here/test_$lint.sh" "$dir/tree" >"$dir/said" 2>&1 || status=$?
	if [ -z "$place" ]; then
		[ "$status" -eq 0 ] && return
	elif [ "$status" -ne 0 ] && grep -q "^$place" "$dir/said"; then
		return
	fi
	echo "$lint: status $status, expected '${place:-nothing}', got: $(cat "$dir/said")"
	failures=$((failures + 1))
}

# bad LINT PLACE SED [FILE]: the good tree, with the page (or FILE) changed.
bad() {
	good_tree
	sed -i "$3" "$dir/tree/${4:-docs/tour.md}"
	complains "$1" "$2"
}

good_tree
complains included
complains named
bad included docs/tour.md:4: '7s/a/b/'
bad included docs/tour.md:14: 's/^int a = 1;/int a = 2;/'
bad included docs/tour.md:4: '3s/one/two/'
bad included docs/tour.md:13: '13d'
bad included docs/howto/one.md:14: '15,17d' docs/howto/one.md
bad included docs/tour.md:3: '4d'
bad included docs/tour.md:4: 's/1;/3;/' examples/one.c
bad named docs/tour.md:1: '1s,examples/one.c,examples/two.c,'
bad named docs/tour.md:1: '1s/`one.c/`two.c/'
bad named docs/tour.md:1: '1s/weft_answer/weft_question/'
bad named docs/tour.md:1: '1s,weft/base.h,weft/case.h,'
bad named docs/tour.md:1: '1s/weft_\*/left_*/'
bad named docs/tour.md:1: '1s/0001/0002/'
bad named docs/howto/one.md:1: '1s/`o\*/`p*/' docs/howto/one.md
[ "$failures" -eq 0 ]
