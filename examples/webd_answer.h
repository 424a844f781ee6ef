/* SPDX-License-Identifier: MIT
 *
 * webd_answer.h -- what webd.c answers: which file, which part of it, which head; and how that goes to the client.
 * It waits in weft's calls only, so that it does not matter where it runs. From top to bottom:
 *
 *   1. Waiting: with a limit, so that nobody holds a connection by doing nothing.
 *   2. Sending: a head, then the bytes of a file, which go from the page cache to the socket by weft_splice.
 *   3. The file: found name by name, so that no path and no link leads out of the directory.
 *   4. The answer to a request.
 */
#ifndef EXAMPLES_WEBD_ANSWER_H
#define EXAMPLES_WEBD_ANSWER_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <weft/weft.h>
#ifndef STATX_BASIC_STATS
#include <linux/stat.h> /* for musl before 1.2.5 */
#endif

#include "http_request.h"
#include "webd_args.h"

/* ---- 1. Waiting --------------------------------------------------------------------------------- */

static weft_time patience(void)
{
	return weft_after(WEFT_SECONDS((weft_time)option.timeout_s));
}

static int await(int fd, short events, weft_time deadline)
{
	struct pollfd p = {.fd = fd, .events = events};
	weft_time left = deadline - weft_now();
	int n = left > 0 ? weft_poll(&p, 1, (int)(left / WEFT_MS(1)) + 1) : 0;

	return n < 0 ? n : n > 0 ? 0 : -ETIMEDOUT;
}

/* 0: the client sends no more. */
static ssize_t receive(int fd, char *ret, size_t size, weft_time deadline)
{
	ssize_t n;
	int err;

	while ((n = weft_recv(fd, ret, size, MSG_DONTWAIT)) == -EAGAIN) {
		err = await(fd, POLLIN, deadline);
		if (err)
			return err;
	}
	return n;
}

/* Time runs anew whenever the client has taken some. */
static int send_all(int fd, const char *data, size_t size, int flags)
{
	while (size > 0) {
		ssize_t n = weft_send(fd, data, size, flags | MSG_DONTWAIT);
		if (n == -EAGAIN)
			n = await(fd, POLLOUT, patience());
		if (n < 0)
			return (int)n;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

/* ---- 2. Sending --------------------------------------------------------------------------------- */

struct connection {
	int fd;
	const char *client; /* its address */
	char *in;           /* option.head_size bytes, n_in of which have come */
	size_t n_in;
	int pipe[2]; /* for weft_splice; made for the first file */
	bool broken; /* half an answer has gone out, or there is nobody there */
};

struct answer {
	int status;
	bool keep_alive;
	char head[2048]; /* the lines after the first three */
	int file;        /* -1: the body is a line of text */
	int64_t at;      /* where in the file the body begins */
	uint64_t size;   /* of the body in bytes; with HEAD it stays here */
};

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} known[] = {{200, "OK"},
		     {206, "Partial Content"},
		     {301, "Moved Permanently"},
		     {304, "Not Modified"},
		     {400, "Bad Request"},
		     {403, "Forbidden"},
		     {404, "Not Found"},
		     {405, "Method Not Allowed"},
		     {408, "Request Timeout"},
		     {414, "URI Too Long"},
		     {416, "Range Not Satisfiable"},
		     {431, "Request Header Fields Too Large"},
		     {503, "Service Unavailable"},
		     {505, "HTTP Version Not Supported"}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].status == status)
			return known[i].text;
	return "Internal Server Error";
}

static void write_date(time_t t, char ret[32])
{
	struct tm tm;

	strftime(ret, 32, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&t, &tm));
}

/* Adds a line to the head. None of ours is so long that it would be cut. */
__attribute__((format(printf, 2, 3))) static void add_line(struct answer *a, const char *fmt, ...)
{
	size_t used = strlen(a->head);
	va_list args;

	va_start(args, fmt);
	vsnprintf(a->head + used, sizeof a->head - used, fmt, args);
	va_end(args);
}

