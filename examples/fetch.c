/* SPDX-License-Identifier: MIT
 *
 * fetch.c -- gets many URLs at once, by HTTP/1.1, and says of each how it ended and how many bytes it has.
 *
 *   fetch http://example.org/ http://example.net/a     on a pool of threads
 *   fetch --executor uring:1 --deadline 5 - <urls      as many at once as there are, five seconds for each
 *   fetch --serve 1000 --latency 10 --compare          1,000 from a server of its own that takes 10 ms for each:
 *                                                      one by one, on threads, on fibers
 *   fetch --serve 0 /chunked /cut                      what else that server has: fetch_server.h
 *
 * The task, fetch_url(), is written as if it were alone: look the name up, connect, send, receive; or take a
 * connection that another one has left (fetch_pool.h). Where it runs
 * decides what waiting costs: inline one waits after the other; on threads each that waits takes a thread, and the pool
 * has 256 to spare; on fibers it takes some kilobytes. A task that takes too long ends by its deadline, in whichever call
 * it waits.
 */
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/weft.h>

#include "fetch_http.h"
#include "fetch_pool.h"
#include "fetch_server.h"

enum { URL_MAX = 2000, TOO_LARGE = 1 << 30 };

/* ---- 1. The task -------------------------------------------------------------------------------- */

/* What a task returns; it may come from another process. */
struct page {
	int32_t status;
	uint64_t size;
};

struct url {
	char host[256], port[8], path[URL_MAX];
};

static int parse_url(weft_call *call, const char *text, struct url *ret)
{
	const char *at = text + 7;
	size_t host = strcspn(at, ":/?#"), port, path;

	if (strncasecmp(text, "http://", 7) != 0)
		return weft_call_fail(call, -EPROTONOSUPPORT, "only http:// is known");
	port = at[host] == ':' ? strcspn(at + host + 1, "/?#") : 0;
	if (!host || host >= sizeof ret->host || port >= sizeof ret->port)
		return weft_call_fail(call, -EINVAL, "no such address");
	snprintf(ret->host, sizeof ret->host, "%.*s", (int)host, at);
	snprintf(ret->port, sizeof ret->port, "%.*s", port ? (int)port : 2, port ? at + host + 1 : "80");
	at += host + (at[host] == ':') + port;
	path = strcspn(at, "#");
	snprintf(ret->path, sizeof ret->path, "%s%.*s", *at == '/' ? "" : "/", (int)path, at);
	return 0;
}

