#!/bin/sh
# SPDX-License-Identifier: MIT
#
# nightly.sh [OPTION...] [PART...] -- what takes too long for every change. All parts that are named, or all there are,
# are run, also after one has failed.
#
#   soaks, which go on until their number is reached or their time is over:
#   storm        100,000,000 tasks while workers are killed: none is lost, done twice or wrong
#   swarm        200,000,000 tasks of random programs on pairs of executors, with and without kills
#   executions   1,000,000,000 executions of the models by chance
#   fuzz         libFuzzer, the same time for each of its targets
#   repeats      1,000 rounds of the tests that kill, race and wait
#   queue        10,000,000 messages through a queue while those at its ends are killed
#
#   ports        the suite for other compilers, libraries, processors, limits: scripts/portability.sh all
#   asan, tsan   the whole suite under the sanitizers
#   clang        the whole suite as built by clang
#   chaos        the tests on threads, those that kill nurseries, and unit tests, with random delays at every atomic operation
#   models       the models with one preemption more
#   mutation     each memory order weakened in turn, with the large models too
#   spin         the lane's protocol with one death more, and each mistake that has been thought of
#   mpi          the contract suite under mpirun, on 1, 2 and 4 ranks
#   mpich        libweft-mpi with MPICH
#   tidy         clang-tidy over the library, if it is there
#   package      the packages on a new minimal Debian, where this is root: scripts/package_test.sh
#
#   --scale X    the numbers of the soaks times X, and their time: 0.01 shows whether they work. NIGHTLY_SCALE, too
#   --minutes N  for each soak, before --scale: 60
#   --limit N    minutes for each of the other parts, after which it is ended and has failed: 120
#   --tests RE   a pattern of ctest: only such tests of ports, asan, tsan, clang, chaos, models and repeats
#
# "soaks" stands for the first six. The output of each part is in build/nightly/PART.log. At the end there is a table
# with what each has counted; the exit status is 1 if any part has failed.
set -eu
cd "$(dirname "$0")/.."

soaks='storm swarm executions fuzz repeats queue'
others='ports asan tsan clang chaos models mutation spin mpi mpich tidy package'
logs=build/nightly
scale=${NIGHTLY_SCALE:-1}
minutes=60
limit=120
tests=

fail() {
	echo "nightly.sh: $*" >&2
	exit 2
}

# scaled N: at least 1.
scaled() {
	awk -v n="$1" -v scale="$scale" 'BEGIN { n = int(n * scale + 0.5); printf "%.0f", n < 1 ? 1 : n }'
}

find_tidy() {
	command -v clang-tidy-14 || command -v clang-tidy
}

# The command of a part, as words of one line for sh -c.
command_of() {
	chosen=${tests:-.}
	case $1 in
	storm) echo "sh tests/storm/storms.sh $(scaled 100000000) $soak_minutes" ;;
	swarm) echo "sh tests/swarm/swarms.sh $(scaled 200000000) $soak_minutes" ;;
	executions) echo "sh tests/model/executions.sh $(scaled 1000000000) $soak_minutes" ;;
	fuzz)
		targets=$(find tests/fuzz -name 'fuzz_*.c' | grep -vc fuzz_plain)
		echo "sh tests/fuzz/fuzz.sh $(($(scaled $((60 * minutes))) / targets + 1))"
		;;
	repeats) echo "sh tests/repeats.sh $(scaled 1000) $soak_minutes $(quoted "$tests")" ;;
	queue)
		n=$(scaled 10000000)
		[ "$n" -ge 2000000 ] || n=2000000 # or there are too few kills to say anything
		echo "cmake --preset release >/dev/null && cmake --build --preset release --target crash >/dev/null &&" \
			"WEFT_QUEUE_STORM=$n WEFT_TEST_TIMEOUT=$((60 * limit)) build/release/tests/crash queue_storm &&" \
			"echo 'count: $n messages, each taken once'"
		;;
	ports) echo "WEFT_PORT_LIMIT=$limit sh scripts/portability.sh all ${tests:+-R $(quoted "$tests")}" ;;
	asan | tsan | clang) echo "WEFT_PRESET=$1 sh scripts/test.sh -R $(quoted "$chosen")" ;;
	chaos) echo "WEFT_PRESET=chaos sh scripts/test.sh -R $(quoted "${tests:-^(contract\.threads|crash\.process_|unit)}")" ;;
	models)
		echo "WEFT_MODEL_PREEMPTIONS=3 WEFT_PRESET=release sh scripts/test.sh -L model -E mutation -R" \
			"$(quoted "$chosen")"
		;;
	mutation) echo "WEFT_MUTATE_MAX=1000000 WEFT_PRESET=release sh scripts/test.sh -R model.mutation" ;;
	spin)
		echo "WEFT_SPIN_DEATHS=2 sh tests/spin/verify.sh tests/spin/lane.pml &&" \
			"sh tests/spin/verify.sh tests/spin/lane.pml 1 2 3 4 5 6 7"
		;;
	mpi)
		echo "cmake --preset dev && cmake --build --preset dev && export WEFT_BUILD_DIR=\$PWD/build/dev &&" \
			"sh tests/mpi/contract.sh 1 && sh tests/mpi/contract.sh 2 && sh tests/mpi/contract.sh 4"
		;;
	mpich) echo "sh scripts/mpich.sh" ;;
	tidy)
		echo "cmake --preset clang && ls core/*.c ipc/*.c executors/*.c |" \
			"xargs -n 4 -P $(nproc) $(find_tidy || :) -p build/clang --quiet --warnings-as-errors='*'"
		;;
	package) echo "sh scripts/package_test.sh" ;;
	*) return 1 ;;
	esac
}

