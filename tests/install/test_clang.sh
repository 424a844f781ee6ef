#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_clang.sh -- the other compiler finds nothing to warn of in the library either.
set -eu

clang=$(command -v clang-14 || command -v clang) || {
	echo "no clang here"
	exit 77
}
cd "$WEFT_SOURCE_DIR"
uring=
if echo '#include <liburing.h>' | "$clang" -fsyntax-only -x c - 2>/dev/null; then
	uring=-DWEFT_HAVE_URING
fi
status=0
for source in core/*.c ipc/*.c executors/*.c; do
	"$clang" -std=c11 -D_GNU_SOURCE $uring -Iinclude -Icore -Iipc -Iexecutors -fsyntax-only \
		-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror "$source" || status=1
done
exit $status
