#!/bin/sh
# SPDX-License-Identifier: MIT
#
# package_test.sh [SUITE [DEBS]] -- the packages on a fresh machine: they are built as always, or taken from the folder
# DEBS, then installed by apt into a new minimal Debian (SUITE, default bookworm) in a folder, where the README's program
# is compiled by its command and run; then debian/tests by autopkgtest: it has a test for each package.
#
# Needs root and Debian's archive, or a mirror of it in WEFT_DEBIAN_MIRROR. It installs debootstrap and autopkgtest,
# where they are missing. Some minutes.
set -eu

suite=${1:-bookworm}
debs=${2:+$(cd "$2" && pwd)}
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
system=$dir/system
leave() {
	umount "$system/dev/pts" "$system/proc" 2>/dev/null || :
	rm -rf --one-file-system "$dir"
}
trap leave EXIT

sh scripts/setup.sh test
for tool in debootstrap autopkgtest; do
	command -v $tool >/dev/null ||
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $tool >/dev/null
done

# inside COMMAND: by a shell of the new system, which knows nothing of this one's environment.
inside() {
	chroot "$system" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive sh -ec "$1"
}

if [ -n "$debs" ]; then
	cp -r "$debs" "$dir/deb"
else
	sh scripts/deb.sh "$dir/deb" >"$dir/log" 2>&1 || {
		tail -n 50 "$dir/log"
		exit 1
	}
fi
lintian --allow-root --fail-on error,warning "$dir"/deb/*.changes

debootstrap --variant=minbase "$suite" "$system" ${WEFT_DEBIAN_MIRROR:+"$WEFT_DEBIAN_MIRROR"} >"$dir/log" || {
	tail -n 50 "$dir/log"
	exit 1
}
mount -t proc proc "$system/proc"
mount -t devpts devpts "$system/dev/pts"
rm -f "$dir"/deb/*-dbgsym_*
sh scripts/export.sh "$dir/weft"
cp -r "$dir/deb" "$dir/weft" "$system/root"

inside 'apt-get -qq update; apt-get install -y -qq /root/deb/*.deb >/dev/null'
inside 'apt-get install -y -qq --no-install-recommends gcc libc6-dev pkgconf >/dev/null'
inside 'cd /root/weft; sh debian/tests/readme'

env -i PATH="$PATH" HOME="$dir" autopkgtest -q -B "$dir"/deb/*.deb "$dir/weft" -- chroot "$system"
echo "package_test.sh: passed"
