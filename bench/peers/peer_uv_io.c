/* SPDX-License-Identifier: MIT
 *
 * peer_uv_io.c -- libuv: files by its pool of four threads, sockets and timers by its loop.
 */
#include <stdlib.h>
#include <uv.h>

#include "measure_io.h"

static uv_loop_t loop;

static void open_loop(void)
{
	measure_must(uv_loop_init(&loop), "uv_loop_init");
}

/* ---- reads ------------------------------------------------------------------------------------------ */

struct reader {
	uv_fs_t request;
	struct io_reads *r;
	unsigned slot;
	uint64_t block;
};

static void read_next(struct reader *reader);

static void has_read(uv_fs_t *request)
{
	struct reader *reader = (struct reader *)request;

	io_check(reader->r, io_buffer(reader->r, reader->slot), reader->block, request->result);
	uv_fs_req_cleanup(request);
	read_next(reader);
}

static void read_next(struct reader *reader)
{
	struct io_reads *r = reader->r;
	uv_buf_t buffer = uv_buf_init(io_buffer(r, reader->slot), io_size(r));

	if (io_next(r, &reader->block))
		measure_must(uv_fs_read(&loop, &reader->request, r->fd, &buffer, 1,
					(int64_t)(reader->block * IO_BLOCK), has_read),
			     "uv_fs_read");
}

static void reads(struct io_reads *r)
{
	struct reader *reader = measure_memory(r->depth, sizeof *reader);

	for (unsigned slot = 0; slot < r->depth; slot++) {
		reader[slot].r = r;
		reader[slot].slot = slot;
		read_next(&reader[slot]);
	}
	uv_run(&loop, UV_RUN_DEFAULT);
	free(reader);
}

/* ---- echo ------------------------------------------------------------------------------------------- */

static void get_buffer(uv_handle_t *handle, size_t size, uv_buf_t *ret)
{
	static char buffer[65536];

	(void)handle;
	(void)size;
	*ret = uv_buf_init(buffer, sizeof buffer);
}

static void closed(uv_handle_t *handle)
{
	free(handle);
}

/* What does not go at once would have to be queued. Here the other end takes all before it sends more. */
static void received(uv_stream_t *connection, ssize_t n, const uv_buf_t *buffer)
{
	uv_buf_t answer = uv_buf_init(buffer->base, (unsigned)n);

	if (n > 0)
		measure_must(uv_try_write(connection, &answer, 1) == n ? 0 : -1, "uv_try_write");
	else if (n < 0)
		uv_close((uv_handle_t *)connection, closed);
}

static void connected(uv_stream_t *listener, int status)
{
	uv_tcp_t *connection = measure_memory(1, sizeof *connection);

	measure_must(status, "uv_listen");
	measure_must(uv_tcp_init(&loop, connection), "uv_tcp_init");
	measure_must(uv_accept(listener, (uv_stream_t *)connection), "uv_accept");
	measure_must(uv_read_start((uv_stream_t *)connection, get_buffer, received), "uv_read_start");
}

static void echo(int listener)
{
	static uv_tcp_t server;

	measure_must(uv_tcp_init(&loop, &server), "uv_tcp_init");
	measure_must(uv_tcp_open(&server, listener), "uv_tcp_open");
	measure_must(uv_listen((uv_stream_t *)&server, 1024, connected), "uv_listen");
	uv_run(&loop, UV_RUN_DEFAULT);
}

/* ---- sleepers --------------------------------------------------------------------------------------- */

struct sleeper {
	uv_timer_t timer;
	int64_t due;
};

static uint64_t seed = 88172645463325252u;

static void nap(struct sleeper *s);

static void woke(uv_timer_t *timer)
{
	struct sleeper *s = (struct sleeper *)timer;

	io_woke(s->due);
	nap(s);
}

/* The timer counts from the time that the loop has last looked at the clock. */
static void nap(struct sleeper *s)
{
	int64_t ns = io_nap(&seed);

	s->due = measure_now() + ns;
	measure_must(uv_timer_start(&s->timer, woke, (uint64_t)ns / 1000000, 0), "uv_timer_start");
}

static void sleepers(size_t n)
{
	struct sleeper *s = measure_memory(n, sizeof *s);

	for (size_t i = 0; i < n; i++) {
		measure_must(uv_timer_init(&loop, &s[i].timer), "uv_timer_init");
		nap(&s[i]);
	}
	uv_run(&loop, UV_RUN_DEFAULT);
}

static const struct io_peer io = {.open = open_loop, .reads = reads, .echo = echo, .sleepers = sleepers};
static const struct peer uv = {.name = "libuv", .io = &io};
const struct peer *const measure_peers[] = {&uv, NULL};
