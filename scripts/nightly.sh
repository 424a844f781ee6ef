#!/bin/sh
# SPDX-License-Identifier: MIT
#
# nightly.sh -- what takes too long for every change: the whole suite under each sanitizer and as built by
# clang, and clang-tidy over the library if it is there. All are run, also after one has failed; the exit
# status is 1 if any did.
set -eu
cd "$(dirname "$0")/.."

failed=
for preset in asan tsan clang; do
	echo "nightly.sh: $preset"
	WEFT_PRESET=$preset sh scripts/test.sh || failed="$failed $preset"
done

if tidy=$(command -v clang-tidy-14 || command -v clang-tidy); then
	echo "nightly.sh: clang-tidy"
	"$tidy" -p build/clang --quiet --warnings-as-errors='*' core/*.c executors/*.c || failed="$failed tidy"
else
	echo "nightly.sh: no clang-tidy here"
fi

if [ -n "$failed" ]; then
	echo "nightly.sh: failed:$failed" >&2
	exit 1
fi
