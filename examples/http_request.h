/* SPDX-License-Identifier: MIT
 *
 * http_request.h -- reads the head of an HTTP/1.1 request (RFC 9112), as webd.c needs it. It has nothing to do with
 * weft, and does no input: it gets bytes that a stranger has sent, and tests/fuzz/fuzz_request.c gives it any.
 *
 * It is strict. What two programs could read in two ways, another program in between may have read in the other one;
 * so lines end in CR LF and nothing else, no field is folded or stands there twice, no length is guessed.
 */
#ifndef EXAMPLES_HTTP_REQUEST_H
#define EXAMPLES_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { HTTP_PATH_MAX = 4096 };

/* The fields that count here. */
enum http_field {
	HTTP_HOST,
	HTTP_CONTENT_LENGTH,
	HTTP_TRANSFER_ENCODING,
	HTTP_RANGE,
	HTTP_IF_RANGE,
	HTTP_IF_NONE_MATCH,
	HTTP_IF_MODIFIED_SINCE,
	HTTP_FIELDS
};

struct http_request {
	const char *method, *target;    /* as sent; NULL where the first line makes no sense */
	bool is_head;                   /* HEAD, not GET */
	bool keep_alive;                /* another request may follow */
	char path[HTTP_PATH_MAX];       /* decoded. It begins with '/', and no name in it begins with '.' */
	const char *field[HTTP_FIELDS]; /* values; NULL where there is none */
};

/* ---- Where it ends ------------------------------------------------------------------------------ */

/* Empty lines that a client has sent after a body, as some do. */
static size_t http_empty_lines(const char *data, size_t size)
{
	size_t n = 0;

	while (size - n >= 2 && data[n] == '\r' && data[n + 1] == '\n')
		n += 2;
	return n;
}

/* The bytes up to and with the empty line that ends a head; 0: it is not there yet. */
static size_t http_head_size(const char *data, size_t size)
{
	const char *at = data + http_empty_lines(data, size), *end = data + size;

	while ((at = memchr(at, '\r', (size_t)(end - at)))) {
		if (end - at >= 4 && memcmp(at, "\r\n\r\n", 4) == 0)
			return (size_t)(at - data) + 4;
		at++;
	}
	return 0;
}

/* ---- Lines and words ---------------------------------------------------------------------------- */

/* Ends the next line with a NUL and steps over it; NULL: some byte of it may not be there. */
static char *http_next_line(char **io_at, char *end)
{
	char *line = *io_at, *c = line;

	while (c < end && ((unsigned char)*c >= ' ' || *c == '\t') && *c != 0x7f)
		c++;
	if (end - c < 2 || c[0] != '\r' || c[1] != '\n')
		return NULL;
	*c = '\0';
	*io_at = c + 2;
	return line;
}

/* The length of the word ("token") at the start of a text. */
static size_t http_token(const char *text)
{
	return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~");
}

/* Steps over the digits of a number; false: there are none. What does not fit counts as the largest that does. */
static bool http_number(const char **io_at, uint64_t *ret)
{
	const char *c = *io_at;
	uint64_t n = 0;

	for (; *c >= '0' && *c <= '9'; c++) {
		uint64_t digit = (uint64_t)(*c - '0');
		n = n > (UINT64_MAX - digit) / 10 ? UINT64_MAX : 10 * n + digit;
	}
	if (c == *io_at)
		return false;
	*io_at = c;
	*ret = n;
	return true;
}

/* Is word an element of a list like "a, b, c"? */
static bool http_list_has(const char *list, const char *word)
{
	size_t size = strlen(word), n;

	for (const char *at = list; *at; at += n) {
		at += strspn(at, " \t,");
		n = strcspn(at, " \t,");
		if (n == size && strncasecmp(at, word, n) == 0)
			return true;
	}
	return false;
}

/* ---- The path ----------------------------------------------------------------------------------- */

static int http_hex(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | (c >= 'A' ? 0x20 : 0)) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* The next character of a target, decoded; -1: it cannot be. A '/' or NUL that is encoded would be another name
 * than it seems to be. */
static int http_decode(const char **io_at)
{
	const char *at = *io_at;
	int high, low;

	if (*at != '%') {
		(*io_at)++;
		return (unsigned char)*at;
	}
	high = http_hex(at[1]);
	low = high < 0 ? -1 : http_hex(at[2]);
	*io_at = at + 3;
	return low < 0 || high * 16 + low == '/' || high * 16 + low == 0 ? -1 : high * 16 + low;
}

/* Where the path begins in a target: "/a?b", or "http://host/a?b" as proxies have it. NULL: in none. */
static const char *http_find_path(const char *target)
{
	if (*target == '/')
		return target;
	if (strncasecmp(target, "http://", 7) != 0)
		return NULL;
	return target + 7 + strcspn(target + 7, "/?");
}

/* Writes the path of a target; or says the status. Neither ".." nor a hidden file comes through. */
static int http_parse_path(const char *target, char ret[HTTP_PATH_MAX])
{
	const char *at = http_find_path(target);
	size_t n = 0;

	if (!at)
		return 400;
	if (*at != '/')
		ret[n++] = '/'; /* "http://host" */
	while (*at && *at != '?') {
		int c = http_decode(&at);
		if (c < 0)
			return 400;
		if (n == HTTP_PATH_MAX - 1)
			return 414;
		if (c == '.' && n > 0 && ret[n - 1] == '/')
			return 403;
		ret[n++] = (char)c;
	}
	ret[n] = '\0';
	return 0;
}

