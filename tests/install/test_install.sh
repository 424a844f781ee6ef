#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_install.sh MODE -- a program that uses weft is built in one of the ways in which users do it, against
# an installed copy that was then moved elsewhere, and run.
#
# MODE: pkg-config, pkg-config-static, find-package, add-subdirectory, cxx17
set -eu

mode=$1
consumer=$WEFT_SOURCE_DIR/tests/install/consumer
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# Nothing of the caller's surroundings: only the installed copy must be found.
unset PKG_CONFIG_PATH CMAKE_PREFIX_PATH CFLAGS CXXFLAGS LDFLAGS LD_LIBRARY_PATH DESTDIR
CC=${CC:-cc}
CXX=${CXX:-c++}
export CC CXX

cmake --install "$WEFT_BUILD_DIR" --prefix "$dir/first" >/dev/null
mv "$dir/first" "$dir/prefix"

pkg() {
	PKG_CONFIG_PATH=$(dirname "$(find "$dir/prefix" -name weft.pc)") pkg-config "$@" weft
}

libdir() {
	dirname "$(find "$dir/prefix" -name libweft.so)"
}

# needs_weft yes|no PROGRAM: does it load libweft.so?
needs_weft() {
	needed=no
	readelf -d "$2" | grep -q 'NEEDED.*\[libweft\.so\.0\]' && needed=yes
	[ "$needed" = "$1" ] || {
		echo "$2 needs libweft.so.0: $needed, and should be: $1"
		exit 1
	}
	readelf -n "$2" | grep -q "Build ID" || {
		echo "$2 has no build-id"
		exit 1
	}
}

cmake_build() {
	cmake -S "$consumer" -B "$dir/build" -DCONSUMER_WEFT="$mode" \
		-DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_EXE_LINKER_FLAGS="$no_id" "$@"
	cmake --build "$dir/build"
}

# A compiler that gives no build-id by itself: the one that weft asks for must suffice.
no_id=-Wl,--build-id=none
strict="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"
# shellcheck disable=SC2046,SC2086 # these are lists of words
case $mode in
pkg-config)
	"$CC" -std=c11 $strict $no_id $(pkg --cflags) "$consumer/consumer.c" -o "$dir/program" $(pkg --libs)
	needs_weft yes "$dir/program"
	LD_LIBRARY_PATH=$(libdir) "$dir/program"
	[ "$(pkg --modversion)" = "$(sed -n 's/^CMAKE_PROJECT_VERSION:STATIC=//p' "$WEFT_BUILD_DIR/CMakeCache.txt")" ]
	;;
pkg-config-static)
	"$CC" -std=c11 $strict $no_id $(pkg --cflags) "$consumer/consumer.c" -o "$dir/program" \
		$(pkg --static --libs | sed 's/-lweft\>/-l:libweft.a/')
	needs_weft no "$dir/program"
	"$dir/program"
	# With nothing shared at all a function must be found by its build-id too.
	if "$CC" -std=c11 -static $no_id $(pkg --cflags) "$consumer/consumer.c" -o "$dir/alone" $(pkg --static --libs); then
		"$dir/alone"
	fi
	;;
cxx17)
	"$CXX" -std=c++17 $strict $no_id $(pkg --cflags) "$consumer/consumer.cpp" -o "$dir/program" $(pkg --libs)
	needs_weft yes "$dir/program"
	LD_LIBRARY_PATH=$(libdir) "$dir/program"
	# The headers that hold code are there too, and those that need no other library stand alone.
	for header in glib.h jxl.h parallel_for.h uv.h weft.hpp; do
		[ -f "$dir/prefix/include/weft/$header" ]
	done
	printf '#include <weft/parallel_for.h>\n#include <weft/weft.hpp>\n' |
		"$CXX" -std=c++20 $strict $(pkg --cflags) -fsyntax-only -x c++ -
	;;
find-package)
	cmake_build -DCMAKE_PREFIX_PATH="$dir/prefix"
	needs_weft yes "$dir/build/consumer"
	needs_weft no "$dir/build/consumer_static"
	"$dir/build/consumer"
	"$dir/build/consumer_static"
	;;
add-subdirectory)
	cmake_build -DCONSUMER_WEFT_DIR="$WEFT_SOURCE_DIR"
	needs_weft yes "$dir/build/consumer"
	needs_weft no "$dir/build/consumer_static"
	"$dir/build/consumer"
	"$dir/build/consumer_static"
	;;
*)
	echo "unknown mode: $mode" >&2
	exit 2
	;;
esac
