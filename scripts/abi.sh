#!/bin/sh
# SPDX-License-Identifier: MIT
#
# abi.sh check [LIBRARY] -- compares a libweft.so with the ABI of the last release, as committed: docs/abi.md
# abi.sh dump [LIBRARY]  -- writes that library's to the standard output
# abi.sh renew [LIBRARY] -- commits to another: writes it into tests/abi/
#
# LIBRARY must have been built with -g; without it, build/dev is built first. Needs abidw and abidiff (Debian:
# abigail-tools), version 2.2 for what is to be the same byte by byte.
#
# Exit status: 0, 1 the ABI differs, 2 wrong usage or nothing to look at, 77 cannot tell on this machine.
set -eu

what=${1:-}
root=$(dirname "$0")/..
committed=$root/tests/abi/libweft-$(uname -m).xml
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

command -v abidw >/dev/null || {
	echo "abi.sh: no abidw here (Debian: abigail-tools)"
	exit 77
}
if [ $# -gt 1 ]; then
	library=$2
else
	cmake -S "$root" --preset dev >/dev/null
	cmake --build "$root/build/dev" --target weft_shared >/dev/null
	library=$root/build/dev/libweft.so
fi
headers=${WEFT_ABI_HEADERS:-$root/include/weft}

# What the public headers say of types, and the symbols; no place in a file system, nothing of the build.
dump() {
	abidw --headers-dir "$headers" --drop-private-types --drop-undefined-syms --exported-interfaces-only \
		--no-corpus-path --no-comp-dir-path --no-show-locs --no-elf-needed --no-parameter-names \
		--no-write-default-sizes --type-id-style hash --out-file "$dir/xml" "$library"
	grep -q "<function-decl" "$dir/xml" || {
		echo "abi.sh: $library has no debugging information" >&2
		return 2
	}
	sed "/<abi-instr /s, path='[^']*/, path=',; s/^ *//" "$dir/xml"
}

case $what in
dump)
	dump
	;;
renew)
	dump >"$dir/new"
	cp "$dir/new" "$committed"
	;;
check)
	[ -e "$committed" ] || {
		echo "abi.sh: no ABI is committed for $(uname -m)"
		exit 77
	}
	dump >"$dir/new.xml"
	# What is new is no difference: bit 2 (ABI change) would be set by it.
	abidiff --no-added-syms --suppressions "$root/tests/abi/growing.abignore" "$committed" "$dir/new.xml" || {
		echo "abi.sh: programs that were linked with the last release may fail with this library: docs/abi.md"
		exit 1
	}
	;;
*)
	sed -n '3,5s/^# //p' "$0" >&2
	exit 2
	;;
esac
