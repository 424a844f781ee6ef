#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_valgrind.sh -- programs under valgrind: it has nothing to say, and they do what they should. Nobody says that
# fibers are to use epoll, nor that regions must be small: the library notices. WEFT_BUILD_DIR names the build tree.
set -eu

examples=${WEFT_BUILD_DIR:?names the build tree}/examples
here=$(cd "$(dirname "$0")" && pwd)
command -v valgrind >/dev/null || {
	echo 'skipped: there is no valgrind'
	exit 77
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# under PROGRAM ARGUMENT...: what it prints goes to $tmp/out. Lines with -- are of calls that valgrind does not know.
under() {
	timeout -s KILL 60 valgrind -q --fair-sched=yes --error-exitcode=9 "$@" \
		>"$tmp/out" 2>"$tmp/err" || {
		echo "test_valgrind.sh: $*: status $?: $(cat "$tmp/err")" >&2
		exit 1
	}
	if grep '^==' "$tmp/err" >&2; then
		exit 1
	fi
}

awk 'BEGIN { for (i = 0; i < 20; i++) print "200 8192 /" i }' >"$tmp/want"
under "$examples/fetch" --serve 20 --latency 1 --executor uring:2
cmp "$tmp/want" "$tmp/out"

"$examples/treehash" --quiet --total --io threads:1 "$here" >"$tmp/want"
under "$examples/treehash" --quiet --total --io uring:1 --hash threads:2 "$here"
cmp "$tmp/want" "$tmp/out"

# A queue between threads, in a region.
under "$WEFT_BUILD_DIR/tests/test_queue" ends_wrap
