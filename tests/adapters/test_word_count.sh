#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_word_count.sh -- examples/adapters/word_count counts as wc(1) does, and names the file that it cannot read.
set -eu

program=$WEFT_BUILD_DIR/examples/adapters/word_count
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

i=0
while [ $i -lt 20 ]; do
	i=$((i + 1))
	seq -s ' ' $((i * i)) >"file$i"
	printf '%8d file%d\n' $((i * i)) $i >>expected
	set -- "$@" "file$i"
done
"$program" "$@" >out
diff expected out

if "$program" file1 missing file2 >out 2>err; then
	echo "a missing file is no failure"
	exit 1
fi
grep -q 'missing: No such file' err
[ "$(wc -l <out)" -eq 2 ]
