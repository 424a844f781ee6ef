#!/bin/sh
# SPDX-License-Identifier: MIT
#
# bench.sh [OPTION...] -- weft beside its peers, in turns, in tables: docs/benchmarks.md says what is measured.
# Installs the peers from the packages of Debian or Ubuntu, builds a release, measures. What cannot be installed
# or built is named and left out.
#
#   --quick            small sizes, three rounds, some minutes
#   --only WORKLOAD    one workload, or a table, or "growth"; may be repeated
#   --add              keep what was measured before of other workloads
#   --peer PEER        one peer, beside weft; may be repeated
#   --repeat N         rounds: 5, or 3 where quick
#   --threads N        workers
#   --no-growth        without the plots over sizes, workers and depth
#   --out DIR          for JSON, tables and plots: build/bench
#   --no-install       with what is there
#   --executors ...    instead: weft's own executors beside each other; what follows goes to Google Benchmark
#   --lessons ...      instead: programs of Python's lessons, beside C; what follows goes to scripts/lessons.sh
#   --storm ...        instead: a million tasks while workers are killed; JSON; options of tests/storm/storm.c
set -eu
cd "$(dirname "$0")/.."

log=build/bench/build.log
peers='libtbb-dev gcc clang-14 libomp-14-dev libglib2.0-dev libuv1-dev libpthreadpool-dev
	libconcurrentqueue-dev libboost-dev libboost-context-dev liburing-dev libck-dev libzmq3-dev golang-go python3 python3-joblib
	python3-mpi4py openmpi-bin libcunit1-dev
	gnuplot-nox'

fail() {
	echo "bench.sh: $*" >&2
	exit 1
}

installed() {
	dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

# The peers are wanted for measuring only, so they are no business of setup.sh.
install_peers() {
	missing=
	for package in $peers; do
		installed "$package" || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	as_root=
	if [ "$(id -u)" -ne 0 ]; then
		as_root=sudo
		command -v sudo >/dev/null 2>&1 || {
			echo "bench.sh: neither root nor sudo; not installed:$missing" >&2
			return 0
		}
	fi
	echo "bench.sh: installing:$missing"
	$as_root apt-get update -qq || echo "bench.sh: apt-get update failed" >&2
	# One by one: a package that is not there keeps back no other. Elsewhere than in Debian 12 the numbered
	# ones go without their number.
	for package in $missing; do
		for name in "$package" "$(echo "$package" | sed 's/-14//')"; do
			$as_root env DEBIAN_FRONTEND=noninteractive \
				apt-get install -y -qq --no-install-recommends "$name" >>"$log" 2>&1 && continue 2
		done
		echo "bench.sh: could not be installed: $package" >&2
	done
}

build() {
	echo "bench.sh: building"
	# shellcheck disable=SC2086 # a list of words
	if ! { cmake --preset release -DWEFT_BENCH_PEERS="$1" && cmake --build --preset release --target $2; } \
		>>"$log" 2>&1; then
		tail -n 30 "$log" >&2
		fail "the build failed; all of its output is in $log"
	fi
}

mkdir -p build/bench
: >"$log"
install=yes
case ${1:-} in
--executors)
	shift
	sh scripts/setup.sh demo
	build OFF 'bench_throughput bench_roundtrip bench_primes'
	exec sh bench/executors.sh "$@"
	;;
--lessons)
	shift
	exec sh scripts/lessons.sh "$@"
	;;
--storm)
	shift
	sh scripts/setup.sh test
	build OFF storm
	exec build/release/tests/storm "$@"
	;;
esac
for option; do
	shift
	case $option in
	--no-install) install= ;;
	-h | --help)
		sed -n '4,19s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	*) set -- "$@" "$option" ;;
	esac
done

if [ -n "$install" ]; then
	sh scripts/setup.sh demo
	install_peers
fi
command -v python3 >/dev/null 2>&1 || fail "no python3, which runs the comparison"
build ON peer_weft
# The others: as many as can be built. Which could not, the table says.
cmake --build --preset release --target weft_bench_peers -- -k 0 >>"$log" 2>&1 ||
	echo "bench.sh: not every peer could be built; the output is in $log" >&2
cmake --build --preset release --target storm >>"$log" 2>&1 || true # needs what tests need
exec python3 bench/compare.py "$@"
