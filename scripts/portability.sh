#!/bin/sh
# SPDX-License-Identifier: MIT
#
# portability.sh NAME...|all -- builds and tests weft for other compilers, C libraries and processors, and under
# kernels and limits that refuse something. All ports that are named are run, also after one has failed. Each ends
# with one line of how many tests passed, were skipped, and failed; the exit status is 1 if any test failed or a build
# did. docs/portability.md says what was run, with which result.
#
#   --list           the ports, each with what it is
#   --no-install     with the packages that are there: otherwise what a port needs is installed
#   -R REGEX         of the tests of a port only these
#
# WEFT_PORT_LIMIT    minutes for the tests of each port, after which they are ended and have failed: 60
# WEFT_PORT_JOBS     tests at a time: as many as there are processors
#
# A port is a file of scripts/ports/, which is read in a shell of its own and sets
#
#   what       one line
#   packages   those of Debian 12 beyond what setup.sh installs
#   options    words for cmake
#   only       a regular expression: the tests that say something about this port
#   without    another, with nine groups at most: those among them that cannot run there, with the reason beside it
#   jobs       tests at a time, where it has to be fewer
#   prepare    a function: before cmake is run
#   around     a function: runs its arguments, which are ctest's, in the surroundings of the port
#
# It may use $build, which is build/port-NAME; $root, the top of the tree; $foreign, options for a C compiler that
# cannot use what this machine has of other libraries; and $shared_locks, tests of what there is not where those are
# refused.
set -eu
cd "$(dirname "$0")/.."
root=$PWD

ports=$(cd scripts/ports && for file in *.sh; do echo "${file%.sh}"; done)
install=yes
regex=
limit=${WEFT_PORT_LIMIT:-60}
# shellcheck disable=SC2034 # both are for ports
foreign='-DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON -DCMAKE_CXX_COMPILER= -DWEFT_TEST_CXX= -DWEFT_MPI=OFF
	-DWEFT_JANSSON_LIBRARY= -DWEFT_CURSES_LIBRARY= -DWEFT_JEMALLOC_LIBRARY='
shared_locks='^unit\.(cond\.a_shared|cond\.a_killed|cond\.no_item_is_left_by_processes|shared\.a_value|shared\.an_array'
shared_locks="$shared_locks|shared\.wrong|lock\.process|lock\.threads_and|lock\.rlock_process|lock\.who_|lock\.forks"
shared_locks="$shared_locks|lock\.a_held_shared|lock\.all_that|lock\.killed|lock\.the_list|lock\.waiters_are"
shared_locks="$shared_locks|lot\.tasks_have|lot\.tasks_exclude_each_other_in|lot\.tasks_read|lot\.a_process"
shared_locks="$shared_locks|lot\.a_death|lot\.a_cancel_ends_each_wait_in|lot\.the_deadline_of|lot\.workers"
shared_locks="$shared_locks|rwlock\.a_shared|rwlock\.a_dead|rwlock\.processes|rwlock\.readers_read)"
shared_locks="$shared_locks|^crash\.(locks_killed|held_wh)|^lessons\.(ping_pong|print_lock|shared_values)"

say() {
	echo "portability.sh: $*" >&2
}

packages_of_port() {
	missing=
	for package in $1; do
		dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
			missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	[ -n "$install" ] || {
		say "not installed:$missing"
		return 1
	}
	as_root=
	[ "$(id -u)" -eq 0 ] || as_root=sudo
	# shellcheck disable=SC2086 # a list of words
	$as_root apt-get update -qq && $as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends $missing
}

# A number out of the first line of ctest's JUnit file: the suite's.
number() {
	awk -v name="$1" 'match($0, "^[ \t]*" name "=\"[0-9]+\"") {
		gsub(/[^0-9]/, "")
		print
		exit
	}' "$build/junit.xml"
}

# Who has compiled it: the first line that the compiler says of itself.
compiler() {
	"$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")" --version | head -n 1
}

# What a run has shown, for people, in one line. Adds the names of what failed.
verdict() {
	# ctest goes on without a pattern that it cannot read.
	if [ ! -s "$build/junit.xml" ] || grep -q RegularExpression "$build.log"; then
		echo "$name: FAILED before the tests ended: $build.log"
		return 1
	fi
	all=$(number tests) failed=$(number failures) skipped=$(number skipped) disabled=$(number disabled)
	skipped=$((skipped + disabled))
	# What the port leaves out of what it would have run.
	left=$(($(ctest --test-dir "$build" -N -R "$only" | sed -n 's/^Total Tests: //p') - all))
	echo "$name: $((all - failed - skipped)) passed, $skipped skipped, $failed failed, $left left out," \
		"$(($(date +%s) - begun)) s; $(date -u +%F), $(compiler), Linux $(uname -r)"
	sed -n 's/.*<testcase name="\([^"]*\)".*status="fail".*/    failed: \1/p' "$build/junit.xml"
	[ "$failed" -eq 0 ] && [ "$all" -gt "$skipped" ]
}

# In a shell of its own, its output in a file.
build_and_test() {
	packages_of_port "$packages"
	prepare
	# shellcheck disable=SC2086 # a list of words
	cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug '-DCMAKE_C_FLAGS_DEBUG=-O1 -g' -DWEFT_LOCK_CHECKS=ON \
		-DWEFT_BUILD_BENCH=OFF $options
	cmake --build "$build" -j "$(nproc)" -- -k 0
	around timeout -k 60 "${limit}m" ctest --test-dir "$build" -j "${jobs:-${WEFT_PORT_JOBS:-$(nproc)}}" -R "$only" \
		-E "${without:-^$}" --output-on-failure --output-junit junit.xml
}

# One port, in a shell of its own.
run() {
	name=$1
	build=$root/build/port-$name
	begun=$(date +%s)
	packages='' options='' without='' jobs=''
	only='^(unit|contract|crash|sweep|fuzz|storm|swarm|examples|lessons)\.'
	prepare() { :; }
	around() { "$@"; }
	# shellcheck disable=SC1090 # one of scripts/ports
	. "scripts/ports/$name.sh"
	[ -z "$regex" ] || only=$regex
	mkdir -p "$build"
	rm -f "$build/junit.xml"
	say "$name: $what"
	# Without -e what fails in the middle would not be noticed; and "a || b" switches it off in a.
	(set -e; build_and_test) >"$build.log" 2>&1 &
	wait $! || :
	verdict
}

names=
for word; do
	shift
	case $word in
	--list)
		for name in $ports; do
			sed -n "s/^what='\(.*\)'\$/$name: \1/p" "scripts/ports/$name.sh"
		done
		exit 0
		;;
	--no-install) install= ;;
	-R) regex=next ;;
	all) names="$names $ports" ;;
	*)
		if [ "$regex" = next ]; then
			regex=$word
		elif [ -f "scripts/ports/$word.sh" ]; then
			names="$names $word"
		else
			say "no port $word among" $ports
			exit 2
		fi
		;;
	esac
done
[ -n "$names" ] || {
	sed -n '4,15s/^# \{0,1\}//p' "$0"
	exit 2
}

[ -z "$install" ] || sh scripts/setup.sh test
failed=0
for name in $names; do
	(run "$name") || failed=1
done
exit $failed
