#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_debian.sh -- the packages for Debian: built from a clean copy of the tree, without complaint from lintian; they
# hold all that is installed, each file once; installed into a root of their own, the README's program and others
# are built with them and run; removed, they leave nothing.
#
# Here they are built with -O0 and without the manual, which is quicker. scripts/package_test.sh builds and installs them as one would.
set -eu

for tool in dpkg-buildpackage dh lintian; do
	command -v $tool >/dev/null || {
		echo "no $tool here"
		exit 77
	}
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset PKG_CONFIG_PATH CMAKE_PREFIX_PATH CFLAGS CXXFLAGS LDFLAGS LD_LIBRARY_PATH DESTDIR

DEB_BUILD_OPTIONS="noopt nomanual" sh "$WEFT_SOURCE_DIR/scripts/deb.sh" "$dir/deb" >"$dir/log" 2>&1 || {
	tail -n 50 "$dir/log"
	exit 1
}
cd "$dir"
lintian --allow-root --fail-on error,warning --suppress-tags hardening-no-fortify-functions,no-manual-page deb/*.changes

# Every symbol of the map is in the symbols file, and nothing else is.
dpkg-deb --ctrl-tarfile deb/libweft0_*.deb | tar -xO ./symbols | sed -n 's/^ \(weft[a-z0-9_]*\)@WEFT_.*/\1/p' |
	sort >symbols
sed -n 's/^[[:space:]]*\(weft_[a-z0-9_]*\);.*/\1/p' "$WEFT_SOURCE_DIR/weft.map" | sort | diff - symbols

# The packages have what the build installs, but for Debian's own folder for documents, and each file is in one.
for package in deb/*.deb; do
	case $package in
	*-dbgsym_*) ;;
	*) dpkg-deb --fsys-tarfile "$package" | tar -t | grep -v '/$' ;;
	esac
done | sed "s,/lib/$(dpkg-architecture -q DEB_HOST_MULTIARCH)/,/lib/,; s/\.gz$//" | grep -v ^./usr/share/doc/ | sort >packed
DESTDIR="$dir/installed" cmake --install "$WEFT_BUILD_DIR" --prefix /usr >/dev/null
# That build's kind has another name.
find installed ! -type d | sed 's/^installed/./; s/Targets-[a-z]*/Targets-none/' |
	grep -v ^./usr/share/doc/ | sort | diff - packed

root=$dir/root
dpkg_root() {
	dpkg --root="$root" --force-not-root --force-depends --log=/dev/null "$@" >>"$dir/log" 2>&1 || {
		tail -n 20 "$dir/log"
		exit 1
	}
}
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates"
touch "$root/var/lib/dpkg/status"
packages=$(ls deb/*.deb | grep -v -e -dbgsym_)
# shellcheck disable=SC2086 # a list of words
dpkg_root --install $packages
[ "$(dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${Package} ${db:Status-Status}\n' | grep -c ' installed$')" \
	-eq "$(echo "$packages" | wc -l)" ]

# weft.pc says /usr, which pkg-config would leave out.
export PKG_CONFIG_SYSROOT_DIR="$root" PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
for mode in readme find-package python; do
	WEFT_PREFIX=$root/usr sh "$WEFT_SOURCE_DIR/tests/install/test_install.sh" $mode
done

# shellcheck disable=SC2046 # a list of words
dpkg_root --purge $(dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${Package}\n')
left=$(find "$root" ! -type d ! -path "$root/var/lib/dpkg/*")
[ -z "$left" ] || {
	echo "left after their removal: $left"
	exit 1
}
