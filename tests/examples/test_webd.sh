#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_webd.sh [CASE | --list] -- what examples/webd promises: files as they are, whole and in part, on every
# executor alike; nothing from outside its directory; no request that is not one. Without an argument all cases run.
# WEFT_BUILD_DIR names the build tree.
set -eu

cases='files keep_alive pipelined ranges unchanged refused_paths bad_requests bodies byte_at_a_time
	log'

# shellcheck source=tests/examples/webd_kit.sh
. "$(dirname "$0")/webd_kit.sh"

files() {
	for executor in $executors; do
		start --executor "$executor"
		for file in a.txt nothing big; do
			expect 200 "/$file" && same "$site/$file"
			has "Content-Length: $(wc -c <"$site/$file" | tr -d ' ')"
		done
		expect 200 /a.txt && has 'Content-Type: text/plain' && has 'Accept-Ranges: bytes'
		expect 200 '/a.txt?x=/../y' && same "$site/a.txt"
		expect 200 / && same "$site/index.html" && has 'Content-Type: text/html'
		expect 200 /sub/ && same "$site/sub/index.html"
		expect 200 '/100%25%20of%20it.txt' && same "$site/100% of it.txt"
		expect 301 '/sub?q=1' && has 'Location: /sub/?q=1'
		expect 404 /sub/empty/
		expect 404 /a.txt/
		expect 404 /none
		expect 404 //a.txt
		expect 404 "/$(printf '%300s' '' | tr ' ' x)"
		expect 200 /big --head && has 'Content-Length: 20000000'
		stop
	done
}

keep_alive() {
	for executor in $executors; do
		start --executor "$executor"
		n=$(curl -sS --noproxy '*' --max-time 60 -w '%{num_connects} ' "http://127.0.0.1:$port/a.txt" \
			"http://127.0.0.1:$port/none" "http://127.0.0.1:$port/sub/" -o "$tmp/1" -o "$tmp/2" -o "$tmp/3")
		[ "$n" = '1 0 0 ' ] || complain "$executor: $n connections for three requests"
		stop
	done
	start
	printf 'GET /a.txt HTTP/1.0\r\n\r\nGET /a.txt HTTP/1.0\r\n\r\n' | answers 200 'HTTP/1.0'
	printf 'GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /a.txt HTTP/1.0\r\n\r\n' |
		answers '200 200' 'HTTP/1.0 that wants to go on'
	stop
}

pipelined() {
	start
	{
		for path in a.txt none a.txt sub/; do
			printf 'GET /%s HTTP/1.1\r\nHost: x\r\n\r\n' "$path"
		done
		printf '\r\nHEAD /a.txt HTTP/1.1\r\nHost: x\r\n\r\nGET /a.txt HTTP/1.1\r\nhost:x\r\nCONNECTION: x, Close\r\n\r\nGET'
	} | answers '200 404 200 200 200 200' 'six in one'
	[ "$(grep -c hello "$tmp/talk")" -eq 3 ] || complain "HEAD has a body, or GET none: $(cat "$tmp/talk")"
	stop
}

# part RANGE FIRST SIZE: the bytes of big from FIRST on.
part() {
	expect 206 /big -H "Range: bytes=$1"
	tail -c "+$(($2 + 1))" "$site/big" | head -c "$3" >"$tmp/part"
	same "$tmp/part"
	has "Content-Range: bytes $2-$(($2 + $3 - 1))/20000000"
	has "Content-Length: $3"
}

ranges() {
	for executor in $executors; do
		start --executor "$executor"
		part 0-0 0 1
		part 10-99 10 90
		part 70000-4070000 70000 4000001
		part 19999990- 19999990 10
		part -300000 19700000 300000
		part -30000000 0 20000000
		part 19999999-99999999999999999999999 19999999 1
		for range in 20000000- 20000000-20000001 99999999999999999999999- -0; do
			expect 416 /big -H "Range: bytes=$range" && has 'Content-Range: bytes \*/20000000'
		done
		for range in 0-1,5-6 5-4 - 1 x-y 1-x ''; do
			expect 200 /big -H "Range: bytes=$range" && same "$site/big"
		done
		expect 200 /big -H 'Range: lines=0-1'
		stop
	done
}

unchanged() {
	start
	expect 200 /a.txt
	tag=$(tr -d '\r' <"$tmp/head" | sed -n 's/^ETag: //p')
	date=$(tr -d '\r' <"$tmp/head" | sed -n 's/^Last-Modified: //p')
	expect 304 /a.txt -H "If-None-Match: $tag"
	[ ! -s "$tmp/body" ] || complain '304 has a body'
	expect 304 /a.txt -H "If-None-Match: \"x\", $tag"
	expect 304 /a.txt -H 'If-None-Match: *'
	expect 200 /a.txt -H 'If-None-Match: "x"' -H "If-Modified-Since: $date"
	expect 304 /a.txt -H "If-Modified-Since: $date"
	expect 206 /a.txt -H "If-Range: $tag" -H 'Range: bytes=0-1'
	expect 206 /a.txt -H "If-Range: $date" -H 'Range: bytes=0-1'
	expect 200 /a.txt -H 'If-Range: "x"' -H 'Range: bytes=0-1'
	touch -d '2020-01-01' "$site/a.txt"
	expect 200 /a.txt -H "If-None-Match: $tag"
	has 'Last-Modified: Wed, 01 Jan 2020 00:00:00 GMT'
	stop
}

