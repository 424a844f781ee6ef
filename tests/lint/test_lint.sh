#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_lint.sh -- each rule of lint.sh passes on a good small tree and fails on the same tree made bad in one
# place, with that place named.
set -eu

lint=$WEFT_SOURCE_DIR/tests/lint/lint.sh
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
spdx='/* SPDX-License-Identifier: MIT */'
failures=0

# write FILE: makes a source of the text on standard input, behind a line for its licence.
write() {
	mkdir -p "$dir/tree/$(dirname "$1")"
	{
		echo "$spdx"
		cat
	} >"$dir/tree/$1"
}

good_tree() {
	rm -rf "$dir/tree"
	write include/weft/base.h <<'END'
#define WEFT_API __attribute__((visibility("default")))

/** Gives the answer.
 *
 * @owns   Nothing.
 * @from   Anywhere.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_answer(); */
WEFT_API int weft_answer(int (*ask)(int question), int question);
END
	write core/atomic.h <<'END'
#include <stdatomic.h>
END
	write core/base.c <<'END'
#include "atomic.h"
#include <errno.h>
#include <weft/base.h>

/* not volatile, and no __atomic_add */
#define full() atom_fence(seq_cst)
static const char *said = "volatile // \"__sync_x";
END
	write adapters/weft/loop.h </dev/null
	write executors/lane.h </dev/null
	write executors/thread_pool.h </dev/null
	write executors/worker.c <<'END'
#include "atomic.h"
#include "lane.h"
END
	write executors/thread_pool_queue.c <<'END'
#include "thread_pool.h"
END
	write examples/primes.c <<'END'
#include <signal.h>
#include <weft/base.h>

#include <weft/loop.h>

static volatile sig_atomic_t stopped;
END
	write tests/harness.h </dev/null
	write tests/unit/test_base.c <<'END'
#include "atomic.h"
#include "harness.h"
END
	write tests/contract/contract_base.c <<'END'
#include "harness.h"
END
	write bench/shim.h </dev/null
	write bench/bench_base.c <<'END'
#include "shim.h"
END
	write build/dev/atomic.h <<'END'
#include <stdatomic.h> /* a build tree is no part of the tree */
END
	# Not a word of its own, so no mark.
	printf '# SPDX-License-Identifier: MIT\nname=XXXXXX\n' >"$dir/tree/CMakeLists.txt"
	mkdir -p "$dir/tree/docs"
	printf '# SPDX-License-Identifier: MIT\n' >"$dir/tree/docs/CMakeLists.txt"
}

# expect pass|fail RULE [PLACE]: runs a rule over the tree; where it fails, it must name the place.
expect() {
	status=0
	sh "$lint" "$2" "$dir/tree" >"$dir/out" 2>&1 || status=$?
	if [ $status -eq 77 ]; then
		echo "skip: $2: $(cat "$dir/out")"
		return
	fi
	case $1 in
	pass) [ $status -eq 0 ] && return ;;
	fail) [ $status -eq 1 ] && grep -qF "$3" "$dir/out" && return ;;
	esac
	echo "lint.sh $2 should $1 ${3:+at $3 }and ended with $status:"
	cat "$dir/out"
	failures=$((failures + 1))
}

# bad RULE FILE [PLACE]: adds the text on standard input to a file of a good tree: the rule must fail there.
bad() {
	good_tree
	mkdir -p "$dir/tree/$(dirname "$2")"
	[ -e "$dir/tree/$2" ] || echo "$spdx" >"$dir/tree/$2"
	cat >>"$dir/tree/$2"
	expect fail "$1" "${3:-$2}"
}

lines() {
	awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++) print "\t;" }'
}

good_tree
for rule in layers atomics file-length function-length docs names spdx marks format; do
	expect pass "$rule"
done

