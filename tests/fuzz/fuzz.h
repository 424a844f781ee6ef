/* SPDX-License-Identifier: MIT
 *
 * fuzz.h -- inputs for what must stand any: each fuzz_X.c takes bytes and aborts where something is wrong. With
 * libFuzzer (WEFT_FUZZ, clang) that searches for such bytes; else fuzz_plain.c hands them over, from files.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes to be read one after the other; after the last one come zeros. */
struct fuzz_bytes {
	const uint8_t *at;
	size_t left;
};

static inline void fuzz_read(struct fuzz_bytes *b, void *ret, size_t n)
{
	size_t there = n < b->left ? n : b->left;

	memset(ret, 0, n);
	if (there)
		memcpy(ret, b->at, there);
	b->at += there;
	b->left -= there;
}

static inline uint8_t fuzz_byte(struct fuzz_bytes *b)
{
	uint8_t x;

	fuzz_read(b, &x, 1);
	return x;
}

static inline uint32_t fuzz_u32(struct fuzz_bytes *b)
{
	uint32_t x;

	fuzz_read(b, &x, sizeof x);
	return x;
}

static inline void fuzz_check(bool ok)
{
	if (!ok)
		abort();
}

#endif
