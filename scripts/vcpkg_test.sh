#!/bin/sh
# SPDX-License-Identifier: MIT
#
# vcpkg_test.sh ROOT [FEATURES] -- the port for vcpkg, by vcpkg itself. ROOT is a copy of its repository with the program
# vcpkg in it. weft is installed into a folder of its own, with FEATURES (default "core", which downloads nothing: liburing
# would come from its source); then a program finds it by vcpkg's toolchain file, and runs.
#
# docs/packaging.md says how vcpkg is built where its program cannot be downloaded.
set -eu

root=$(cd "${1:?a copy of the repository of vcpkg}" && pwd)
features=${2:-core}
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$root/vcpkg" install "weft[$features]" --vcpkg-root="$root" --overlay-ports="$PWD/packaging/vcpkg" \
	--x-install-root="$dir/installed" --binarysource=clear
cmake -S tests/install/consumer -B "$dir/build" -DCONSUMER_WEFT=find-package -DVCPKG_MANIFEST_MODE=OFF \
	-DCMAKE_TOOLCHAIN_FILE="$root/scripts/buildsystems/vcpkg.cmake" -DVCPKG_INSTALLED_DIR="$dir/installed"
grep "^weft_DIR:PATH=$dir/installed" "$dir/build/CMakeCache.txt"
cmake --build "$dir/build"
"$dir/build/consumer"
"$dir/build/consumer_static"
echo "vcpkg_test.sh: passed"