/* ---- The head ----------------------------------------------------------------------------------- */

/* "GET /path HTTP/1.1", taken apart. */
static int http_parse_first_line(char *line, struct http_request *r)
{
	char *target = strchr(line, ' '), *version = target ? strchr(target + 1, ' ') : NULL;

	if (!version)
		return 400;
	*target++ = *version++ = '\0';
	for (const char *c = target; *c; c++)
		if (*c <= ' ' || *c > '~')
			return 400;
	if (!*line || line[http_token(line)] || !*target || strlen(version) != 8 ||
	    strncmp(version, "HTTP/", 5) != 0 || version[5] < '0' || version[5] > '9' || version[6] != '.' ||
	    version[7] < '0' || version[7] > '9')
		return 400;
	r->method = line;
	r->target = target;
	r->is_head = strcmp(line, "HEAD") == 0;
	r->keep_alive = version[7] != '0'; /* to begin with */
	if (version[5] != '1')
		return 505;
	if (!r->is_head && strcmp(line, "GET") != 0)
		return 405;
	return http_parse_path(target, r->path);
}

/* What a Connection field says. */
static void http_note_connection(const char *value, bool *io_keep, bool *io_close)
{
	*io_keep |= http_list_has(value, "keep-alive");
	*io_close |= http_list_has(value, "close");
}

/* "Name: value", taken apart. Returns the name, or NULL. */
static char *http_split_field(char *line, char **ret_value)
{
	char *colon = line + http_token(line), *value = colon + 1, *end;

	if (colon == line || *colon != ':')
		return NULL;
	*colon = '\0';
	value += strspn(value, " \t");
	for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t'); end--)
		;
	*end = '\0';
	*ret_value = value;
	return line;
}

static int http_parse_fields(char *at, char *end, struct http_request *r)
{
	static const char *const names[HTTP_FIELDS] = {
		"Host",     "Content-Length", "Transfer-Encoding", "Range",
		"If-Range", "If-None-Match",  "If-Modified-Since"};
	bool keep = r->keep_alive, close = false;
	char *line, *value;

	while ((line = http_next_line(&at, end)) && *line) {
		if (!http_split_field(line, &value))
			return 400;
		if (strcasecmp(line, "Connection") == 0)
			http_note_connection(value, &keep, &close);
		for (int i = 0; i < HTTP_FIELDS; i++) {
			if (strcasecmp(line, names[i]) != 0)
				continue;
			if (r->field[i])
				return 400; /* twice */
			r->field[i] = value;
		}
	}
	r->keep_alive = keep && !close;
	return line ? 0 : 400;
}

/* A body is not read, so nothing can follow it. */
static int http_check_body(struct http_request *r)
{
	const char *length = r->field[HTTP_CONTENT_LENGTH];
	uint64_t size = 0;

	if (length && (r->field[HTTP_TRANSFER_ENCODING] || !http_number(&length, &size) || *length))
		return 400;
	if (size > 0 || r->field[HTTP_TRANSFER_ENCODING])
		r->keep_alive = false;
	return 0;
}

/* Reads a head of that size, as http_head_size has it, and changes it: *ret points into it. Returns 0, or the status
 * of the answer: 400, 403, 405, 414, 505. After that nothing more can be understood on this connection. */
static int http_parse(char *head, size_t size, struct http_request *ret)
{
	char *at = head + http_empty_lines(head, size), *end = head + size;
	char *line = http_next_line(&at, end);
	bool is_new;
	int status;

	memset(ret, 0, sizeof *ret);
	status = line ? http_parse_first_line(line, ret) : 400;
	is_new = ret->keep_alive; /* HTTP/1.1 */
	if (!status)
		status = http_parse_fields(at, end, ret);
	if (!status)
		status = http_check_body(ret);
	if (!status && is_new && !ret->field[HTTP_HOST])
		status = 400;
	if (status)
		ret->keep_alive = false;
	return status;
}

/* ---- Ranges ------------------------------------------------------------------------------------- */

enum http_range { HTTP_WHOLE, HTTP_PART, HTTP_NO_PART /* 416 */ };

/* What a Range field asks for of so many bytes: first to last, both included. What is no range, or several, is
 * passed over, as RFC 9110 lets a server do. */
static enum http_range http_parse_range(const char *text, uint64_t size, uint64_t *ret_first,
					uint64_t *ret_last)
{
	uint64_t first = 0, last = UINT64_MAX;
	bool has_first, has_last;

	if (strncasecmp(text, "bytes=", 6) != 0)
		return HTTP_WHOLE;
	text += 6;
	has_first = http_number(&text, &first);
	if (*text++ != '-')
		return HTTP_WHOLE;
	has_last = http_number(&text, &last);
	if (*text || (!has_first && !has_last) || (has_first && last < first))
		return HTTP_WHOLE;
	if (!has_first) { /* "-500": the last 500 */
		if (last == 0)
			return HTTP_NO_PART;
		first = last < size ? size - last : 0;
		last = UINT64_MAX;
		if (size == 0)
			return HTTP_WHOLE;
	}
	if (first >= size)
		return HTTP_NO_PART;
	*ret_first = first;
	*ret_last = last < size ? last : size - 1;
	return HTTP_PART;
}

#endif
