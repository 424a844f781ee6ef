#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_meson.sh -- a meson project that has weft as a subproject, by packaging/meson: the sources come as the archive
# that weft.wrap names, its program runs, and what is installed is what CMake installs.
set -eu

command -v meson >/dev/null || {
	echo "no meson here"
	exit 77
}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset PKG_CONFIG_PATH CFLAGS LDFLAGS LD_LIBRARY_PATH DESTDIR
packaging=$WEFT_SOURCE_DIR/packaging/meson

wrap() {
	sed -n "s/^$1 = //p" "$packaging/weft.wrap"
}

# What docs/packaging.md says.
mkdir -p "$dir/project/subprojects/packagefiles/weft"
cp "$WEFT_SOURCE_DIR/tests/install/consumer/meson.build" "$WEFT_SOURCE_DIR/tests/install/consumer/consumer.c" "$dir/project"
cp "$packaging/weft.wrap" "$dir/project/subprojects"
cp "$packaging/meson.build" "$packaging/meson_options.txt" "$dir/project/subprojects/packagefiles/weft"
sh "$WEFT_SOURCE_DIR/scripts/export.sh" "$dir/$(wrap directory)"
tar -C "$dir" -czf "$dir/project/subprojects/packagefiles/$(wrap source_filename)" "$(wrap directory)"

cd "$dir"
meson setup --fatal-meson-warnings --prefix /usr project build
meson compile -C build >log || {
	cat log
	exit 1
}
meson test -C build --print-errorlogs
DESTDIR="$dir/meson" meson install -C build --no-rebuild >log || {
	cat log
	exit 1
}
DESTDIR="$dir/cmake" cmake --install "$WEFT_BUILD_DIR" --prefix /usr >/dev/null

# The same headers, the same names of libraries, the same symbols.
diff -r "$dir/meson/usr/include" "$dir/cmake/usr/include"
for how in meson cmake; do
	library=$(find "$dir/$how" -name libweft.so)
	(cd "$(dirname "$library")" && ls libweft.*) >"$how.names"
	nm -D --defined-only "$library" | cut -d ' ' -f 2- | sort >"$how.symbols"
	find "$dir/$how" -name weft.pc | grep -q .
done
diff meson.names cmake.names
diff meson.symbols cmake.symbols
