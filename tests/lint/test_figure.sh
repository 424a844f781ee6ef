#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_figure.sh -- docs/peers.svg, the figure of the README, is what bench/figure.py draws from docs/benchmarks.md.
set -eu

cd "${WEFT_SOURCE_DIR:?}"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null || {
	echo 'skipped: no python3'
	exit 77
}
drawn=$(mktemp)
trap 'rm -f "$drawn"' EXIT
python3 -B bench/figure.py docs/benchmarks.md >"$drawn"
cmp "$drawn" docs/peers.svg || {
	echo 'docs/peers.svg is stale: python3 bench/figure.py docs/benchmarks.md >docs/peers.svg'
	exit 1
}
