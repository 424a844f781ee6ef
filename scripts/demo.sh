#!/bin/sh
# SPDX-License-Identifier: MIT
#
# demo.sh -- builds a release and runs the prime checker on every executor, to compare them.
# Figures are medians of five rounds; other arguments go to the prime checker: demo.sh --repeat 20
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh demo

log=build/demo.log
mkdir -p build
echo "demo.sh: building"
if ! { cmake --preset release && cmake --build --preset release --target primes; } >"$log" 2>&1; then
	tail -n 30 "$log" >&2
	echo "demo.sh: the build failed; all of its output is in $log" >&2
	exit 1
fi
[ $# -gt 0 ] || set -- --repeat 5
exec build/release/examples/primes --compare "$@"
