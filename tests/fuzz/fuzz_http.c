/* SPDX-License-Identifier: MIT
 *
 * fuzz_http.c -- answers of web servers, as examples/fetch.c reads them: however the bytes are cut into pieces, the
 * end is the same; and nothing is believed that is not there.
 */
#include "fuzz.h"

#include "fetch_http.h"

static void feed_in_pieces(struct http *h, const uint8_t *data, size_t size, size_t piece)
{
	for (size_t at = 0; at < size; at += piece) {
		/* A copy of its own, so that a look beyond its end is seen. */
		size_t n = size - at < piece ? size - at : piece;
		char *copy = malloc(n);

		fuzz_check(copy != NULL);
		memcpy(copy, data + at, n);
		http_feed(h, copy, n);
		free(copy);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http whole, pieces;
	static const size_t piece[] = {1, 3, 1000};

	http_begin(&whole);
	if (size)
		feed_in_pieces(&whole, data, size, size);
	fuzz_check(whole.size <= size && whole.used < sizeof whole.line);
	fuzz_check(whole.state != HTTP_DONE || (whole.status >= 200 && whole.status < 600));
	for (size_t i = 0; i < sizeof piece / sizeof *piece; i++) {
		http_begin(&pieces);
		feed_in_pieces(&pieces, data, size, piece[i]);
		fuzz_check(pieces.state == whole.state && pieces.status == whole.status);
		fuzz_check(pieces.size == whole.size && http_end(&pieces) == http_end(&whole));
		fuzz_check(whole.state != HTTP_DONE || pieces.keeps == whole.keeps);
	}
	return 0;
}