/* From the pipe to the client. */
static int empty_pipe(struct connection *c, size_t size, bool more)
{
	while (size > 0) {
		ssize_t n = weft_splice(c->pipe[0], NULL, c->fd, NULL, size,
					SPLICE_F_NONBLOCK | (more ? SPLICE_F_MORE : 0));
		if (n == -EAGAIN)
			n = await(c->fd, POLLOUT, patience());
		if (n < 0)
			return (int)n;
		size -= (size_t)n;
	}
	return 0;
}

/* A pipe full at a time; nothing is copied. */
static int send_file(struct connection *c, const struct answer *a)
{
	uint64_t left = a->size;
	int64_t at = a->at;
	int err = 0;

	if (c->pipe[0] < 0 && pipe2(c->pipe, O_CLOEXEC) != 0)
		return -errno;
	while (left > 0 && !err) {
		size_t size = left < 65536 ? (size_t)left : 65536;
		ssize_t n = weft_splice(a->file, &at, c->pipe[1], NULL, size, SPLICE_F_MORE);
		if (n <= 0)
			return n < 0 ? (int)n : -EIO; /* the file has become shorter */
		left -= (uint64_t)n;
		err = empty_pipe(c, (size_t)n, left > 0);
	}
	return err;
}

/* The client knows by the length that it has not got all. */
static void send_answer(struct connection *c, const struct answer *a, bool with_body)
{
	bool has_length = a->status != 304;
	char head[sizeof a->head + 256], date[32], text[64];
	int n, n_text = snprintf(text, sizeof text, "%d %s\n", a->status, reason(a->status));
	int err;

	write_date(time(NULL), date);
	n = snprintf(head, sizeof head, "HTTP/1.1 %d %s\r\nDate: %s\r\nConnection: %s\r\n%s", a->status,
		     reason(a->status), date, a->keep_alive ? "keep-alive" : "close", a->head);
	if (has_length)
		n += snprintf(head + n, sizeof head - (size_t)n, "Content-Length: %" PRIu64 "\r\n",
			      a->file >= 0 ? a->size : (uint64_t)n_text);
	n += snprintf(head + n, sizeof head - (size_t)n, "\r\n");
	with_body = with_body && has_length;
	err = send_all(c->fd, head, (size_t)n, with_body ? MSG_MORE : 0);
	if (!err && with_body)
		err = a->file >= 0 ? send_file(c, a) : send_all(c->fd, text, (size_t)n_text, 0);
	c->broken = err != 0;
}

/* ---- 3. The file -------------------------------------------------------------------------------- */

static int root; /* the directory */

static int status_of(int err)
{
	switch (err) {
	case -ENOENT:
	case -ENOTDIR:
	case -ELOOP: /* a link */
	case -ENAMETOOLONG:
		return 404;
	case -EACCES:
	case -EPERM:
		return 403;
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
		return 503;
	default:
		return 500;
	}
}

/* Opens what a path names, from the root on. No name in it is ".." (http_request.h), none is a link (O_NOFOLLOW):
 * so it lies below, even if somebody moves directories about meanwhile. O_NONBLOCK is for a FIFO. */
static int open_path(const char *path)
{
	int dir = root;

	for (;;) {
		size_t n = strcspn(++path, "/");
		bool last = !path[n];
		char name[256] = "";
		int fd = -ENAMETOOLONG;

		if (n < sizeof name) {
			memcpy(name, path, n);
			fd = weft_openat(dir, name,
					 O_NOFOLLOW | O_CLOEXEC |
						 (last ? O_RDONLY | O_NONBLOCK : O_PATH | O_DIRECTORY));
		}
		if (dir != root)
			weft_close(dir);
		if (fd < 0 || last)
			return fd;
		dir = fd;
		path += n;
	}
}

/* ---- 4. The answer ------------------------------------------------------------------------------ */

