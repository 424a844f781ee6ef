#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_abi.sh          -- libweft.so has the ABI of the last release, and maybe more: docs/abi.md
# test_abi.sh selftest -- that check sees what it should: libraries of which one file or the map was changed
set -eu

root=$WEFT_SOURCE_DIR
abi=$root/scripts/abi.sh
[ "${1:-}" = selftest ] || exec sh "$abi" check "$WEFT_BUILD_DIR/libweft.so"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export WEFT_ABI_HEADERS="$dir/include/weft"
mkdir "$dir/objects"
(cd "$dir/objects" && ar x "$WEFT_BUILD_DIR/libweft.a" && rm -f thread_pool.c.o open.c.o)
status=0

# changed FILE SED: a copy of the three files that may change and of the headers, with one edit.
changed() {
	rm -rf "$dir/include" "$dir/sources"
	cp -r "$root/include" "$dir/include"
	mkdir "$dir/sources"
	cp "$root/executors/thread_pool.c" "$root/executors/open.c" "$root/weft.map" "$dir/sources"
	cp "$dir/$1" "$dir/before"
	sed -i "$2" "$dir/$1"
	! cmp -s "$dir/before" "$dir/$1" || {
		echo "the edit of $1 changed nothing"
		exit 1
	}
}

# link: a library of the files that were changed, and of all the others as they are.
link() {
	for source in thread_pool open; do
		"$CC" -std=c11 -D_GNU_SOURCE -g -fPIC -fvisibility=hidden -I"$dir/include" -I"$root/core" -I"$root/ipc" \
			-I"$root/executors" -c "$dir/sources/$source.c" -o "$dir/$source.o"
	done
	"$CC" -shared -Wl,-soname,libweft.so.0 -Wl,--version-script="$dir/sources/weft.map" "$dir"/*.o \
		"$dir"/objects/*.o -o "$dir/libweft.so"
}

# finds NAME | allows: what the check of the changed library must say.
finds() {
	link
	if sh "$abi" check "$dir/libweft.so" >"$dir/out" || ! grep -q "$1" "$dir/out"; then
		echo "after the change of $1 the check said:"
		cat "$dir/out"
		status=1
	fi
}

allows() {
	link
	sh "$abi" check "$dir/libweft.so" >"$dir/out" || {
		echo "refused, although no program notices:"
		cat "$dir/out"
		status=1
	}
}

header=include/weft/thread_pool.h
changed sources/weft.map '/^\tweft_thread_pool_workers;/d'
finds weft_thread_pool_workers
# A field more in front, in a struct whose size the caller does not tell.
changed $header '/^struct weft_worker_stats {/a uint64_t more;'
finds weft_worker_stats
changed $header '/^struct weft_worker_stats {/,/^}/s/uint64_t stolen/uint32_t stolen/'
finds weft_worker_stats
changed $header '/^struct weft_thread_pool_opts {/,/^}/s/^\tuint32_t queue/\tuint64_t more;\n&/'
finds weft_thread_pool_opts
changed $header '/weft_thread_pool_workers(/s/unsigned n/uint16_t n/'
sed -i '/weft_thread_pool_workers(/s/unsigned n/uint16_t n/' "$dir/sources/thread_pool.c"
finds weft_thread_pool_workers
changed $header '/^struct weft_thread_pool_opts {/,/^}/s/^}/\tuint64_t more;\n}/'
allows
changed sources/thread_pool.c '$a int weft_more(void);\n__attribute__((visibility("default"))) int weft_more(void) { return 0; }'
sed -i 's/^\tweft_map;/&\n\tweft_more;/' "$dir/sources/weft.map"
allows
exit $status
