#!/bin/sh
# SPDX-License-Identifier: MIT
#
# lint.sh RULE [ROOT] -- checks one rule of the house over the whole tree. sh and awk, nothing else.
#
#   layers           an #include points downwards: core < ipc < executors; one executor knows no other;
#                    examples, bench, tests/contract and tests/crash know the public headers only; nothing of the
#                    library knows an adapter; tools also what a running program shows of itself,
#                    core/stats_page.h, and what reads files of code, core/elf_symbols.h
#   atomics          stdatomic.h in core/atomic.h only, and in tests/chaos, which takes its place; nowhere else
#                    atomic builtins, or volatile in its stead, but in weft/spawn_inline.h, which is compiled
#                    into programs
#                    the only fence is atom_fence(seq_cst)
#   file-length      no source of more than 500 lines
#   function-length  no function of more than 80 lines, from its brace to its brace
#   docs             each public function has a docstring with @owns @from @waits @orders, directly above it
#   names            no two files of the same name; packagers' tools want theirs
#   spdx             each source names its licence in its first lines
#   marks            no marks of unfinished work
#   format           as clang-format 14 would have it
#
# Exit status: 0 all is well, 1 not (each place is named: file:line: what), 2 wrong usage, 77 cannot tell.
set -eu

rule=${1:-}
root=${2:-$(dirname "$0")/../..}
cd "$root"

# files PATTERN...: the files of the tree whose names match. Build trees and hidden folders are no part of it.
files() {
	first=yes
	for pattern; do
		[ $first = yes ] || set -- "$@" -o
		first=no
		set -- "$@" -name "$pattern"
		shift
	done
	find . -type d \( -name '.?*' -o -path './build*' \) -prune -o -type f \( "$@" \) -print |
		sed 's,^\./,,' | sort
}

# check FILES PROGRAM [FOLLOWING]: runs an awk program over files; each line that it prints is a complaint.
check() {
	if [ -z "$1" ]; then
		echo "lint.sh: $rule: found nothing to check in $(pwd)" >&2
		exit 2
	fi
	# shellcheck disable=SC2086 # a list of words; no name in the tree has a space in it
	found=$(awk "$2" $1)
	if [ -n "$found" ]; then
		printf '%s\n' "$found"
		exit 1
	fi
}

# An awk function: the code of a line, without comments and without what is inside quotes.
code='
function code(line,    out, i, two) {
	if (FNR == 1)
		in_comment = 0
	out = ""
	gsub(/\\./, "", line)
	if (!in_comment)
		gsub(/"[^"]*"/, "\"\"", line)
	while (line != "") {
		if (in_comment) {
			i = index(line, "*/")
			if (!i)
				return out
			line = substr(line, i + 2)
			in_comment = 0
		} else {
			i = match(line, /\/[*\/]/)
			if (!i)
				return out line
			out = out substr(line, 1, i - 1)
			two = substr(line, i, 2)
			line = substr(line, i + 2)
			if (two == "//")
				return out
			in_comment = 1
		}
	}
	return out
}'

case $rule in
layers)
	# The rule about a quoted include: in which folders the file may lie. Angle brackets are for the
	# system and for <weft/...>.
	check "$(files '*.c' '*.h' '*.cc' '*.cpp' '*.hpp')" '
