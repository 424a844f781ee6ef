#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_faults.sh -- each test that docs/faults.md names exists.
set -eu

source=${WEFT_SOURCE_DIR:?}
tests=$(sed -n 's/^\(TEST\|MODEL\|MODEL_FAILS\)(\([a-z0-9_]*\).*/\2/p' "$source"/tests/*/*.c)
missing=no
# The words in backticks of the last column.
for name in $(awk -F'|' '/^\|/ && NF > 3 { print $(NF - 1) }' "$source/docs/faults.md" |
	grep -o '`[a-z][a-z0-9_]*`' | tr -d '`' | sort -u); do
	printf '%s\n' "$tests" | grep -qx "$name" || {
		echo "docs/faults.md: there is no test $name"
		missing=yes
	}
done
[ "$missing" = no ]