/* A descriptor, or a negative errno. */
static int connect_to(weft_call *call, const struct url *u)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all;
	int err = weft_getaddrinfo(u->host, u->port, &hints, &all), fd = -1;

	if (err)
		return weft_call_fail(call, err, "%.60s: %s", u->host, weft_strerror(err));
	for (struct addrinfo *a = all; a && fd < 0; a = a->ai_next) {
		fd = weft_socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		err = fd < 0 ? fd : weft_connect(fd, a->ai_addr, a->ai_addrlen);
		if (fd >= 0 && err) {
			weft_close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(all);
	return fd < 0 ? weft_call_fail(call, err, "connect: %s", weft_strerror(err)) : fd;
}

/* -EAGAIN: nothing has come, and the connection was one that the server may have closed. */
static int converse(weft_call *call, int fd, const struct url *u, struct http *h, bool used_before)
{
	char text[12288];
	int size = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", u->path, u->host);
	ssize_t n = weft_send_full(fd, text, (size_t)size, 0);
	bool answered = false;

	while (n > 0 && h->state < HTTP_DONE && h->size < TOO_LARGE) {
		n = weft_recv(fd, text, sizeof text, 0);
		answered |= n > 0;
		if (n > 0)
			http_feed(h, text, (size_t)n);
	}
	if (used_before && !answered && (n == 0 || n == -EPIPE || n == -ECONNRESET))
		return -EAGAIN;
	if (n < 0)
		return weft_call_fail(call, (int)n, "%s", weft_strerror((int)n));
	if (h->size >= TOO_LARGE)
		return weft_call_fail(call, -EFBIG, "larger than a GiB");
	if (!http_end(h))
		return weft_call_fail(call, -EBADMSG,
				      h->state == HTTP_BAD ? "not HTTP" : "the answer is cut off");
	return 0;
}

/* Over a connection that is idle, or else a new one. A GET may be sent twice. */
static int get(weft_call *call, const struct url *u, struct http *h)
{
	char origin[sizeof u->host + sizeof u->port];
	bool used_before;
	int fd, err;

	snprintf(origin, sizeof origin, "%s:%s", u->host, u->port);
	do {
		fd = pool_take(origin);
		used_before = fd >= 0;
		if (!used_before)
			fd = connect_to(call, u);
		if (fd < 0)
			return fd;
		http_begin(h);
		err = converse(call, fd, u, h, used_before);
		if (err || h->state != HTTP_DONE || !h->keeps || !pool_give(origin, fd))
			weft_close(fd);
	} while (err == -EAGAIN && used_before);
	return err;
}

/* The body: arg is a URL with its NUL, result a struct page. */
static int fetch_url(weft_call *call, const void *arg, void *result)
{
	struct page *page = result;
	struct url *u = weft_call_scratch(call, sizeof *u);
	struct http *h = weft_call_scratch(call, sizeof *h);
	int err;

	if (!u || !h)
		return -ENOMEM;
	h->status = 0;
	h->size = 0;
	err = parse_url(call, arg, u);
	if (!err)
		err = get(call, u, h);
	*page = (struct page){.status = h->status, .size = h->size};
	return err;
}

/* ---- 2. All of them ----------------------------------------------------------------------------- */

struct args {
	const char *executor;
	size_t serve;
	weft_time latency, deadline; /* deadline: for each; 0: none */
	bool compare, quiet, own_server;
	char **url; /* as they were given */
	size_t n, room;
	char server[40]; /* goes before those that begin with a slash */
};

static void bar(size_t done, size_t total)
{
	static weft_time next;

	if (weft_now() < next && done < total)
		return;
	next = weft_after(WEFT_MS(100));
	fprintf(stderr, "\r%zu of %zu", done, total);
	if (done == total)
		fprintf(stderr, "\r%*s\r", 40, "");
}

static bool say(const char *url, weft_task *t, bool quiet)
{
	weft_future *f = weft_task_future(t);
	int err = weft_future_status(f);
	const struct page *p = t->result;

	if (err < 0)
		printf("error: %s: %s\n", *weft_future_error(f) ? weft_future_error(f) : weft_strerror(err),
		       url);
	else if (!quiet)
		printf("%d %" PRIu64 " %s\n", p->status, p->size, url);
	return err >= 0 && p->status < 400;
}

/* The whole of a URL, to be freed. */
static char *whole(const struct args *a, const char *url)
{
	size_t size = sizeof a->server + strlen(url) + 1;
	char *text = malloc(size);

	if (text)
		snprintf(text, size, "%s%s", *url == '/' ? a->server : "", url);
	return text;
}

static void plan(const struct args *a, size_t i, weft_task *t, struct page *page)
{
	*t = (weft_task){
		.fn = fetch_url, .arg = whole(a, a->url[i]), .result = page, .result_size = sizeof *page};
	t->arg_size = t->arg ? strlen(t->arg) + 1 : 0;
	t->deadline = a->deadline ? weft_after(a->deadline) : 0;
}

/* Gets all, and prints them in the order of the input. Returns how many have failed. */
static size_t fetch_all(weft_executor *ex, const struct args *a, bool quiet)
{
	weft_task *t = calloc(a->n, sizeof *t);
	struct page *page = calloc(a->n, sizeof *page);
	size_t failed = 0;
	bool screen = !quiet && isatty(STDERR_FILENO);

	for (size_t i = 0; t && page && i < a->n; i++) {
		plan(a, i, &t[i], &page[i]);
		int err = t[i].arg ? weft_submit_wait(ex, &t[i], WEFT_FOREVER) : -ENOMEM;
		if (err)
			fprintf(stderr, "fetch: %s: %s\n", a->url[i], weft_strerror(err));
	}
	/* With nothing to print, the last first: it saves being woken for each. */
	for (size_t i = quiet ? a->n : 0; t && page && i-- > 0;)
		weft_future_wait(weft_task_future(&t[i]), WEFT_FOREVER);
	for (size_t i = 0; t && page && i < a->n; i++) {
		weft_future_wait(weft_task_future(&t[i]), WEFT_FOREVER);
		failed += !say(a->url[i], &t[i], quiet);
		free((void *)(uintptr_t)t[i].arg);
		if (screen)
			bar(i + 1, a->n);
	}
	if (!t || !page)
		failed = a->n;
	free(t);
	free(page);
	return failed;
}

static int run_on(const char *spec, const struct args *a)
{
	weft_executor *ex;
	weft_time start = weft_now();
	int err = weft_executor_open(&ex, spec);
	size_t failed;

	if (err) {
		fprintf(stderr, "fetch: %s: %s\n", spec ? spec : "WEFT_EXECUTOR", weft_strerror(err));
		return err == -ENOSYS && a->compare ? 0 : 2;
	}
	failed = fetch_all(ex, a, a->quiet || a->compare);
	if (a->compare)
		printf("%-12s %8.3f s  %zu of %zu failed\n", weft_executor_name(ex),
		       (double)(weft_now() - start) / 1e9, failed, a->n);
	weft_executor_free(ex);
	pool_end();
	return failed != 0;
}

static int run(const struct args *a)
{
	static const char *const all[] = {"inline", "threads:4", "uring:1"};
	int worst = 0;

	if (!a->compare)
		return run_on(a->executor, a);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		int status = run_on(all[i], a);
		worst = status > worst ? status : worst;
	}
	return worst;
}