function has(folder, name) {
	if (!((folder, name) in there))
		there[folder, name] = (getline ignored < (folder "/" name)) >= 0
	close(folder "/" name)
	return there[folder, name]
}
# One executor is several files. Which it is, the first part of the name says.
function family(name) {
	sub(/\.[a-z]+$/, "", name)
	if (name ~ /^(process|lane|nursery|worker)/)
		return "processes"
	if (name ~ /^thread/)
		return "threads"
	sub(/_.*/, "", name)
	return name
}
function allowed(dir, file, name) {
	if (dir ~ /^(include|adapters)/)
		return 0
	if (dir == "core")
		return has("core", name)
	if (dir == "ipc")
		return has("core", name) || has("ipc", name)
	if (dir == "executors")
		return has("core", name) || has("ipc", name) ||
			(has("executors", name) && family(name) == family(file))
	if (dir == "mpi") # the part of the executor that knows MPI
		return has("mpi", name) || (has("executors", name) && family(name) == "mpi")
	if (dir ~ /^tests\/(unit|model|sim|fuzz)$/)
		return 1
	if (dir == "tools")
		return has("tools", name) || name == "stats_page.h" || name == "elf_symbols.h" ||
			(file == "weft_trace.c" && name == "trace_json.h")
	if (dir "/" file == "bench/peers/peer_context.c" && name == "context.h")
		return 1 # it measures the switch, which no public function shows by itself
	return has(dir, name) || (dir ~ /^tests/ && has("tests", name)) # harness.h, shim.h
}
FNR == 1 {
	file = dir = FILENAME
	sub(/.*\//, "", file)
	sub(/\/?[^\/]*$/, "", dir)
}
/^[ \t]*#[ \t]*include/ {
	name = $0
	if (name ~ /<weft\//) {
		sub(/.*<weft\//, "", name)
		sub(/>.*/, "", name)
		if (name ~ /\// || !(has("include/weft", name) || has("adapters/weft", name)))
			print FILENAME ":" FNR ": there is no public header weft/" name
		else if ((name ~ /\.hpp$/ || has("adapters/weft", name)) && FILENAME !~ /^(examples|tests|bench)\/|\.hpp$/)
			print FILENAME ":" FNR ": weft/" name " is for programs"
		next
	}
	if (name !~ /"/) {
		if (name ~ /<(\.|core\/|ipc\/|executors\/|tests\/)/)
			print FILENAME ":" FNR ": not a system header: " $0
		next
	}
	sub(/^[^"]*"/, "", name)
	sub(/".*/, "", name)
	if (name ~ /\//)
		print FILENAME ":" FNR ": an include of ours has no path: " name
	else if (!allowed(dir, file, name))
		print FILENAME ":" FNR ": " dir " may not know " name
}'
	;;
atomics)
	# A handler of a signal may set a volatile sig_atomic_t: the C standard has it so. Of assembly the word says
	# that it does more than its outputs show. Tests are programs
	# that share words between processes and crash on purpose; they may use builtins and volatile. Peers in
	# benchmarks know nothing of ours.
	check "$(files '*.c' '*.h' '*.cc' '*.cpp' '*.hpp')" "$code"'
FILENAME == "core/atomic.h" || FILENAME == "include/weft/spawn_inline.h" || FILENAME ~ /^bench\/peers\// { next }
{
	line = code($0)
	if (line ~ /#[ \t]*include[ \t]*<(stdatomic\.h|atomic)>/ && FILENAME != "tests/chaos/chaos_atomic.h" &&
	    FILENAME !~ /^tests\/.*\.cpp$/)
		print FILENAME ":" FNR ": only core/atomic.h includes stdatomic.h"
	if (FILENAME ~ /^tests\//)
		next
	gsub(/volatile sig_atomic_t|__asm__ volatile/, "", line)
	if (line ~ /atom_fence\(/ && line !~ /atom_fence\(seq_cst\)/)
		print FILENAME ":" FNR ": TSan cannot see acquire and release fences; order the access itself"
	if (line ~ /(^|[^A-Za-z0-9_])(__atomic_|__sync_|_Atomic([^A-Za-z0-9_]|$))/)
		print FILENAME ":" FNR ": atomics are made in core/atomic.h only"
	if (line ~ /(^|[^A-Za-z0-9_])(__)?volatile(__)?([^A-Za-z0-9_]|$)/)
		print FILENAME ":" FNR ": volatile is no way to share"
}'
	;;
file-length)
	check "$(files '*.c' '*.h' '*.cc' '*.cpp' '*.hpp' '*.S' '*.sh')" '
FNR == 501 { print FILENAME ":501: a file has 500 lines at most" }'
	;;
function-length)
	check "$(files '*.c' '*.h' '*.cc' '*.cpp' '*.hpp')" '
FNR == 1 { start = 0; before = "" }
/^{/     { start = before ~ /^(template <.*> )?(class|struct|union|namespace) / ? 0 : FNR }
/^}/     {
	if (start && FNR - start + 1 > 80)
		print FILENAME ":" start ": a function has 80 lines at most, this one " FNR - start + 1
	start = 0
}
{ before = $0 }'
	;;
docs)
	check "$(files '*.h' | grep '^include/weft/' || true)" '
FNR == 1 { doc = ""; ended = 0; open = 0 }
/^\/\*\*/ { doc = ""; open = 1 }
open      { doc = doc "\n" $0 }
open && /\*\// { open = 0; ended = FNR }
/^WEFT_API/ {
	match($0, /weft_[a-z0-9_]+\(/)
	name = RLENGTH > 0 ? substr($0, RSTART, RLENGTH - 1) : $0
	if (ended != FNR - 1) {
		print FILENAME ":" FNR ": " name " has no docstring directly above it"
		next
	}
	n = split("@owns @from @waits @orders", tags, " ")
	for (i = 1; i <= n; i++)
		if (doc !~ ("\n \\* " tags[i] "[ \t]+[^ \t]"))
			print FILENAME ":" FNR ": the docstring of " name " has no " tags[i]
}'
	;;
names)
	found=$(files '*' | grep -vE '(^|/)(CMakeLists\.txt|README\.md|meson\.build)$|^debian/' |
		awk '{ name = $0; sub(/.*\//, "", name)
			if (name in seen) print $0 ":1: has the name of " seen[name]
			seen[name] = $0 }')
	[ -z "$found" ] || {
		printf '%s\n' "$found"
		exit 1
	}
	;;
spdx)
	check "$(files '*.c' '*.h' '*.cc' '*.cpp' '*.hpp' '*.S' '*.sh' '*.cmake' '*.map' '*.py' CMakeLists.txt \
		meson.build rules)" '
function close_file() {
	if (file != "" && !licensed)
		print file ":1: no SPDX-License-Identifier: MIT in the first three lines"
}
FNR == 1 { close_file(); file = FILENAME; licensed = 0 }
FNR <= 3 && /SPDX-License-Identifier: MIT/ { licensed = 1 }
END { close_file() }'
	;;
marks)
	# This folder has to name them.
	check "$(files '*.c' '*.h' '*.cc' '*.cpp' '*.hpp' '*.S' '*.sh' '*.cmake' CMakeLists.txt '*.map' | grep -v '^tests/lint/')" '
/(^|[^A-Za-z0-9_])(TODO|FIXME|XXX)([^A-Za-z0-9_]|$)/ { print FILENAME ":" FNR ": unfinished: " $0 }'
	;;
format)
	clang_format=
	for tool in clang-format-14 clang-format; do
		if command -v "$tool" >/dev/null 2>&1 && "$tool" --version | grep -q 'version 14\.'; then
			clang_format=$tool
			break
		fi
	done
	[ -n "$clang_format" ] || {
		echo "no clang-format 14 here: other versions format differently"
		exit 77
	}
	# shellcheck disable=SC2046 # a list of words
	"$clang_format" --dry-run -Werror $(files '*.c' '*.h' '*.cc' '*.cpp' '*.hpp')
	;;
*)
	echo "usage: lint.sh layers|atomics|file-length|function-length|docs|names|spdx|marks|format [ROOT]" >&2
	exit 2
	;;
esac