quoted() {
	[ -z "$1" ] || printf "'%s'" "$1"
}

# What a part has counted: it says so itself, or ctest does.
count_of() {
	skipped=$(grep -c ' (Skipped)$' "$1" || :)
	sed -n -e 's/^count: //p' \
		-e "s/^[0-9]*% tests passed, \([0-9]*\) tests failed out of \([0-9]*\)\$/\2 tests, $skipped skipped, \1 failed/p" \
		-e 's/^\([0-9]* mutants: .*\)/\1/p' "$1" | tail -n 1
	[ "$2" != ports ] || awk '/ passed, .* skipped, .* failed/ { ports++; p += $2; s += $4; f += $6 }
		END { printf "%d tests of %d ports, %d skipped, %d failed", p, ports, s, f }' "$1"
}

# What to look at: names of tests that failed, models, inputs.
findings_of() {
	sed -n -e 's/^[[:space:]]*[0-9]* - \(.*\) (\(Failed\|Timeout\|SEGFAULT\|.*Exception.*\))$/    \1: \2/p' \
		-e 's/^failed\( [0-9]* times\)\{0,1\}: \(.*\)/    failed\1: \2/p' \
		-e 's/^    \(failed: .*\)/    \1/p' \
		-e 's/^\([a-z0-9-]*: FAILED before .*\)/    \1/p' "$1"
}

run() {
	if [ "$1" = tidy ] && ! find_tidy >/dev/null; then
		echo "| $1 | left out: no clang-tidy here | | |" >>"$tmp/parts"
		return 0
	fi
	if [ "$1" = package ] && [ "$(id -u)" -ne 0 ]; then
		echo "| $1 | left out: this is not root | | |" >>"$tmp/parts"
		return 0
	fi
	command=$(command_of "$1")
	most=$limit
	# A soak ends by itself; what it needs for building and for its last round comes on top.
	case " $soaks " in *" $1 "*) most=$((soak_minutes + limit)) ;; esac
	[ "$1" != ports ] || most=$((limit * 12)) # each has its own limit
	begun=$(date +%s)
	status=0
	timeout -k 60 "${most}m" sh -c "$command" >"$logs/$1.log" 2>&1 || status=$?
	case $status in
	0) how=passed ;;
	124 | 137) how="FAILED: took more than $most min" ;;
	*) how="FAILED (status $status)" ;;
	esac
	echo "| $1 | $how | $(($(date +%s) - begun)) s | $(count_of "$logs/$1.log" "$1") |" >>"$tmp/parts"
	findings_of "$logs/$1.log" | sort -u | head -n 100 | sed "s/^    /$1: /" >>"$tmp/findings"
	[ "$status" -eq 0 ]
}

parts=
while [ $# -gt 0 ]; do
	case $1 in
	--scale) scale=${2:?a number} && shift ;;
	--minutes) minutes=${2:?a number} && shift ;;
	--limit) limit=${2:?a number} && shift ;;
	--tests) tests=${2:?a pattern} && shift ;;
	soaks) parts="$parts $soaks" ;;
	-*) fail "no option $1" ;;
	*) parts="$parts $1" ;;
	esac
	shift
done
soak_minutes=$(scaled "$minutes")
for part in ${parts:=$soaks $others}; do
	command_of "$part" >/dev/null || fail "no part $part among soaks, $soaks $others"
done
mkdir -p "$logs"
tmp=$(mktemp -d) # of this run: another may be about other parts
trap 'rm -rf "$tmp"' EXIT
printf '| part | result | took | count |\n|---|---|---|---|\n' >"$tmp/parts"
: >"$tmp/findings"
sh scripts/setup.sh test
failed=0
for part in $parts; do
	echo "nightly.sh: $part"
	run "$part" || failed=1
done
echo "nightly.sh: $(date -I), $(git rev-parse --short HEAD 2>/dev/null || echo no git), scale $scale, logs in $logs"
cat "$tmp/parts" "$tmp/findings"
exit $failed
