#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_packaging.sh -- what packages have to say twice is the same everywhere: the version, the sources, the nodes of
# weft.map, the number of the SONAME.
set -eu

cd "${WEFT_SOURCE_DIR:?}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0

part() {
	sed -n "s/^#define WEFT_VERSION_$1 //p" include/weft/base.h
}
version=$(part MAJOR).$(part MINOR).$(part PATCH)

# says FILE SED VALUE: the first thing that SED prints of FILE is VALUE.
says() {
	found=$(sed -nE "$2" "$1" | head -n 1)
	[ "$found" = "$3" ] || {
		echo "$1: says \"$found\", should be \"$3\""
		status=1
	}
}
says packaging/meson/meson.build "s/^project\('weft', 'c', version: '([^']*)'.*/\1/p" "$version"
says packaging/meson/weft.wrap 's/^directory = weft-//p' "$version"
says packaging/meson/weft.wrap 's/^source_filename = weft-(.*)\.tar\.gz$/\1/p' "$version"
says packaging/conan/conanfile.py 's/^    version = "(.*)"$/\1/p' "$version"
says packaging/vcpkg/weft/vcpkg.json 's/^  "version": "(.*)",$/\1/p' "$version"
says debian/changelog 's/^weft \(([^)]*)\).*/\1/p' "$version"
says CHANGES.md 's/^## ([0-9.]+).*/\1/p' "$version"
for file in README.md docs/packaging.md; do
	other=$(grep -noE 'weft-[0-9]+\.[0-9]+\.[0-9]+|[Vv]ersion [0-9]+\.[0-9]+\.[0-9]+' $file | grep -v "[- ]$version\$" || :)
	[ -z "$other" ] || {
		echo "$file:$other: is not $version"
		status=1
	}
done

soversion=$(sed -nE 's/.* SOVERSION ([0-9]+)$/\1/p' CMakeLists.txt)
says packaging/meson/meson.build "s/.*soversion: '([0-9]+)'.*/\1/p" "$soversion"
says debian/libweft0.symbols 's/^libweft\.so\.([^ ]*) .*/\1/p' "$soversion"
says debian/control 's/^Package: libweft([0-9]+)$/\1/p' "$soversion"
for xml in tests/abi/*.xml; do
	says "$xml" "s/.* soname='libweft\.so\.([^']*)'.*/\1/p" "$soversion"
done

# Each node WEFT_A.B came with A.B.0. WEFT_PRIVATE is for libweft-mpi, which depends on this very version.
sed -nE 's/^WEFT_([0-9.]+) \{$/ (symver)WEFT_\1 \1.0/p' weft.map >"$dir/nodes"
grep '(symver)WEFT_[0-9]' debian/libweft0.symbols | diff "$dir/nodes" - || {
	echo "debian/libweft0.symbols (>) differs from the nodes of weft.map (<)"
	status=1
}

# What is in CMake's static library is compiled by meson. File names are unique in the tree.
ar t "$WEFT_BUILD_DIR/libweft.a" | sed 's/\.o$//' | sort >"$dir/cmake"
sed -nE "s/.*'(core|executors|ipc)\/([a-z0-9_]+\.c)'.*/\2/p" packaging/meson/meson.build | sort >"$dir/meson"
diff "$dir/cmake" "$dir/meson" || {
	echo "packaging/meson/meson.build (>) has not the sources that CMake has (<)"
	status=1
}
exit $status
