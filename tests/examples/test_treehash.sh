#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_treehash.sh [CASE | --list] -- what examples/treehash promises: the hashes that sha256sum has, in order, the
# same bytes on every executor; and a hash of the tree that tells any two apart. Without an argument all cases run.
# WEFT_BUILD_DIR names the build tree.
set -eu

treehash=${WEFT_BUILD_DIR:?names the build tree}/examples/treehash
cases='sizes executors names links_and_others tree_hash many_files deep too_deep unreadable vanished empty progress_bar
	bad_options help output_errors'

# shellcheck source=tests/examples/cases_kit.sh
. "$(dirname "$0")/cases_kit.sh"

trap 'chmod -R u+rwx "$tmp"; rm -rf "$tmp"' EXIT

# run STATUS ARGUMENT...: output goes to $tmp/out, messages to $tmp/err.
run() {
	want=$1
	shift
	status=0
	"$treehash" "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
	[ "$status" -eq "$want" ] || complain "treehash $*: status $status, not $want: $(cat "$tmp/err")"
}

# judge FOLDER: what sha256sum says of its files, in order.
judge() {
	(cd "$1" && find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0r sha256sum --)
}

# right FOLDER OPTION...: the list of its files is as it must be, and the last line is the hash of the others.
right() {
	folder=$1
	shift
	run 0 "$@" "$folder"
	[ ! -s "$tmp/err" ] || complain "treehash $*: on stderr: $(cat "$tmp/err")"
	judge "$folder" >"$tmp/want"
	grep -av '^#' "$tmp/out" | cmp "$tmp/want" - >&2 || complain "treehash $*: wrong hashes"
	sed '$d' "$tmp/out" | sha256sum | sed 's/^/# tree  /; s/  -$//' >"$tmp/want"
	tail -n 1 "$tmp/out" | cmp "$tmp/want" - >&2 || complain "treehash $*: wrong hash of the tree"
}

# fresh: an empty $tree.
fresh() {
	tree=$tmp/tree
	rm -rf "$tree"
	mkdir "$tree"
}

# Around the ends of the algorithm's blocks, and of ours.
sizes() {
	fresh
	head -c 700000 /dev/urandom >"$tmp/random"
	for size in 0 1 3 54 55 56 57 63 64 65 118 119 120 121 127 128 129 183 184 1000 131071 131072 131073 262143 \
		262144 262145 393216 700000; do
		head -c "$size" "$tmp/random" >"$tree/$size"
	done
	right "$tree"
}

# Those that this build has.
known_executors() {
	executors='inline threads:1 threads:2 threads:8'
	mkdir -p "$tmp/nothing"
	! "$treehash" --io uring:1 "$tmp/nothing" >/dev/null 2>&1 || executors="$executors uring:1 uring:2"
}

executors() {
	fresh
	mkdir -p "$tree/a/b/c" "$tree/a.d" "$tree/empty"
	for file in z a/b/c/1 a/b/2 a/3 a.d/4 a-b; do
		head -c 300000 /dev/urandom >"$tree/$file"
	done
	ln -s ../z "$tree/a/link"
	right "$tree"
	cp "$tmp/out" "$tmp/first"
	known_executors
	for io in $executors; do
		for hash in inline threads:1 threads:8 threads:1,queue=1; do
			for jobs in 1 2 1024; do
				right "$tree" --io "$io" --hash "$hash" --jobs "$jobs"
				cmp "$tmp/first" "$tmp/out" >&2 || complain "$io $hash $jobs: other output"
			done
		done
	done
	WEFT_EXECUTOR=inline right "$tree"
	(cd "$tree" && "$treehash") | cmp "$tmp/first" - >&2 || complain 'the current directory: other output'
	(cd "$tree" && "$treehash" | sha256sum -c --quiet --strict) || complain 'sha256sum -c says no'
}

