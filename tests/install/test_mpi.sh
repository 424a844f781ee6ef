#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_mpi.sh -- a program of ranks is built against an installed copy, by pkg-config and by CMake, shared and static,
# and run under mpirun and without; libweft itself does not need MPI.
#
# WEFT_PREFIX: take what is installed there. debian/tests has it /usr.
set -eu
. "$WEFT_SOURCE_DIR/tests/mpi/job.sh"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset PKG_CONFIG_PATH CMAKE_PREFIX_PATH CFLAGS LDFLAGS LD_LIBRARY_PATH DESTDIR
CC=${CC:-cc}
export CC

prefix=${WEFT_PREFIX:-}
if [ -z "$prefix" ]; then
	prefix=$dir/prefix
	cmake --install "$WEFT_BUILD_DIR" --prefix "$dir/first" >/dev/null
	mv "$dir/first" "$prefix"
fi
libdir=$(dirname "$(find "$prefix/lib"* -name libweft.so -print -quit)")
export PKG_CONFIG_PATH="$libdir/pkgconfig"
if readelf -d "$libdir/libweft.so" | grep NEEDED | grep -q mpi; then
	echo "libweft.so needs MPI"
	exit 1
fi

cat >"$dir/program.c" <<'END'
#include <stdio.h>
#include <weft/mpi.h>
#include <weft/weft.h>

static int square(weft_call *call, const void *arg, void *result)
{
	(void)call;
	*(int *)result = *(const int *)arg * *(const int *)arg;
	return 0;
}

int main(int argc, char **argv)
{
	int in[100], out[100], err;
	weft_executor *ex;

	/* By its text, or by name. */
	err = argc > 1 ? weft_executor_open(&ex, argv[1]) : weft_mpi_new(&ex, NULL);
	if (err)
		return err < 0;
	for (int i = 0; i < 100; i++)
		in[i] = i;
	err = weft_map(ex, square, in, sizeof in[0], out, sizeof out[0], 100, NULL);
	for (int i = 0; i < 100 && !err; i++)
		err = out[i] != i * i;
	weft_executor_free(ex);
	if (!err)
		puts("all is well");
	return err != 0;
}
END

# works PROGRAM: alone and as a job, opened in both ways
works() {
	for command in "$1" "$1 mpi:1" "$MPIRUN -n 2 $1" "$MPIRUN -n 2 $1 mpi:1"; do
		# shellcheck disable=SC2086 # a list of words
		LD_LIBRARY_PATH=$libdir WEFT_MPI_LOCAL=processes:1 $command >"$dir/out"
		[ "$(grep -c 'all is well' "$dir/out")" -eq 1 ] || {
			echo "failed: $command"
			exit 1
		}
	done
}

# shellcheck disable=SC2046 # lists of words
"$CC" -std=c11 "$dir/program.c" -o "$dir/by_pkg_config" $(pkg-config --cflags --libs weft-mpi)
works "$dir/by_pkg_config"

mkdir "$dir/project"
cat >"$dir/project/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES C)
find_package(weft 0.1 REQUIRED COMPONENTS mpi)
foreach(kind mpi mpi_static)
	add_executable(by_${kind} ../program.c)
	target_link_libraries(by_${kind} PRIVATE weft::${kind})
endforeach()
END
cmake -S "$dir/project" -B "$dir/build" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$dir/build" >/dev/null
works "$dir/build/by_mpi"
works "$dir/build/by_mpi_static"
if readelf -d "$dir/build/by_mpi_static" | grep -q 'NEEDED.*libweft'; then
	echo "the static program needs libweft"
	exit 1
fi
