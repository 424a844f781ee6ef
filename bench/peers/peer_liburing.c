/* SPDX-License-Identifier: MIT
 *
 * peer_liburing.c -- what one writes by hand over liburing: a state machine for each read, each connection. One
 * ring, with the flags that cost least; one system call a turn, which hands over and waits.
 *
 *   liburing            a request for each receive
 *   liburing-multishot  one that receives again and again, into buffers that the kernel chooses
 */
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>

#include "measure_io.h"

enum { ENTRIES = 1024, CONNECTIONS_MOST = 4096, BUFFER = 1024, GROUP = 1, N_BUFFERS = 2048 };

static struct io_uring ring;

static void open_ring(void)
{
	struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
					     IORING_SETUP_CQSIZE,
				    .cq_entries = 8 * ENTRIES};

	measure_must(io_uring_queue_init_params(ENTRIES, &ring, &p), "io_uring_queue_init");
	measure_must(io_uring_register_ring_fd(&ring) == 1 ? 0 : -1, "io_uring_register_ring_fd");
}

static struct io_uring_sqe *get_sqe(void)
{
	struct io_uring_sqe *sqe;

	while (!(sqe = io_uring_get_sqe(&ring)))
		io_uring_submit(&ring);
	return sqe;
}

/* ---- reads ------------------------------------------------------------------------------------------ */

static unsigned begin_read(struct io_reads *r, uint64_t *block, unsigned slot)
{
	struct io_uring_sqe *sqe;

	if (!io_next(r, &block[slot]))
		return 0;
	sqe = get_sqe();
	io_uring_prep_read(sqe, r->fd, io_buffer(r, slot), io_size(r), block[slot] * IO_BLOCK);
	io_uring_sqe_set_data64(sqe, slot);
	return 1;
}

static void reads(struct io_reads *r)
{
	uint64_t *block = measure_memory(r->depth, sizeof *block);
	unsigned in_flight = 0;

	for (unsigned slot = 0; slot < r->depth; slot++)
		in_flight += begin_read(r, block, slot);
	while (in_flight) {
		struct io_uring_cqe *cqe;
		unsigned head, n = 0;
		io_uring_submit_and_wait(&ring, 1);
		io_uring_for_each_cqe(&ring, head, cqe)
		{
			unsigned slot = (unsigned)cqe->user_data;
			io_check(r, io_buffer(r, slot), block[slot], cqe->res);
			in_flight += begin_read(r, block, slot) - 1;
			n++;
		}
		io_uring_cq_advance(&ring, n);
	}
	free(block);
}

/* ---- echo ------------------------------------------------------------------------------------------- */

/* The name of a request: what it does, and for which descriptor. */
enum { ACCEPT, RECV, SEND };

static char (*buffer)[BUFFER];
static struct {
	unsigned at, size;
} rest[CONNECTIONS_MOST];
static struct io_uring_buf_ring *chosen; /* multishot only */
static int chosen_mask;

static void name(struct io_uring_sqe *sqe, unsigned what, int fd, unsigned id)
{
	io_uring_sqe_set_data64(sqe, (uint64_t)id << 40 | (uint64_t)fd << 8 | what);
}

static void begin_recv(int fd)
{
	struct io_uring_sqe *sqe = get_sqe();

	if (chosen) {
		io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
		sqe->flags |= IOSQE_BUFFER_SELECT;
		sqe->buf_group = GROUP;
	} else {
		io_uring_prep_recv(sqe, fd, buffer[fd], BUFFER, 0);
	}
	name(sqe, RECV, fd, 0);
}

static void begin_send(int fd, unsigned id)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_send(sqe, fd, buffer[id] + rest[id].at, rest[id].size, MSG_NOSIGNAL);
	name(sqe, SEND, fd, id);
}

static void give_back(unsigned id)
{
	io_uring_buf_ring_add(chosen, buffer[id], BUFFER, (unsigned short)id, chosen_mask, 0);
	io_uring_buf_ring_advance(chosen, 1);
}

static void received(int fd, const struct io_uring_cqe *cqe)
{
	unsigned id = chosen ? cqe->flags >> IORING_CQE_BUFFER_SHIFT : (unsigned)fd;

	if (cqe->res == -ENOBUFS) {
		begin_recv(fd);
		return;
	}
	if (cqe->res <= 0)
		return; /* the other end has what it wants: we are done */
	rest[id].at = 0;
	rest[id].size = (unsigned)cqe->res;
	begin_send(fd, id);
	if (chosen && !(cqe->flags & IORING_CQE_F_MORE))
		begin_recv(fd);
}

static void sent(int fd, unsigned id, int n)
{
	if (n <= 0)
		return;
	rest[id].at += (unsigned)n;
	rest[id].size -= (unsigned)n;
	if (rest[id].size)
		begin_send(fd, id);
	else if (chosen)
		give_back(id);
	else
		begin_recv(fd);
}

static void completed(const struct io_uring_cqe *cqe)
{
	int fd = (int)(cqe->user_data >> 8 & UINT32_MAX);

	switch (cqe->user_data & 0xff) {
	case ACCEPT:
		measure_must(cqe->res < 0 ? cqe->res : cqe->res < CONNECTIONS_MOST ? 0 : -EMFILE, "accept");
		begin_recv(cqe->res);
		break;
	case RECV:
		received(fd, cqe);
		break;
	case SEND:
		sent(fd, (unsigned)(cqe->user_data >> 40), cqe->res);
	}
}

static void serve(int listener)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
	name(sqe, ACCEPT, listener, 0);
	for (;;) {
		struct io_uring_cqe *cqe;
		unsigned head, n = 0;
		io_uring_submit_and_wait(&ring, 1);
		io_uring_for_each_cqe(&ring, head, cqe)
		{
			completed(cqe);
			n++;
		}
		io_uring_cq_advance(&ring, n);
	}
}

static void echo(int listener)
{
	buffer = measure_memory(CONNECTIONS_MOST, sizeof *buffer);
	serve(listener);
}

static void echo_multishot(int listener)
{
	struct io_uring_buf_reg reg = {.ring_entries = N_BUFFERS, .bgid = GROUP};
	void *memory = aligned_alloc(IO_BLOCK, N_BUFFERS * sizeof(struct io_uring_buf));

	measure_must(memory ? 0 : ENOMEM, "memory");
	buffer = measure_memory(N_BUFFERS, sizeof *buffer);
	reg.ring_addr = (uintptr_t)memory;
	measure_must(io_uring_register_buf_ring(&ring, &reg, 0), "io_uring_register_buf_ring");
	chosen = memory;
	io_uring_buf_ring_init(chosen);
	chosen_mask = io_uring_buf_ring_mask(N_BUFFERS);
	for (unsigned id = 0; id < N_BUFFERS; id++)
		give_back(id);
	serve(listener);
}

static const struct io_peer io = {.open = open_ring, .reads = reads, .echo = echo};
static const struct io_peer io_multishot = {.open = open_ring, .echo = echo_multishot};
static const struct peer liburing = {.name = "liburing", .io = &io};
static const struct peer multishot = {.name = "liburing-multishot", .io = &io_multishot};
const struct peer *const measure_peers[] = {&liburing, &multishot, NULL};