names() {
	fresh
	newline='new
line'
	for file in ' ' 'a b' "$newline" 'back\slash' '-dash' '#hash' "quote'" 'ünïcode' '*' "$(printf 'x\ry')" .hidden \
		"$(printf '\377')"; do
		echo "$file" >"$tree/$file"
	done
	mkdir "$tree/$newline.d" "$tree/e\\"
	echo x >"$tree/$newline.d/a\\"
	ln -s "to\\$newline" "$tree/link$newline"
	right "$tree"
	cat >"$tmp/want" <<-'END'
		# empty  e\\/
		# link  linknew\nline
		#   ->  to\\new\nline
	END
	grep -a '^#' "$tmp/out" | grep -av '^# tree' | cmp "$tmp/want" - >&2 || complain "wrong lines: $(cat "$tmp/out")"
}

links_and_others() {
	fresh
	mkdir -p "$tree/empty/too" "$tree/full"
	echo x >"$tree/full/x"
	ln -s nowhere "$tree/dead"
	ln -s . "$tree/loop"
	ln -s full/x "$tree/alive"
	mkfifo "$tree/fifo"
	right "$tree"
	cat >"$tmp/want" <<-'END'
		# link  alive
		#   ->  full/x
		# link  dead
		#   ->  nowhere
		# empty  empty/too/
		# special  fifo
		# link  loop
		#   ->  .
	END
	grep -a '^#' "$tmp/out" | grep -av '^# tree' | cmp "$tmp/want" - >&2 || complain "wrong lines: $(cat "$tmp/out")"
	ln -s "$tree" "$tmp/way"
	cp "$tmp/out" "$tmp/first"
	run 0 "$tmp/way"
	cmp "$tmp/first" "$tmp/out" >&2 || complain 'a link to the directory: other output'
}

# total: the hash of $tree.
total() {
	run 0 --total "$tree"
	sed "s,  $tree\$,," "$tmp/out"
}

tree_hash() {
	fresh
	mkdir -p "$tree/d/e"
	echo x >"$tree/d/x"
	ln -s 'b -> c' "$tree/a"
	first=$(total)
	right "$tree"
	[ "# tree  $first" = "$(tail -n 1 "$tmp/out")" ] || complain '--total says something else'
	cp -a "$tree" "$tmp/copy"
	[ "$(tree=$tmp/copy total)" = "$first" ] || complain 'a copy has another hash'
	all=$first
	for change in 'mv d/x d/y' 'mkdir d/f' 'echo y >d/y' 'rmdir d/e' 'rm a; ln -s b a' 'mv a c' 'mv c d' \
		'rm d/c; ln -s c "d/a -> b"' 'rm "d/a -> b"; ln -s "b -> c" d/a' ': >z' 'rm z; mkdir z'; do
		(cd "$tree" && eval "$change")
		all="$all $(total)"
	done
	# shellcheck disable=SC2086 # a list of words
	[ "$(printf '%s\n' $all | sort -u | wc -l)" -eq 12 ] || complain "the same hash twice: $all"
}

many_files() {
	fresh
	for d in a b c; do
		mkdir "$tree/$d"
		seq 1500 | split -l 1 -a 4 - "$tree/$d/"
	done
	known_executors
	for io in $executors; do
		right "$tree" --io "$io"
	done
}

deep() {
	fresh
	path=$tree
	for _ in $(seq 400); do
		path=$path/d
	done
	mkdir -p "$path"
	echo x >"$path/x"
	right "$tree"
	right "$tree" --io inline --hash inline
}

# Deeper than any path can say.
too_deep() {
	fresh
	long=$(printf '%100s' '' | tr ' ' d)
	echo x >"$tree/x"
	(cd "$tree" && for _ in $(seq 45); do
		mkdir "$long" && cd -P "$long" || exit
	done) || complain 'cannot make it'
	run 1 "$tree"
	grep -Eq '^treehash: d.*: File ?name too long$' "$tmp/err" || complain "said $(cat "$tmp/err")"
	[ "$(cat "$tmp/out")" = "$(judge_file x)" ] || complain "wrote $(cat "$tmp/out")"
}

judge_file() {
	(cd "$tree" && sha256sum "$1")
}

