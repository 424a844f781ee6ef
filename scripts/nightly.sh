#!/bin/sh
# SPDX-License-Identifier: MIT
#
# nightly.sh -- what takes too long for every change: the whole suite under each sanitizer and as built by
# clang, the tests on threads with random delays, the models with one preemption more, and clang-tidy over the
# library if it is there. All are run, also after one has failed; the exit status is 1 if any did.
set -eu
cd "$(dirname "$0")/.."

failed=
for preset in asan tsan clang; do
	echo "nightly.sh: $preset"
	WEFT_PRESET=$preset sh scripts/test.sh || failed="$failed $preset"
done

echo "nightly.sh: chaos"
WEFT_PRESET=chaos sh scripts/test.sh -R '^(contract\.threads|unit)' || failed="$failed chaos"

echo "nightly.sh: models"
WEFT_MODEL_PREEMPTIONS=3 WEFT_PRESET=release sh scripts/test.sh -L model -E mutation || failed="$failed models"
WEFT_MUTATE_MAX=1000000 WEFT_PRESET=release sh scripts/test.sh -R model.mutation || failed="$failed mutation"

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
