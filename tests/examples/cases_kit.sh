# SPDX-License-Identifier: MIT
#
# cases_kit.sh -- what the tests of examples have in common: named cases, each of which may complain. To be read by
# ".", after $cases has been set; the last line of a test is: run_cases "$@"
# shellcheck shell=sh disable=SC2154 # variables of one file are used in another

case ${1:-} in
--list)
	# shellcheck disable=SC2086 # a list of words
	printf '%s\n' $cases
	exit 0
	;;
esac

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
unset WEFT_EXECUTOR

# complain TEXT...: the case goes on, but has failed. A file remembers it: this may be a part of a pipe.
complain() {
	echo "$*" >&2
	: >"$tmp/failed"
}

# within SECONDS COMMAND...: until COMMAND succeeds; fails if it does not in time.
within() {
	tries=$(($1 * 20))
	shift
	until "$@"; do
		[ "$tries" -gt 0 ] || return 1
		tries=$((tries - 1))
		sleep 0.05
	done
}

# run_cases [CASE]...: those, or all.
run_cases() {
	all_failed=no
	# shellcheck disable=SC2086 # a list of words
	[ $# -gt 0 ] || set -- $cases
	for name; do
		# shellcheck disable=SC2086
		printf '%s\n' $cases | grep -qx -- "$name" || {
			echo "$0: no case $name" >&2
			exit 2
		}
		rm -f "$tmp/failed"
		"$name"
		if [ ! -e "$tmp/failed" ]; then
			echo "ok $name"
		else
			echo "FAILED $name"
			all_failed=yes
		fi
	done
	[ "$all_failed" = no ]
}
