/* SPDX-License-Identifier: MIT
 *
 * consumer.c -- a small program of a user: the same function on each executor gives the same answers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <weft/weft.h>

#define N 100

static int square(weft_call *call, const void *arg, void *result)
{
	uint64_t n;
	(void)call;
	memcpy(&n, arg, sizeof n);
	n *= n;
	memcpy(result, &n, sizeof n);
	return 0;
}

static int try_on(const char *spec)
{
	uint64_t numbers[N], squares[N] = {0};
	for (uint64_t i = 0; i < N; i++)
		numbers[i] = i;

	weft_executor *ex;
	int err = weft_executor_open(&ex, spec);
	if (err) {
		fprintf(stderr, "%s: open: %s\n", spec, weft_strerror(err));
		return 1;
	}
	err = weft_map(ex, square, numbers, sizeof *numbers, squares, sizeof *squares, N, NULL);
	weft_executor_free(ex);
	if (err) {
		fprintf(stderr, "%s: map: %s\n", spec, weft_strerror(err));
		return 1;
	}
	for (uint64_t i = 0; i < N; i++) {
		if (squares[i] != i * i) {
			fprintf(stderr, "%s: the square of %" PRIu64 " is not %" PRIu64 "\n", spec, i,
				squares[i]);
			return 1;
		}
	}
	printf("%s: all %d right\n", spec, N);
	return 0;
}

int main(void)
{
	if (weft_version() != WEFT_VERSION) {
		fprintf(stderr, "the library is %#" PRIx32 ", the headers are %#x\n", weft_version(),
			(unsigned)WEFT_VERSION);
		return 1;
	}
	return try_on("inline") + try_on("threads:2") + try_on("processes:2");
}
