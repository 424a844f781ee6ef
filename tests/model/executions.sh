#!/bin/sh
# SPDX-License-Identifier: MIT
#
# executions.sh [EXECUTIONS [MINUTES]] -- the models by chance, in turns, with a new seed each, until there have been so
# many executions of all (1,000,000,000) or the time is over (60). What is found comes with the way to run it again.
# Where ctest takes all executions up to a bound, these go beyond it, to more preemptions. Ends with a line "count: ...".
set -eu
cd "$(dirname "$0")/../.."

most=${1:-1000000000}
runs=20000 # of a model in its turn
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cmake --preset release >/dev/null
cmake --build --preset release >/dev/null
end=$(($(date +%s) + 60 * ${2:-60})) # building is not of it
# Of the models those that are to hold: by chance not everything is found that others are to find.
for program in build/release/tests/model/model_*; do
	[ -x "$program" ] && [ -f "$program" ] || continue
	"$program" --list | awk -v prog="$program" 'NF == 1 { print prog, $1 }'
done >"$dir/models"

cat >"$dir/try.sh" <<'END'
[ "$(date +%s)" -lt "$END" ] || exit 0
out=$(timeout 300 "$1" "$2" 2>&1) && { printf '%s\n' "$out" | sed -n 's/.*: \([0-9]*\) executions.*/\1/p'; exit 0; }
printf 'failed: %s %s\n%s\n' "$1" "$2" "$out" >&2
END
status=0
total=0
mode=pct
: >"$dir/failed"
while [ $total -lt "$most" ] && [ "$(date +%s)" -lt "$end" ]; do
	END=$end WEFT_MODEL_MODE=$mode WEFT_MODEL_RUNS=$runs xargs -P "$(nproc)" -L 1 sh "$dir/try.sh" <"$dir/models" \
		>"$dir/counts" 2>>"$dir/failed"
	total=$((total + $(awk '{ n += $1 } END { printf "%d", n }' "$dir/counts")))
	[ $mode = pct ] && mode=random || mode=pct
	[ $total -gt 0 ] || break
done
cat "$dir/failed"
failed=$(grep -c '^failed: ' "$dir/failed" || :)
[ "$failed" -eq 0 ] && [ "$total" -gt 0 ] || status=1
echo "count: $total executions of $(wc -l <"$dir/models") models, $failed failed"
exit $status
