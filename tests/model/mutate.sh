#!/bin/sh
# SPDX-License-Identifier: MIT
#
# mutate.sh PROGRAM... -- do the models notice a wrong order? Weakens the order of each atomic operation of
# the library that the programs of models come by, one step, one at a time, and runs the models that come by
# it until one fails: then the mutant is killed. Each survivor has to be listed in equivalent.txt, with the
# reason why the weaker order does no harm; and each that is listed has to survive.
#
#   seq_cst -> acq_rel (a load: acquire, a store: release); acq_rel -> acquire, and -> release;
#   acquire -> relaxed, release -> relaxed; a light or a heavy fence is taken out
#
# Weaker orders allow more: so what is killed by one step would be by two, fences that go altogether included.
# Models of more than WEFT_MUTATE_MAX executions (20,000) are left out. -v names every mutant.
set -eu

verbose=
[ "${1:-}" != -v ] || { verbose=yes && shift; }
here=$(cd "$(dirname "$0")" && pwd)
most=${WEFT_MUTATE_MAX:-20000}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# Which operations does each model come by? Lines: executions|program|model|FILE FUNCTION OPERATION NUMBER|order
cat >"$dir/come_by.sh" <<'END'
out=$(timeout 60 "$1" "$2" --sites) || { echo "mutate.sh: $2 fails as it is, or takes too long: left out" >&2; exit 0; }
printf '%s\n' "$out" | awk -v prog="$1" -v model="$2" -v most="$3" '
index($0, model ": ") == 1 { executions = $2 }
/^site 0 / { next }
/^site [0-9]+ (core|ipc|executors)\// && executions <= most {
	print executions "|" prog "|" model "|" $3 " " $4 " " $5 " " $6 "|" $7
}'
END
for program; do
	"$program" --list | awk -v prog="$program" 'NF == 1 { print prog, $1 }'
done >"$dir/models"
# A file for each: what two write into one would lie line in line.
xargs -P "$(nproc)" -L 1 sh -c 'sh "$0" "$3" "$4" "$2" >"$1/lines.$$"' "$dir/come_by.sh" "$dir" "$most" \
	<"$dir/models" || exit 1
cat "$dir"/lines.* | sort -n >"$dir/sites"

# The mutants, each a file with its models, the quickest first.
awk -F '|' -v dir="$dir" '
function mutant(key, from, to, line) {
	if (!((key, to) in number)) {
		number[key, to] = ++n
		print key " " from "->" to > (dir "/mutant." n)
	}
	print line > (dir "/mutant." number[key, to])
}
{
	split($4, part, " ")
	op = part[3]
	if (op == "light" || op == "heavy")
		mutant($4, $5, "none", $2 " " $3)
	else if ($5 == "seq_cst")
		mutant($4, $5, op == "load" || op == "cas-failure" ? "acquire" : op == "store" ? "release" : "acq_rel", $2 " " $3)
	else if ($5 == "acq_rel") {
		mutant($4, $5, "acquire", $2 " " $3)
		mutant($4, $5, "release", $2 " " $3)
	} else if ($5 != "relaxed" && $5 != "none")
		mutant($4, $5, "relaxed", $2 " " $3)
}' "$dir/sites"

cat >"$dir/try.sh" <<'END'
read -r name <"$1"
key=${name% *}
to=${name##*->}
sed 1d "$1" >"$1.models"
while read -r program model; do
	status=0
	WEFT_MODEL_WEAKEN="$key $to" "$program" "$model" >"$1.out" 2>&1 || status=$?
	if [ $status -eq 1 ]; then
		how=$(awk -v m="$model: " 'index($0, m) == 1 { print substr($0, length(m) + 1); exit }' "$1.out")
		echo "killed|$name|$model: $how"
		exit 0
	elif [ $status -ne 0 ]; then
		echo "error|$name|$model: $(head -1 "$1.out")"
		exit 0
	fi
done <"$1.models"
echo "survived|$name|$(wc -l <"$1.models") models"
END
find "$dir" -name 'mutant.*' | xargs -P "$(nproc)" -n 1 sh "$dir/try.sh" >"$dir/unsorted"
sort -t '|' -k 2 "$dir/unsorted" >"$dir/results"

[ -z "$verbose" ] || tr '|' '\t' <"$dir/results"
grep -v '^#' "$here/equivalent.txt" | sed -n 's/^\([^:]*\): ..*/\1/p' | sort >"$dir/listed"
sed -n 's/^survived|\([^|]*\)|.*/\1/p' "$dir/results" | sort >"$dir/survivors"
comm -13 "$dir/listed" "$dir/survivors" | sed 's/^/mutate.sh: survives, and is not in equivalent.txt: /' >"$dir/wrong"
comm -23 "$dir/listed" "$dir/survivors" | sed 's/^/mutate.sh: is in equivalent.txt, and does not survive: /' >>"$dir/wrong"
sed -n 's/^error|/mutate.sh: cannot tell: /p' "$dir/results" >>"$dir/wrong"
awk -F '|' '{ n[$1]++ } END { printf "%d mutants: %d killed, %d equivalent\n", NR, n["killed"], n["survived"] }' \
	"$dir/results"
[ ! -s "$dir/wrong" ] || {
	cat "$dir/wrong"
	exit 1
}
