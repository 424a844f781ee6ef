/* SPDX-License-Identifier: MIT
 *
 * fetch_http.h -- the reader of answers of fetch.c: HTTP/1.1, from bytes as they come, in pieces of any size. It needs
 * no memory but its own, and believes nothing: every number and length is checked.
 */
#ifndef EXAMPLES_FETCH_HTTP_H
#define EXAMPLES_FETCH_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum http_state {
	HTTP_STATUS, /* the first line */
	HTTP_HEADER, /* a line of the head */
	HTTP_BODY,   /* left bytes, or until the end of the stream */
	HTTP_CHUNK,  /* the line with the size of a chunk */
	HTTP_CHUNK_END,
	HTTP_TRAILER,
	HTTP_DONE,
	HTTP_BAD
};

enum { HTTP_LINE_MAX = 4096, HTTP_LINES_MAX = 200 };

struct http {
	enum http_state state;
	int status;               /* 200 and so on */
	bool chunked, has_length; /* how the end of the body is known */
	bool keeps;               /* after this answer the connection is good for another */
	uint64_t left, size;      /* bytes of the body: to come, if known; seen */
	unsigned lines;
	size_t used; /* of line */
	char line[HTTP_LINE_MAX];
};

/* Decimal or hexadecimal digits and nothing else, below 2^60. */
static bool http_number(const char *text, size_t n, int base, uint64_t *ret)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		int c = text[i] | 0x20, digit = c >= '0' && c <= '9' ? c - '0' : c - 'a' + 10;
		if ((text[i] < '0' || text[i] > '9') && (base != 16 || c < 'a' || c > 'f'))
			return false;
		sum = sum * (uint64_t)base + (uint64_t)digit;
		if (sum >> 60)
			return false;
	}
	*ret = sum;
	return n > 0;
}

/* The value of a header line, if it has that name; NULL: another one. */
static const char *http_value(const char *line, const char *name)
{
	size_t n = strlen(name);

	if (strncasecmp(line, name, n) != 0 || line[n] != ':')
		return NULL;
	line += n + 1;
	return line + strspn(line, " \t");
}

static enum http_state http_header(struct http *h)
{
	const char *value;
	uint64_t length;

	if ((value = http_value(h->line, "Content-Length"))) {
		if (!http_number(value, strcspn(value, " \t"), 10, &length))
			return HTTP_BAD;
		if (h->has_length && length != h->left)
			return HTTP_BAD;
		h->has_length = true;
		h->left = length;
	} else if ((value = http_value(h->line, "Transfer-Encoding"))) {
		if (strcasecmp(value, "chunked") != 0)
			return HTTP_BAD; /* we have asked for no other */
		h->chunked = true;
	} else if ((value = http_value(h->line, "Connection"))) {
		h->keeps = h->keeps && !strcasecmp(value, "keep-alive");
	}
	return HTTP_HEADER;
}

/* The head is over: what follows? */
static enum http_state http_body(struct http *h)
{
	if (h->status < 200) { /* an interim answer: the true one follows */
		h->chunked = h->has_length = false;
		return HTTP_STATUS;
	}
	if (h->chunked)
		return h->status == 204 || h->status == 304 ? HTTP_DONE : HTTP_CHUNK;
	if (h->status == 204 || h->status == 304 || (h->has_length && !h->left))
		return HTTP_DONE;
	if (!h->has_length)
		h->left = UINT64_MAX;
	return HTTP_BODY;
}

/* A whole line is there, without its end. */
static enum http_state http_line(struct http *h)
{
	uint64_t n;

	switch (h->state) {
	case HTTP_STATUS:
		if (strncmp(h->line, "HTTP/1.", 7) != 0 || !h->line[7] || h->line[8] != ' ' ||
		    !http_number(h->line + 9, strcspn(h->line + 9, " "), 10, &n) || n < 100 || n > 599)
			return HTTP_BAD;
		h->status = (int)n;
		h->keeps = h->line[7] >= '1' && h->line[7] <= '9';
		return HTTP_HEADER;
	case HTTP_HEADER:
		return h->used ? http_header(h) : http_body(h);
	case HTTP_CHUNK:
		if (!http_number(h->line, strcspn(h->line, "; \t"), 16, &h->left))
			return HTTP_BAD;
		return h->left ? HTTP_BODY : HTTP_TRAILER;
	case HTTP_CHUNK_END:
		return h->used ? HTTP_BAD : HTTP_CHUNK;
	default: /* HTTP_TRAILER */
		return h->used ? HTTP_TRAILER : HTTP_DONE;
	}
}

/* One more byte of a line. */
static void http_byte(struct http *h, char c)
{
	if (c != '\n') {
		if (h->used + 1 == sizeof h->line || c == '\0')
			h->state = HTTP_BAD;
		else
			h->line[h->used++] = c;
		return;
	}
	if (h->used && h->line[h->used - 1] == '\r')
		h->used--;
	h->line[h->used] = '\0';
	h->lines = h->state == HTTP_CHUNK || h->state == HTTP_CHUNK_END ? 0 : h->lines + 1;
	h->state = h->lines > HTTP_LINES_MAX ? HTTP_BAD : http_line(h);
	h->used = 0;
}

/* For the next answer. (No byte of line is looked at before it is written.) */
static void http_begin(struct http *h)
{
	memset(h, 0, offsetof(struct http, line));
}

/* Takes n bytes. Afterwards h->state says whether the answer is complete, or bad. */
static void http_feed(struct http *h, const char *bytes, size_t n)
{
	size_t i = 0;

	while (i < n && h->state < HTTP_DONE) {
		if (h->state != HTTP_BODY) {
			http_byte(h, bytes[i++]);
			continue;
		}
		size_t take = n - i < h->left ? n - i : (size_t)h->left;
		i += take;
		h->size += take;
		if (h->has_length || h->chunked)
			h->left -= take;
		if (!h->left)
			h->state = h->chunked ? HTTP_CHUNK_END : HTTP_DONE;
	}
	h->keeps &= i == n; /* nobody has asked for what follows */
}

/* The stream has ended: is that the end of the answer? */
static bool http_end(const struct http *h)
{
	return h->state == HTTP_DONE || (h->state == HTTP_BODY && !h->has_length && !h->chunked);
}

#endif