static const char *type_of(const char *path)
{
	static const char *const types[][2] = {
		{".html", "text/html"},        {".css", "text/css"},       {".js", "text/javascript"},
		{".txt", "text/plain"},        {".md", "text/markdown"},   {".json", "application/json"},
		{".xml", "application/xml"},   {".svg", "image/svg+xml"},  {".png", "image/png"},
		{".jpg", "image/jpeg"},        {".gif", "image/gif"},      {".webp", "image/webp"},
		{".ico", "image/x-icon"},      {".woff2", "font/woff2"},   {".mp4", "video/mp4"},
		{".wasm", "application/wasm"}, {".pdf", "application/pdf"}};
	const char *end = strrchr(path, '.');

	for (size_t i = 0; end && i < sizeof types / sizeof *types; i++)
		if (strcasecmp(end, types[i][0]) == 0)
			return types[i][1];
	return "application/octet-stream";
}

/* Has the client the file as it is? Times are compared as texts: we only ever said this one. */
static bool is_known(const struct http_request *r, const char *tag, const char *modified)
{
	const char *tags = r->field[HTTP_IF_NONE_MATCH], *since = r->field[HTTP_IF_MODIFIED_SINCE];

	if (tags)
		return http_list_has(tags, tag) || strcmp(tags, "*") == 0;
	return since && strcmp(since, modified) == 0;
}

/* Which part of the file? A client that goes on with a download must mean the same file. */
static void choose_range(const struct http_request *r, const char *tag, const char *modified,
			 struct answer *a)
{
	const char *range = r->field[HTTP_RANGE], *same = r->field[HTTP_IF_RANGE];
	uint64_t first, last, size = a->size;

	if (!range || (same && strcmp(same, tag) != 0 && strcmp(same, modified) != 0))
		return;
	switch (http_parse_range(range, size, &first, &last)) {
	case HTTP_PART:
		a->status = 206;
		a->at = (int64_t)first;
		a->size = last - first + 1;
		add_line(a, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n", first, last,
			 size);
		break;
	case HTTP_NO_PART:
		a->status = 416;
		add_line(a, "Content-Range: bytes */%" PRIu64 "\r\n", size);
		break;
	default:
		break;
	}
}

/* a->file is open, and st what it is. */
static void describe_file(const struct http_request *r, const struct statx *st, struct answer *a)
{
	char tag[64], modified[32];

	snprintf(tag, sizeof tag, "\"%llx-%llx-%x\"", (unsigned long long)st->stx_size,
		 (unsigned long long)st->stx_mtime.tv_sec, st->stx_mtime.tv_nsec);
	write_date(st->stx_mtime.tv_sec, modified);
	a->status = is_known(r, tag, modified) ? 304 : 200;
	a->size = st->stx_size;
	add_line(a, "ETag: %s\r\nLast-Modified: %s\r\nAccept-Ranges: bytes\r\n", tag, modified);
	if (a->status == 200)
		choose_range(r, tag, modified, a);
	if (a->status == 200 || a->status == 206)
		add_line(a, "Content-Type: %s\r\n", type_of(r->path));
}

/* Opens the file and chooses the answer. */
static void find_file(struct http_request *r, struct answer *a)
{
	size_t n = strlen(r->path), target = strcspn(r->target, "?");
	struct statx st;
	int err;

	if (r->path[n - 1] == '/' && n + sizeof "index.html" <= sizeof r->path)
		strcat(r->path, "index.html");
	a->file = open_path(r->path);
	err = a->file < 0 ? a->file : weft_statx(a->file, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st);
	if (err < 0) {
		a->status = status_of(err);
	} else if (S_ISREG(st.stx_mode)) {
		describe_file(r, &st, a);
	} else if (S_ISDIR(st.stx_mode) && strlen(r->target) < 1024) {
		a->status = 301;
		add_line(a, "Location: %.*s/%s\r\n", (int)target, r->target, r->target + target);
	} else {
		a->status = 403;
	}
}

#endif
