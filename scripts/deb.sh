#!/bin/sh
# SPDX-License-Identifier: MIT
#
# deb.sh [DIR] -- builds the packages for Debian from a clean copy of the tree, and puts them into DIR, default
# build/deb. What it needs is in debian/control (apt-get build-dep ./); no test is run: docs/packaging.md
set -eu

mkdir -p "${1:-$(dirname "$0")/../build/deb}"
to=$(cd "${1:-$(dirname "$0")/../build/deb}" && pwd)
cd "$(dirname "$0")/.."
dpkg-checkbuilddeps
export DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-} nocheck parallel=$(nproc)"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
sh scripts/export.sh "$dir/weft"
rm -f "$to"/*.deb "$to"/*.changes "$to"/*.buildinfo
(cd "$dir/weft" && dpkg-buildpackage -b -uc -us)
mv "$dir"/*.deb "$dir"/*.changes "$dir"/*.buildinfo "$to"
