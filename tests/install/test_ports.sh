#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_ports.sh -- the recipe for conan and the port for vcpkg, as far as can be told without the two.
set -eu

command -v python3 >/dev/null || {
	echo "no python3 here"
	exit 77
}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -B "$WEFT_SOURCE_DIR/tests/install/check_ports.py" "$WEFT_SOURCE_DIR" "$dir"
cmake -D PORT_DIR="$WEFT_SOURCE_DIR/packaging/vcpkg/weft" -D BUILD_DIR="$WEFT_BUILD_DIR" -D WORK_DIR="$dir" \
	-P "$WEFT_SOURCE_DIR/tests/install/vcpkg_functions.cmake"
