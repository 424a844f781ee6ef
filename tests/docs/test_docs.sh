#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_docs.sh examples|links|promises|site|selftest -- one check of the documents; the programs beside this say what
# each looks at. "site" builds the site and the manual by scripts/docs.sh, and then looks for the page of everything
# public and for links that lead nowhere. "selftest" breaks one thing after the other in a copy of the tree: each check
# must notice.
set -eu

what=${1:?}
source=${WEFT_SOURCE_DIR:?}
build=${WEFT_BUILD_DIR:?}
here=$source/tests/docs
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

list_tests() {
	ctest --test-dir "$build" -N >"$dir/tests"
}

# check WHAT [ROOT [PAGE]]
check() {
	case $1 in
	examples) python3 -B "$here/check_examples.py" "${2:-$source}" "${CC:-cc}" "${CXX:-c++}" ${3:+"$3"} ;;
	links) python3 -B "$here/check_links.py" "${2:-$source}" ;;
	promises) python3 -B "$here/check_promises.py" "${2:-$source}" "$dir/tests" ;;
	esac
}

# broken CHECK FILE SCRIPT: after a change by sed to a file of the copy, the check fails and names the file.
broken() {
	cp "$source/$2" "$dir/as_it_was"
	sed "$3" "$dir/as_it_was" >"$dir/tree/$2"
	! cmp -s "$dir/as_it_was" "$dir/tree/$2" || {
		echo "selftest: \"$3\" changes nothing in $2"
		failures=$((failures + 1))
	}
	if check "$1" "$dir/tree" "$2" >"$dir/out" 2>&1 || ! grep -qF "${2##*/}" "$dir/out"; then
		echo "selftest: $1 does not notice in $2: $3"
		cat "$dir/out"
		failures=$((failures + 1))
	fi
	cp "$dir/as_it_was" "$dir/tree/$2"
}

selftest() {
	failures=0
	list_tests
	mkdir "$dir/tree"
	(cd "$source" && tar -cf - --exclude='./build*' --exclude='./.*' .) | tar -xf - -C "$dir/tree"
	for each in examples links promises; do
		check "$each" "$dir/tree" >"$dir/out" || {
			echo "selftest: $each fails on a whole copy"
			exit 1
		}
	done
	broken examples include/weft/lock.h 's/Example: weft_lock_release(&l)/Example: weft_lock_release(l)/'
	broken examples include/weft/region.h 's/^ \*   weft_region_free(r);/ *   weft_region_free(q);/'
	broken examples include/weft/event.h 's/^ \* Example: weft_event_set(&e); \*\// *\//'
	broken examples include/weft/event.h 's/@waits  Never/Never/'
	broken examples include/weft/event.h 's/^ \* @return 1 or 0.*/ */'
	broken examples include/weft/event.h 's/@param flags /@param flag /'
	broken examples README.md 's/weft_executor_free(ex);/weft_executor_free();/'
	broken examples docs/writing.md 's/^weft_event_set(&flag);/weft_event_set(flag);/'
	broken examples docs/man/weft.7.rst 's/weft_executor_free(ex)/weft_executor_free(x)/'
	broken links README.md 's,(docs/benchmarks.md),(docs/benchmark.md),'
	broken links docs/writing.md 's/(promises.md)/(promise.md)/'
	broken links docs/writing.md 's,(\.\./HACKING.md#a-new-test),(../HACKING.md#a-test),'
	broken links docs/writing.md 's,<https://www.sphinx-doc.org>,<https://sphinx>,'
	broken promises docs/promises.md '/^| LOCK-1 /d'
	broken promises docs/promises.md '/^| WEFT-3 /d'
	broken promises docs/promises.md 's/unit.lock_order/unit.lock_ordering/'
	broken promises docs/promises.md 's/^\(| CQ-1 .*\)| .* |$/\1| none |/'
	broken promises docs/promises.md 's/`crash_denied.c`/`crash_allowed.c`/'
	sed 's/ \[LOCK-2\]//' "$source/include/weft/lock.h" >"$dir/tree/include/weft/lock.h"
	if check promises "$dir/tree" >"$dir/out" 2>&1; then
		echo "selftest: promises does not notice a row without its mark"
		failures=$((failures + 1))
	fi
	[ $failures -eq 0 ]
}

site() {
	status=0
	sh "$source/scripts/docs.sh" "$dir/docs" || exit $?
	python3 -B "$here/check_pages.py" "$source" "$dir/docs" || status=1
	python3 -B "$here/check_links.py" "$source" "$dir/docs/html" || status=1

	# It does notice: a symbol without a page, and a link that leads nowhere.
	rm "$dir/docs/man/man3/weft_submit.3weft"
	if python3 -B "$here/check_pages.py" "$source" "$dir/docs" >"$dir/out" 2>&1 || ! grep -q weft_submit "$dir/out"; then
		echo "a page of the manual is away, and nobody notices"
		status=1
	fi
	rm "$dir/docs/html/reference/lock.html"
	if python3 -B "$here/check_links.py" "$source" "$dir/docs/html" >"$dir/out" 2>&1 ||
		! grep -q lock.html "$dir/out"; then
		echo "a page of the site is away, and nobody notices"
		status=1
	fi
	exit $status
}

case $what in
site) site ;;
selftest) selftest ;;
*)
	list_tests
	check "$what"
	;;
esac
