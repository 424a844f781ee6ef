/* SPDX-License-Identifier: MIT
 *
 * io_kit.h -- what the tests of weft/io.h have in common: bodies that say which of their expectations failed,
 * descriptors in pairs, and peers that misbehave in a way that one can count on.
 */
#ifndef TESTS_IO_KIT_H
#define TESTS_IO_KIT_H

#include <netinet/in.h>
#include <pthread.h>

#include <weft/weft.h>

#include "harness.h"

/* In a body: what does not hold ends it as failed, and io_run says what it was. */
#define EXPECT(cond)                                                                                         \
	do {                                                                                                 \
		if (!(cond))                                                                                 \
			return io_unexpected(call, __FILE__, __LINE__, #cond, 0);                            \
	} while (0)
#define EXPECT_EQ(a, b)                                                                                      \
	do {                                                                                                 \
		intmax_t a_ = (intmax_t)(a);                                                                 \
		if (a_ != (intmax_t)(b))                                                                     \
			return io_unexpected(call, __FILE__, __LINE__, #a " == " #b, a_);                    \
	} while (0)

int io_unexpected(weft_call *call, const char *file, int line, const char *text, intmax_t value);

/* Runs fn outside of tasks, then as a task; both must return 0. Its argument is a test_ref, a board of its own. */
void io_run(weft_fn *fn);

/* The same as a task only. */
void io_run_in_task(weft_fn *fn);

/* Submits t from a thread of its own, since on inline that runs it. */
struct io_start {
	weft_executor *ex;
	weft_task *task;
	pthread_t thread;
	int err;
};
void io_start(struct io_start *s, weft_executor *ex, weft_task *t);
void io_join(struct io_start *s); /* and waits for the task */

/* From now on this process and its children have a kernel without RWF_NOWAIT for pipes, as those before 6.4 are. */
void io_old_kernel(void);

/* A socket that listens on 127.0.0.1; where, goes to *ret_address. */
int io_listen(struct sockaddr_in *ret_address, int backlog);

/* A connection over 127.0.0.1. True: it is there. */
bool io_connected(int ret_fd[2]);

/* The same between sockets that stay full, once they are, until somebody reads. */
bool io_connected_near(int ret_fd[2]);

/* Fills a pipe or a near connection, and leaves O_NONBLOCK as it was. Bytes. */
size_t io_fill(int fd);

/* Byte i of what peers send and check. */
char io_byte(size_t i);

enum io_manner {
	IO_SENDS_LATE,    /* after some milliseconds, all at once, and keeps the connection open */
	IO_DRIPS,         /* a byte at a time, then ends the stream */
	IO_SWALLOWS,      /* reads until the end, and counts bytes as they should be */
	IO_SWALLOWS_LATE, /* the same after some milliseconds, and after size bytes that do not count */
	IO_SHUTS_LATE,    /* shutdown of its end, after some milliseconds */
	IO_CLOSES_LATE,   /* closes its end, after some milliseconds */
	IO_INTERRUPTS,    /* signals the thread a few times, then sends */
	IO_CONNECTS_LATE, /* to address */
	IO_ACCEPTS_LATE
};

/* A thread with one end of a pipe or connection, which it closes when it is through, or, those that
 * need not, when it is joined. */
struct io_peer {
	enum io_manner manner;
	int fd;
	size_t size, right; /* bytes to send, or to pass over; out: bytes that came and were right */
	struct sockaddr_in address;
	pthread_t victim, thread;
};
bool io_peer_start(struct io_peer *p);
void io_peer_join(struct io_peer *p);

#endif
