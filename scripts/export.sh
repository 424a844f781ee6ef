#!/bin/sh
# SPDX-License-Identifier: MIT
#
# export.sh DIR -- copies the sources, as they are now, into the new folder DIR: what git has or would have; without
# git, all but what is built.
set -eu

mkdir "$1"
to=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
if [ -e .git ]; then
	git ls-files -co --exclude-standard | while read -r file; do
		[ ! -e "$file" ] || echo "$file"
	done
else
	find . -type d \( -path './build' -o -path './.cache' \) -prune -o -type f -print
fi | tar -cf - -T - | tar -xf - -C "$to"
