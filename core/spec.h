/* SPDX-License-Identifier: MIT
 *
 * spec.h -- strict reading of what users write: numbers, executor texts, options structs.
 *
 * Nothing here guesses. What is not exactly of the documented form is refused, so that a misspelt
 * option is an error and not a default.
 */
#ifndef WEFT_CORE_SPEC_H
#define WEFT_CORE_SPEC_H

#include <weft/base.h>

enum {
	WEFT__SPEC_KIND = 16,    /* bytes of a kind or a key, with the NUL */
	WEFT__SPEC_VALUE = 64,   /* bytes of a value, with the NUL */
	WEFT__SPEC_OPTIONS = 16, /* options in one text */
	WEFT__OPTS_MAX = 4096,   /* bytes of an options struct; more is a size that was never set */
};

/* "threads:8,queue=64,name=io", taken apart. */
struct weft__spec {
	char kind[WEFT__SPEC_KIND];
	bool has_count;
	uint32_t count; /* 0 where has_count is false */
	size_t n;       /* of option */
	struct {
		char key[WEFT__SPEC_KIND];
		char value[WEFT__SPEC_VALUE];
	} option[WEFT__SPEC_OPTIONS];
};

/* Reads len bytes as a decimal number. Digits only: no sign, no space, no base prefix; leading zeros are
 * fine. Returns 0 | -EINVAL: not such a number | -ERANGE: one, but outside min..max. */
int weft__parse_u64(const char *s, size_t len, uint64_t min, uint64_t max, uint64_t *ret);

/* Takes apart kind[:N][,key=value]... (see weft_executor_open). Kind and key are of a-z, 0-9 and _; a
 * value is anything but space, control characters and comma. Which kinds and keys exist is the caller's
 * affair. The first fault from the left decides: 0 | -EINVAL: not of that form, a piece too long, a key
 * twice, or text is NULL | -ERANGE: N is not 1..WEFT_WORKERS_MAX. */
int weft__spec_parse(struct weft__spec *ret, const char *text);

/* The value of an option, borrowed from spec; NULL: it is not there. */
const char *weft__spec_find(const struct weft__spec *spec, const char *key);

/* Reads a number option into *io, which keeps its value if the option is not there. 0 | -EINVAL | -ERANGE. */
int weft__spec_u32(const struct weft__spec *spec, const char *key, uint32_t min, uint32_t max, uint32_t *io);

/* 0 if every key is one of keys, which ends with NULL; else -EINVAL. */
int weft__spec_only(const struct weft__spec *spec, const char *const keys[]);

/* Copies an options struct, which begins with its uint32_t size, into this library's idea of it.
 *
 * A caller compiled against older headers has a smaller struct: the rest is 0, the default. One compiled
 * against newer headers has a larger one: what is beyond must be 0, since it cannot be honoured. src NULL:
 * all defaults. size 0: dst_size. dst->size becomes dst_size.
 * Returns 0 | -EINVAL, with dst untouched: unknown options are set, or size cannot be one. */
int weft__opts_copy(void *dst, size_t dst_size, const void *src);

#endif