bad layers core/base.c core/base.c:9 <<'END'
#include "lane.h"
END
bad layers core/base.c <<'END'
#include "../executors/lane.h"
END
bad layers core/base.c <<'END'
#include <weft/lane.h>
END
bad layers core/base.c <<'END'
#include <weft/loop.h>
END
bad layers adapters/weft/loop.h <<'END'
#include "base.h"
END
bad layers include/weft/base.h <<'END'
#include "atomic.h"
END
bad layers executors/worker.c <<'END'
#include "thread_pool.h"
END
bad layers executors/thread_pool_queue.c <<'END'
	#  include	"lane.h"
END
bad layers examples/primes.c <<'END'
#include "atomic.h"
END
bad layers tools/top_base.c <<'END'
#include "atomic.h"
END
bad layers bench/bench_base.c <<'END'
#include <../core/atomic.h>
END
bad layers tests/contract/contract_base.c <<'END'
#include "lane.h"
END

bad atomics core/base.c <<'END'
#include <stdatomic.h>
END
bad atomics tests/unit/test_base.c <<'END'
#include <stdatomic.h>
END
bad atomics core/base.c core/base.c:10 <<'END'
/* a comment
 */ int x = __atomic_load_n(&y, 0);
END
bad atomics executors/worker.c <<'END'
int x = 1 + __sync_fetch_and_add(&y, 1);
END
bad atomics core/base.c <<'END'
	atom_fence(release);
END
bad atomics executors/worker.c <<'END'
static _Atomic int x;
END
bad atomics executors/worker.c <<'END'
static volatile int stop; /* no sig_atomic_t */
END

lines 499 >"$dir/long"
good_tree
write core/long.c <"$dir/long"
expect pass file-length
lines 500 >"$dir/long"
bad file-length core/long.c <"$dir/long"

{ echo 'int f(void)'; echo '{'; lines 78; echo '}'; } >"$dir/long"
good_tree
write core/long.c <"$dir/long"
expect pass function-length
{ echo 'int f(void)'; echo '{'; lines 79; echo '}'; } >"$dir/long"
bad function-length core/long.c core/long.c:3 <"$dir/long"

bad docs include/weft/base.h include/weft/base.h:12 <<'END'
WEFT_API int weft_bare(void);
END
bad docs include/weft/base.h <<'END'
/** Has a line between.
 * @owns   Nothing.
 * @from   Anywhere.
 * @waits  Never.
 * @orders Nothing. */

WEFT_API int weft_far(void);
END
for tag in owns from waits orders; do
	good_tree
	sed -i "/@$tag/d" "$dir/tree/include/weft/base.h"
	expect fail docs "@$tag"
done
good_tree
sed -i 's/@owns .*/@owns/' "$dir/tree/include/weft/base.h"
expect fail docs @owns

bad names tests/unit/base.c </dev/null
bad names docs/primes.c </dev/null

good_tree
sed -i 1d "$dir/tree/core/base.c"
expect fail spdx core/base.c
good_tree
echo 'true' >"$dir/tree/docs/bare.sh"
expect fail spdx docs/bare.sh

for mark in TODO FIXME XXX; do
	bad marks core/base.c core/base.c:9 <<END
/* $mark: later */
END
done

cp "$WEFT_SOURCE_DIR/.clang-format" "$dir/format"
good_tree
cp "$dir/format" "$dir/tree/.clang-format"
expect pass format
good_tree
cp "$dir/format" "$dir/tree/.clang-format"
printf 'int  f( void ) { return 1 ; }\n' >>"$dir/tree/core/base.c"
expect fail format core/base.c

# A rule that finds nothing to check has not been checked.
rm -rf "$dir/tree"
mkdir "$dir/tree"
status=0
sh "$lint" layers "$dir/tree" >"$dir/out" 2>&1 || status=$?
if [ $status -ne 2 ]; then
	echo "lint.sh should end with 2 on an empty tree, and ended with $status"
	failures=$((failures + 1))
fi

[ $failures -eq 0 ] || {
	echo "$failures failures"
	exit 1
}
