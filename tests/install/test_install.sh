#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_install.sh MODE -- a program that uses weft is built in one of the ways in which users do it, against
# an installed copy that was then moved elsewhere, and run.
#
# MODE: readme (the README's program by the README's command), pkg-config, pkg-config-static, find-package,
# add-subdirectory, fetch-content, cxx17, python (a foreign function interface: ctypes)
#
# WEFT_PREFIX: take what is installed there. debian/tests has it /usr.
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

prefix=${WEFT_PREFIX:-}
if [ -z "$prefix" ]; then
	prefix=$dir/prefix
	cmake --install "$WEFT_BUILD_DIR" --prefix "$dir/first" >/dev/null
	mv "$dir/first" "$prefix"
fi
libdir=
if [ "$prefix" != /usr ]; then
	libdir=$(dirname "$(find "$prefix" -name libweft.so)")
	export PKG_CONFIG_PATH="$libdir/pkgconfig"
fi

pkg() {
	pkg-config "$@" weft
}

# header PART: a number of the version.
header() {
	sed -n "s/^#define WEFT_VERSION_$1 //p" "$WEFT_SOURCE_DIR/include/weft/base.h"
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
		-DCMAKE_BUILD_TYPE=Debug -DCMAKE_EXE_LINKER_FLAGS="$no_id" "$@"
	cmake --build "$dir/build"
}

# A compiler that gives no build-id by itself: the one that weft asks for must suffice.
no_id=-Wl,--build-id=none
strict="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"
# shellcheck disable=SC2046,SC2086 # these are lists of words
case $mode in
readme)
	awk '/^```c$/ && !seen { inside = seen = 1; next } /^```$/ { inside = 0 } inside' "$WEFT_SOURCE_DIR/README.md" \
		>"$dir/hello.c"
	command=$(sed -n '/^cc hello\.c /p' "$WEFT_SOURCE_DIR/README.md")
	(cd "$dir" && sh -exc "$command")
	for spec in "" threads:4 processes:2; do
		LD_LIBRARY_PATH=$libdir "$dir/hello" $spec >"$dir/out"
		cat "$dir/out"
		[ "$(sed 's/.*: //' "$dir/out" | xargs)" = "true true false" ]
	done
	;;
python)
	command -v python3 >/dev/null || exit 77
	# The C library keeps some 1.6 KiB for thread-local variables of what is loaded late. The checks of locks need more.
	if grep -qs '^WEFT_LOCK_CHECKS:.*=ON$' "${WEFT_BUILD_DIR:-}/CMakeCache.txt" && [ -z "${WEFT_PREFIX:-}" ]; then
		export GLIBC_TUNABLES=glibc.rtld.optional_static_tls=4096
	fi
	LD_LIBRARY_PATH=$libdir python3 "$consumer/consumer.py" libweft.so.0
	;;
pkg-config)
	"$CC" -std=c11 $strict $no_id $(pkg --cflags) "$consumer/consumer.c" -o "$dir/program" $(pkg --libs)
	needs_weft yes "$dir/program"
	LD_LIBRARY_PATH=$libdir "$dir/program"
	[ "$(pkg --modversion)" = "$(header MAJOR).$(header MINOR).$(header PATCH)" ]
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
	LD_LIBRARY_PATH=$libdir "$dir/program"
	# The headers that hold code are there too, and those that need no other library stand alone.
	for header in glib.h jxl.h parallel_for.h uv.h weft.hpp; do
		[ -f "$prefix/include/weft/$header" ]
	done
	printf '#include <weft/parallel_for.h>\n#include <weft/weft.hpp>\n' |
		"$CXX" -std=c++20 $strict $(pkg --cflags) -fsyntax-only -x c++ -
	;;
find-package)
	cmake_build -DCMAKE_PREFIX_PATH="$prefix"
	needs_weft yes "$dir/build/consumer"
	needs_weft no "$dir/build/consumer_static"
	"$dir/build/consumer"
	"$dir/build/consumer_static"
	# What there is not is not found.
	for what in "0.1 REQUIRED COMPONENTS core looms" "0.2 REQUIRED"; do
		if cmake_build -DCMAKE_PREFIX_PATH="$prefix" -DCONSUMER_FINDS="$what" >/dev/null 2>&1; then
			echo "find_package(weft $what) finds something"
			exit 1
		fi
	done
	;;
add-subdirectory | fetch-content)
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