refused_paths() {
	for executor in $executors; do
		start --executor "$executor"
		for path in /../outside/secret /sub/../../outside/secret /%2e%2e/outside/secret /sub/.%2E/a.txt \
			/.hidden /%2ehidden /sub/. /..; do
			expect 403 "$path"
		done
		for path in /x..%2foutside/secret '/a.txt%00' '/a%' '/a%2' '/%zz' '/sub%2Findex.html'; do
			expect 400 "$path"
		done
		for path in /link /outside/secret /outside /outside/; do
			expect 404 "$path"
		done
		expect 403 /fifo
		! grep -rq secret "$tmp/body" || complain "a secret came out"
		stop
	done
}

bad_requests() {
	start
	for request in 'GET /\r\n' 'GET  / HTTP/1.1\r\n' 'GET / HTTP/1.1 \r\n' 'GET / HTTP/x.1\r\n' 'get\r\n' ' \r\n' \
		'G(T / HTTP/1.1\r\n' 'GET /\t HTTP/1.1\r\n' 'GET /\001 HTTP/1.1\r\n' 'GET /\200 HTTP/1.1\r\n' \
		'GET * HTTP/1.1\r\nHost: x\r\n' 'GET a.txt HTTP/1.1\r\nHost: x\r\n' 'GET / HTTP/1.1\r\n' \
		'GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n' 'GET / HTTP/1.1\r\nHost : x\r\n' \
		'GET / HTTP/1.1\r\nHost: x\r\n folded\r\n' 'GET / HTTP/1.1\r\nHost: x\nA: b\r\n' \
		'GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n' 'GET / HTTP/1.1\r\nHost: x\r\n: y\r\n' \
		'GET / HTTP/1.1\r\nHost: x\000\r\n' 'GET / HTTP/1.1\r\nHost: x\rA: b\r\n' \
		'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n' \
		'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n' \
		'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n'; do
		# shellcheck disable=SC2059 # that is what they are
		printf "$request\r\nGET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n" | answers 400 "$request"
	done
	printf 'GET / HTTP/2.0\r\nHost: x\r\n\r\n' | answers 505 'HTTP/2.0'
	for method in POST PUT DELETE OPTIONS CONNECT brew; do
		printf '%s / HTTP/1.1\r\nHost: x\r\n\r\n' "$method" | answers 405 "$method"
		grep -q '^Allow: GET, HEAD' "$tmp/talk" || complain "$method: not told what is allowed"
	done
	printf 'GET /%5000s HTTP/1.1\r\nHost: x\r\n\r\n' '' | tr ' ' x | sed 's/xHTTP/ HTTP/; s/^GETx/GET /; s/:x/: /' |
		answers 414 'a long path'
	printf 'GET http://somewhere/a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' | answers 200 'by a proxy'
	stop
}

# What follows a body is no request; and who is still sending one gets the answer all the same.
bodies() {
	start
	printf 'GET /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n1234567' |
		answers 200 'a body that looks like a request'
	printf 'GET /a.txt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.0\r\n\r\n' |
		answers 200 'chunks'
	for _ in 1 2 3 4 5; do
		{
			printf 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n'
			head -c 900000 /dev/zero
		} | answers 405 'an upload'
	done
	stop
}

byte_at_a_time() {
	for executor in $executors; do
		start --executor "$executor"
		printf 'GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\nHEAD /a.txt HTTP/1.0\r\n\r\n' |
			"$talk" "$port" 1 >"$tmp/talk" 2>/dev/null || complain "$executor: it does not close"
		[ "$(grep -c '^HTTP/1.1 200 ' "$tmp/talk")" = 2 ] || complain "$executor: $(cat "$tmp/talk")"
		stop
	done
}

log() {
	start --log
	expect 200 '/a.txt?x=1' -H 'Range: x'
	expect 206 /big -r 0-9
	expect 404 /none
	printf '\001\r\n\r\n' | answers 400 'nonsense'
	stop
	cat >"$tmp/want" <<-'END'
		127.0.0.1 "GET /a.txt?x=1" 200 6
		127.0.0.1 "GET /big" 206 10
		127.0.0.1 "GET /none" 404 0
		127.0.0.1 "- -" 400 0
	END
	sed 1d "$tmp/log" | cmp "$tmp/want" - >&2 || complain "the log: $(cat "$tmp/log")"
}

run_cases "$@"
