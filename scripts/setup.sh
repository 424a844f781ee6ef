#!/bin/sh
# SPDX-License-Identifier: MIT
#
# setup.sh [demo|test] -- installs what the build needs, from the packages of Debian or Ubuntu.
#
# Only what is missing is installed, and it is named first. Where nothing is missing, nothing is asked of
# the network, nor of sudo. "test" (the default) adds what only the tests need.
set -eu

what=${1:-test}
missing=

fail() {
	echo "setup.sh: $*" >&2
	exit 1
}

have() {
	command -v "$1" >/dev/null 2>&1
}

# need PACKAGE [COMMAND]: a tool may have come from elsewhere than its package.
need() {
	if [ $# -gt 1 ] && have "$2"; then
		return
	fi
	if dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; then
		return
	fi
	missing="$missing $1"
}

need build-essential
need cmake cmake
need ninja-build ninja
need pkgconf pkg-config
need liburing-dev
need libjemalloc-dev
need libcunit1-dev
need libbenchmark-dev
need libjansson-dev
need libncurses-dev
need systemtap-sdt-dev
if [ "$what" = test ]; then
	have clang || need clang-14 clang-14
	have clang-format || need clang-format-14 clang-format-14
	need abigail-tools abidiff
	need debhelper dh
	need gdb gdb
	need libglib2.0-dev
	need libjxl-dev
	need libopenmpi-dev mpicc
	need openmpi-bin mpirun
	need libsodium23
	need python3 python3
	need libuv1-dev
	need lintian lintian
	need meson meson
	need python3-myst-parser
	need python3-sphinx
	need spin spin
	need valgrind-if-available
fi

if [ -n "$missing" ]; then
	have apt-get || fail "no apt-get here to install:$missing"
	as_root=
	if [ "$(id -u)" -ne 0 ]; then
		have sudo || fail "neither root nor sudo, so these cannot be installed:$missing"
		as_root=sudo
	fi
	echo "setup.sh: installing:$missing"
	$as_root apt-get update -qq || fail "apt-get update failed"

	# The numbered tools are Debian 12's. Elsewhere the plain name gives the version of that system.
	packages=
	for package in $missing; do
		apt-cache show "$package" >/dev/null 2>&1 || package=${package%-14}
		packages="$packages $package"
	done
	# shellcheck disable=SC2086 # a list of words
	$as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends $packages >/dev/null ||
		fail "apt-get install failed:$packages"
fi

version=$(cmake --version | sed -n 's/^cmake version \([0-9]*\.[0-9]*\).*/\1/p')
if [ "${version%.*}" -lt 3 ] || { [ "${version%.*}" -eq 3 ] && [ "${version#*.}" -lt 25 ]; }; then
	fail "cmake is $version, and 3.25 is needed (Debian 12, Ubuntu 24.04)"
fi
