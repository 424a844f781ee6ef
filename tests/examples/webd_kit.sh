# SPDX-License-Identifier: MIT
#
# webd_kit.sh -- what the tests of examples/webd have in common: some files, a server, clients that judge answers. To
# be read by ".", after $cases has been set; the last line of such a test is: run_cases "$@"
# shellcheck shell=sh disable=SC2034,SC2154 # variables of one file are used in another

webd=${WEFT_BUILD_DIR:?names the build tree}/examples/webd
talk=$WEFT_BUILD_DIR/tests/http_talk

# shellcheck source=tests/examples/cases_kit.sh
. "$(dirname "$0")/cases_kit.sh"

command -v curl >/dev/null || {
	echo 'skipped: there is no curl'
	exit 77
}

server=
staller=
# shellcheck disable=SC2317 # called by the trap
clean() {
	[ -z "$server" ] || kill -KILL "$server" 2>/dev/null || :
	[ -z "$staller" ] || kill -KILL "$staller" 2>/dev/null || :
	rm -rf "$tmp"
}
trap clean EXIT

site=$tmp/site
mkdir -p "$site/sub/empty" "$tmp/outside"
printf 'hello\n' >"$site/a.txt"
printf '<p>index</p>\n' >"$site/index.html"
printf '<p>sub</p>\n' >"$site/sub/index.html"
printf 'percent\n' >"$site/100% of it.txt"
printf 'secret\n' >"$tmp/outside/secret"
printf 'secret\n' >"$site/.hidden"
: >"$site/nothing"
head -c 20000000 /dev/urandom >"$site/big"
ln -s a.txt "$site/link"
ln -s "$tmp/outside" "$site/outside"
mkfifo "$site/fifo"

# start OPTION...: a server. $server is its process, $port its port.
start() {
	: >"$tmp/log"
	"$webd" --port 0 "$@" "$site" >"$tmp/log" 2>"$tmp/err" &
	server=$!
	within 20 test -s "$tmp/log" || complain "webd $*: printed nothing in 20 seconds: $(cat "$tmp/err")"
	port=$(sed -n '1s,^webd: .* at http://127.0.0.1:\([0-9]*\)/ on .*,\1,p' "$tmp/log")
}

# ended STATUS: the server ends with it, in time.
ended() {
	within 20 is_gone || {
		complain 'the server does not end'
		kill -KILL "$server"
	}
	status=0
	wait "$server" || status=$?
	server=
	[ "$status" -eq "$1" ] || complain "the server: status $status, not $1"
}

is_gone() {
	! kill -0 "$server" 2>/dev/null || grep -q '^State:.*Z' "/proc/$server/status" 2>/dev/null
}

# stop: the server ends as it should, and has had nothing to say.
stop() {
	kill -INT "$server"
	ended 0
	[ "$(cat "$tmp/err")" = 'webd: stopping' ] || complain "the server said: $(cat "$tmp/err")"
}

# get PATH CURL_ARGUMENT...: the answer's head goes to $tmp/head, its body to $tmp/body, the status to $code.
get() {
	path=$1
	shift
	: >"$tmp/body"
	code=$(curl -sS --noproxy '*' --max-time 60 --path-as-is -D "$tmp/head" -o "$tmp/body" \
		-w '%{http_code}' "$@" "http://127.0.0.1:$port$path" 2>"$tmp/curl") || code="$code $(cat "$tmp/curl")"
}

# expect STATUS PATH CURL_ARGUMENT...
expect() {
	want=$1
	shift
	get "$@"
	[ "$code" = "$want" ] || complain "$*: $code, not $want"
}

# same FILE: the body is that.
same() {
	cmp -s "$1" "$tmp/body" || complain "another body than $1"
}

# has PATTERN: a line of the answer's head is like that.
has() {
	tr -d '\r' <"$tmp/head" | grep -qix "$1" || complain "no line '$1' in: $(cat "$tmp/head")"
}

# answers WORDS: what is piped in gets answers with these statuses, and then the server closes.
answers() {
	got=0
	"$talk" "$port" >"$tmp/talk" 2>"$tmp/said" || got=$?
	[ "$got" -eq 0 ] || complain "the connection: status $got: $(cat "$tmp/said")"
	got=$(tr -d '\r' <"$tmp/talk" | sed -n 's,^HTTP/1.1 \([0-9]*\) .*,\1,p' | tr '\n' ' ')
	[ "$got" = "${1:+$1 }" ] || complain "$2: '$got', not '$1'"
}

# Those that this build has.
executors='inline threads:2 threads:64'
code=0
"$webd" --port 0 --executor uring:1 >/dev/full 2>/dev/null || code=$?
[ "$code" -ne 1 ] || executors="$executors uring:1 uring:2" # it can say no first line; else it is 2

# stall: a client asks for the big file, and does not read it.
stall() {
	: >"$tmp/staller"
	printf 'GET /big HTTP/1.1\r\nHost: x\r\n\r\n' | "$talk" "$port" never 2>"$tmp/staller" &
	staller=$!
	within 20 test -s "$tmp/staller" || complain 'cannot connect'
}

# forget: that client is gone.
forget() {
	kill "$staller"
	wait "$staller" 2>/dev/null || :
	staller=
}
