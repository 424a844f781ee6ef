/* SPDX-License-Identifier: MIT
 *
 * spec.c -- strict reading of what users write: numbers, executor texts, options structs.
 *
 * The reader of executor texts walks once from left to right; each piece is cut at its first separator
 * and copied only after its length and its characters were checked. Everything is read into a local
 * struct first, since outputs stay untouched on failure.
 */
#include "spec.h"

#include <errno.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_';
}

/* Bytes above 127 pass: a name may be in any language. */
static bool is_text(char c)
{
	unsigned char u = (unsigned char)c;
	return u > ' ' && u != 127 && u != ',';
}

int weft__parse_u64(const char *s, size_t len, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t x = 0;
	bool over = false;

	if (!s || len == 0)
		return -EINVAL;
	/* To the end even if it is too large already: "99999999999999999999x" is malformed, not large. */
	for (size_t i = 0; i < len; i++) {
		if (!is_digit(s[i]))
			return -EINVAL;
		over |= __builtin_mul_overflow(x, 10u, &x);
		over |= __builtin_add_overflow(x, (uint64_t)(s[i] - '0'), &x);
	}
	if (over || x < min || x > max)
		return -ERANGE;
	*ret = x;
	return 0;
}

/* Copies len bytes and a NUL into dst, if there are any, they fit, and all are allowed. */
static int copy_piece(char *dst, size_t dst_size, const char *s, size_t len, bool (*allowed)(char))
{
	if (len == 0 || len >= dst_size)
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if (!allowed(s[i]))
			return -EINVAL;
	memcpy(dst, s, len);
	dst[len] = '\0';
	return 0;
}

/* kind[:N], which is len bytes long. */
static int parse_head(struct weft__spec *spec, const char *s, size_t len)
{
	const char *colon = memchr(s, ':', len);
	size_t kind_len = colon ? (size_t)(colon - s) : len;
	uint64_t n = 0;

	int err = copy_piece(spec->kind, sizeof spec->kind, s, kind_len, is_word);
	if (!err && colon) {
		err = weft__parse_u64(colon + 1, len - kind_len - 1, 1, WEFT_WORKERS_MAX, &n);
		spec->has_count = true;
		spec->count = (uint32_t)n;
	}
	return err;
}

/* key=value, which is len bytes long. A value may contain '=' itself: names are free. */
static int parse_option(struct weft__spec *spec, const char *s, size_t len)
{
	const char *equals = memchr(s, '=', len);
	if (!equals || spec->n == WEFT__SPEC_OPTIONS)
		return -EINVAL;

	size_t key_len = (size_t)(equals - s);
	char *key = spec->option[spec->n].key;
	char *value = spec->option[spec->n].value;

	int err = copy_piece(key, WEFT__SPEC_KIND, s, key_len, is_word);
	if (!err && weft__spec_find(spec, key))
		err = -EINVAL;
	if (!err)
		err = copy_piece(value, WEFT__SPEC_VALUE, equals + 1, len - key_len - 1, is_text);
	if (!err)
		spec->n++;
	return err;
}

int weft__spec_parse(struct weft__spec *ret, const char *text)
{
	struct weft__spec spec;
	int err;

	if (!ret || !text)
		return -EINVAL;
	memset(&spec, 0, sizeof spec);

	size_t len = strcspn(text, ",");
	err = parse_head(&spec, text, len);
	while (!err && text[len] == ',') {
		text += len + 1;
		len = strcspn(text, ",");
		err = parse_option(&spec, text, len);
	}
	if (!err)
		*ret = spec;
	return err;
}

const char *weft__spec_find(const struct weft__spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->n; i++)
		if (!strcmp(spec->option[i].key, key))
			return spec->option[i].value;
	return NULL;
}

int weft__spec_u32(const struct weft__spec *spec, const char *key, uint32_t min, uint32_t max, uint32_t *io)
{
	uint64_t x;
	const char *value = weft__spec_find(spec, key);
	if (!value)
		return 0;

	int err = weft__parse_u64(value, strlen(value), min, max, &x);
	if (!err)
		*io = (uint32_t)x;
	return err;
}

static bool contains(const char *const keys[], const char *key)
{
	while (*keys && strcmp(*keys, key) != 0)
		keys++;
	return *keys;
}

int weft__spec_only(const struct weft__spec *spec, const char *const keys[])
{
	for (size_t i = 0; i < spec->n; i++)
		if (!contains(keys, spec->option[i].key))
			return -EINVAL;
	return 0;
}

int weft__opts_copy(void *dst, size_t dst_size, const void *src)
{
	uint32_t own_size = (uint32_t)dst_size, size = 0;
	const unsigned char *bytes = src;

	if (src)
		memcpy(&size, src, sizeof size);
	if (size == 0)
		size = own_size;
	if (size < sizeof size || size > WEFT__OPTS_MAX)
		return -EINVAL;
	for (size_t i = dst_size; i < size; i++)
		if (bytes[i])
			return -EINVAL;

	memset(dst, 0, dst_size);
	if (src)
		memcpy(dst, src, size < dst_size ? size : dst_size);
	memcpy(dst, &own_size, sizeof own_size);
	return 0;
}