# For root nothing is unreadable, so somebody else has to try.
unreadable() {
	fresh
	mkdir "$tree/secret"
	echo a >"$tree/a"
	echo b >"$tree/b"
	echo c >"$tree/c"
	chmod 000 "$tree/b" "$tree/secret"
	as=
	if [ "$(id -u)" -eq 0 ]; then
		if ! setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$treehash"; then
			echo 'cannot be anybody but root'
			return
		fi
		as='setpriv --reuid=65534 --regid=65534 --clear-groups'
		chmod 755 "$tmp"
	fi
	for option in --quiet --total; do
		status=0
		# shellcheck disable=SC2086 # a list of words
		$as "$treehash" "$option" "$tree" >"$tmp/out" 2>"$tmp/err" || status=$?
		[ "$status" -eq 1 ] || complain "status $status"
		cat >"$tmp/want" <<-END
			treehash: b: Permission denied
			treehash: secret: Permission denied
			treehash: 2 could not be read, so the tree has no hash
		END
		cmp "$tmp/want" "$tmp/err" >&2 || complain "said $(cat "$tmp/err")"
		[ "$option" = --quiet ] || : >"$tmp/want"
		[ "$option" = --total ] || { judge_file a && judge_file c; } >"$tmp/want"
		cmp "$tmp/want" "$tmp/out" >&2 || complain "$option: wrote $(cat "$tmp/out")"
	done
	chmod 700 "$tree/secret"
}

vanished() {
	run 1 "$tmp/none"
	[ "$(cat "$tmp/err")" = "treehash: $tmp/none: No such file or directory" ] || complain "said $(cat "$tmp/err")"
	run 1 "$0"
	[ "$(cat "$tmp/err")" = "treehash: $0: Not a directory" ] || complain "said $(cat "$tmp/err")"
}

empty() {
	fresh
	right "$tree"
	[ "$(total)" = "$(sha256sum </dev/null | sed 's/  -//')" ] || complain 'nothing has another hash'
}

# Half a gigabyte takes longer than the half second that the bar waits.
progress_bar() {
	if grep -q '^WEFT_SANITIZE:STRING=.' "$WEFT_BUILD_DIR/CMakeCache.txt" || ! command -v script >/dev/null; then
		echo 'too slow a build, or no terminal to be had'
		return
	fi
	fresh
	truncate -s 512M "$tree/large"
	script -qec "$treehash $tree" /dev/null </dev/null >"$tmp/seen" 2>&1 || complain 'failed at a terminal'
	grep -q '\[#* *\] *[0-9]*%' "$tmp/seen" || complain "no bar: $(cat "$tmp/seen")"
	script -qec "$treehash --quiet $tree" /dev/null </dev/null >"$tmp/seen" 2>&1 || complain 'failed at a terminal'
	! grep -q '%' "$tmp/seen" || complain "a bar, though quiet: $(cat "$tmp/seen")"
}

# refused STATUS MESSAGE ARGUMENT...
refused() {
	want=$1 message=$2
	shift 2
	run "$want" "$@"
	[ "$(cat "$tmp/err")" = "treehash: $message" ] || complain "treehash $*: said $(cat "$tmp/err")"
	[ ! -s "$tmp/out" ] || complain "treehash $*: wrote $(head -n 1 "$tmp/out")"
}

bad_options() {
	for n in 0 1025 x -1 ''; do
		refused 2 "--jobs '$n': must be 1 to 1024" --jobs "$n"
	done
	refused 2 "--frobnicate: no such option" --frobnicate
	refused 2 "--io: needs a value" --io
	refused 2 "'b': one directory only" a b
	refused 2 "--io 'bogus': no such executor; see treehash --help" --io bogus
	refused 2 "--hash 'threads:0': no such executor; see treehash --help" --hash threads:0
	for option in --io --hash; do
		refused 2 "$option 'processes:1': its tasks do not share our memory; see treehash --help" \
			"$option" processes:1
	done
}

help() {
	run 0 --help
	for word in --io --hash --jobs --total --quiet --help; do
		grep -q -- " $word" "$tmp/out" || complain "--help does not know $word"
	done
}

output_errors() {
	fresh
	echo x >"$tree/x"
	for option in --help --total --quiet; do
		status=0
		"$treehash" "$option" "$tree" >/dev/full 2>"$tmp/err" || status=$?
		[ "$status" -eq 1 ] || complain "treehash $option, disk full: status $status"
		[ "$(cat "$tmp/err")" = 'treehash: stdout: No space left on device' ] || complain "said $(cat "$tmp/err")"
	done
}

run_cases "$@"
