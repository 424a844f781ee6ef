#!/bin/sh
# SPDX-License-Identifier: MIT
#
# repeats.sh [ROUNDS [MINUTES [REGEX]]] -- the tests that kill, race and wait, again and again, in another order each
# time: 1,000 rounds, or until the time (60) is over. Names each test that has failed, how often, and keeps what it said
# in build/repeats. Ends with a line "count: ..."; the exit status is 1 if any failed.
set -eu
cd "$(dirname "$0")/.."

rounds=${1:-1000}
regex=${3:-^(crash\.|contract\.(threads:2|processes:2|uring:2)\.)}
out=$PWD/build/repeats

rm -rf "$out"
mkdir -p "$out"
cmake --preset dev >/dev/null
cmake --build --preset dev >/dev/null
end=$(($(date +%s) + 60 * ${2:-60})) # building is not of it
round=0
tests=0
: >"$out/failed"
while [ $round -lt "$rounds" ]; do
	left=$((end - $(date +%s)))
	[ $left -gt 5 ] || break # there is no time to begin another
	round=$((round + 1))
	timeout -k 30 $left ctest --preset dev -R "$regex" --schedule-random --output-on-failure --no-tests=error \
		>"$out/log" 2>&1 || :
	tests=$((tests + $(grep -cE '^ *[0-9]+/[0-9]+ Test .* Passed ' "$out/log" || :)))
	sed -nE 's/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: ([^ ]+) .*\*\*\*(Failed|Timeout|Exception).*/\1/p' "$out/log" \
		>"$out/failed_now"
	[ ! -s "$out/failed_now" ] || mv "$out/log" "$out/round-$round.log"
	cat "$out/failed_now" >>"$out/failed"
done
sort "$out/failed" | uniq -c | sort -rn | sed 's/^ *\([0-9]*\) /failed \1 times: /'
echo "count: $tests tests passed in $round rounds, $(wc -l <"$out/failed") failed"
[ ! -s "$out/failed" ] && [ $tests -gt 0 ]
