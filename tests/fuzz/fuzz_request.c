/* SPDX-License-Identifier: MIT
 *
 * fuzz_request.c -- heads of HTTP requests, as strangers send them to examples/webd.c. Bytes that come in pieces are no
 * other head; a path stays below its root; a range stays within its file.
 */
#include "fuzz.h"
#include "http_request.h"

static void check_pieces(const char *data, size_t size, size_t head)
{
	/* A copy of that size, so that the sanitizers see who reads beyond. */
	for (size_t n = 0; n < size; n += 1 + size / 16) {
		char *piece = malloc(n + 1);

		fuzz_check(piece != NULL);
		memcpy(piece, data, n);
		fuzz_check(http_head_size(piece, n) == (head && n >= head ? head : 0));
		free(piece);
	}
}

static void check_path(const char *path)
{
	size_t n = strlen(path);

	fuzz_check(*path == '/' && n < HTTP_PATH_MAX);
	fuzz_check(!strstr(path, "/."));
}

static void check_range(const char *text, uint64_t size)
{
	uint64_t first = 7, last = 5;

	switch (http_parse_range(text, size, &first, &last)) {
	case HTTP_PART:
		fuzz_check(first <= last && last < size);
		break;
	default:
		fuzz_check(first == 7 && last == 5);
	}
}

static void check_request(const struct http_request *r, const char *head, size_t size)
{
	fuzz_check(r->method && r->target && (r->is_head || !strcmp(r->method, "GET")));
	check_path(r->path);
	for (int i = 0; i < HTTP_FIELDS; i++) {
		const char *value = r->field[i];

		if (!value)
			continue;
		fuzz_check(value > head && value + strlen(value) < head + size);
		fuzz_check(!strpbrk(value, "\r\n"));
	}
	if (r->field[HTTP_TRANSFER_ENCODING])
		fuzz_check(!r->keep_alive && !r->field[HTTP_CONTENT_LENGTH]);
	if (r->field[HTTP_RANGE])
		for (uint64_t n = 0; n < 64; n += 9)
			check_range(r->field[HTTP_RANGE], n ? UINT64_MAX >> n : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_request r;
	size_t head = http_head_size((const char *)data, size);
	char *copy = malloc(size + 1);
	int status;

	fuzz_check(copy != NULL);
	if (size)
		memcpy(copy, data, size);
	fuzz_check(head <= size);
	check_pieces(copy, size, head);
	if (head) {
		status = http_parse(copy, head, &r);
		fuzz_check(status == 0 || status == 400 || status == 403 || status == 405 || status == 414 ||
			   status == 505);
		if (!status)
			check_request(&r, copy, head);
		else
			fuzz_check(!r.keep_alive);
	}
	free(copy);
	return 0;
}