/* ---- 3. What to do ------------------------------------------------------------------------------ */

static void add_url(struct args *a, const char *text)
{
	if (a->n == a->room) {
		a->room = 2 * a->room + 16;
		a->url = realloc(a->url, a->room * sizeof *a->url);
	}
	char *copy = a->url ? strdup(text) : NULL;
	if (!copy) {
		fprintf(stderr, "fetch: out of memory\n");
		exit(1);
	}
	a->url[a->n++] = copy;
}

static void read_urls(struct args *a)
{
	char line[URL_MAX + 2];

	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, " \t\r\n")] = '\0';
		if (*line && *line != '#')
			add_url(a, line);
	}
}

static int usage(int status)
{
	fprintf(status ? stderr : stdout,
		"usage: fetch [--executor TEXT] [--deadline SECONDS] [--quiet] URL... | -\n"
		"       fetch --serve N [--latency MS] [--compare] [--executor TEXT] [--deadline SECONDS]\n");
	return status;
}

/* A whole number up to most; else the program ends. */
static uint64_t number(const char *option, const char *text, uint64_t most)
{
	uint64_t n;

	if (!text || !http_number(text, strlen(text), 10, &n) || n > most) {
		fprintf(stderr, "fetch: %s '%.40s': a number up to %" PRIu64 "\n", option, text ? text : "",
			most);
		exit(2);
	}
	return n;
}

static void parse_args(struct args *a, char **argv)
{
	for (char **v = argv + 1; *v; v++) {
		if (!strcmp(*v, "--help"))
			exit(usage(0));
		else if (!strcmp(*v, "--quiet"))
			a->quiet = true;
		else if (!strcmp(*v, "--compare"))
			a->compare = true;
		else if (!strcmp(*v, "-"))
			read_urls(a);
		else if (**v != '-' && strlen(*v) < URL_MAX)
			add_url(a, *v);
		else if (!v[1])
			exit(usage(2));
		else if (!strcmp(*v, "--executor"))
			a->executor = *++v;
		else if (!strcmp(*v, "--serve"))
			a->own_server = true, a->serve = number(*v, v[1], 100000), v++;
		else if (!strcmp(*v, "--latency"))
			a->latency = WEFT_MS(number(*v, v[1], 60000)), v++;
		else if (!strcmp(*v, "--deadline"))
			a->deadline = WEFT_SECONDS(number(*v, v[1], 86400)), v++;
		else
			exit(usage(2));
	}
}

/* Its URLs go behind those that were given. */
static int serve(struct args *a, struct server *ret)
{
	char path[24];
	int err = server_start(ret, a->latency, WEFT_SECONDS(10));

	if (err) {
		fprintf(stderr, "fetch: server: %s\n", weft_strerror(err));
		return err;
	}
	snprintf(a->server, sizeof a->server, "http://127.0.0.1:%u", ret->port);
	for (size_t i = 0; i < a->serve; i++) {
		snprintf(path, sizeof path, "/%zu", i);
		add_url(a, path);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct args a = {.latency = WEFT_MS(10)};
	struct server server;
	int status;

	(void)argc;
	parse_args(&a, argv);
	if (!a.n && !a.own_server)
		return usage(2);
	if (a.own_server && serve(&a, &server))
		return 1;
	status = run(&a);
	if (a.own_server)
		server_end(&server);
	for (size_t i = 0; i < a.n; i++)
		free(a.url[i]);
	free(a.url);
	if (fflush(stdout) || ferror(stdout))
		return 1;
	return status;
}
