#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test.sh -- builds everything and runs every test. The exit status is ctest's, or that of a failed build.
# WEFT_PRESET chooses the build (see CMakePresets.json), default dev. Arguments are handed to ctest:
# test.sh -R contract
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh test

preset=${WEFT_PRESET:-dev}
cmake --preset "$preset"
cmake --build --preset "$preset"
exec ctest --preset "$preset" "$@"
