/* SPDX-License-Identifier: MIT
 *
 * measure_io.h -- workloads of input, output and waiting: what a peer fills in, and what its loops share. As in
 * measure.h the loop that is measured lies in the peer's file.
 */
#ifndef MEASURE_IO_H
#define MEASURE_IO_H

#include <stdint.h>

#include "measure.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { IO_BLOCK = 4096, IO_YIELDERS = 1000 };

/* Reads of blocks chosen at random, so many in flight. Each begins with its number, and ends with it. Of
 * /dev/null a byte is read each time, and none is there: what is left is what a call costs. */
struct io_reads {
	int fd;
	unsigned depth;
	size_t left;     /* to begin */
	uint64_t blocks; /* 0: of /dev/null */
	uint64_t seed;
	char *buffers; /* a block for each that is in flight */
};

uint64_t io_random(uint64_t *seed);

/* The next one to begin; false: no more. */
static inline bool io_next(struct io_reads *r, uint64_t *ret_block)
{
	if (r->left == 0)
		return false;
	r->left--;
	*ret_block = r->blocks ? io_random(&r->seed) % r->blocks : 0;
	return true;
}

static inline unsigned io_size(const struct io_reads *r)
{
	return r->blocks ? IO_BLOCK : 1;
}

static inline char *io_buffer(const struct io_reads *r, unsigned slot)
{
	return r->buffers + (size_t)slot * IO_BLOCK;
}

/* What a read of it has returned must be right. */
static inline void io_check(const struct io_reads *r, const char *buffer, uint64_t block, int64_t result)
{
	const uint64_t *word = (const uint64_t *)(const void *)buffer;

	if (!r->blocks)
		measure_must((int)result, "read of nothing");
	else if (result != IO_BLOCK || word[0] != block || word[IO_BLOCK / sizeof *word - 1] != block)
		measure_must(result < 0 ? (int)result : -1, "read is wrong");
}

struct io_peer {
	void (*open)(void); /* NULL: nothing to do before */

	void (*switches)(size_t n); /* n times: from one flow of control to another */
	void (*fibers)(
		size_t n); /* n times: makes a fiber on a stack that was used before, runs it to its end */
	void (*yields)(size_t n); /* IO_YIELDERS fibers together let each other run n times */
	void (*tasks)(size_t n);  /* in a fiber, n times: begins an empty one and waits for it */

	void (*reads)(struct io_reads *r);

	/* Accepts connections, and sends back on each what comes, for ever. On a thread of its own. */
	void (*echo)(int listener);

	/* n that sleep again and again, for ever: io_nap(), and after it io_woke(). On a thread of its own. */
	void (*sleepers)(size_t n);

	/* Makes n fibers that sleep, each on a stack of 64 KiB with a guard below it; how many it got. Before that,
	 * what the caller of the peer has to bring, touched; NULL: nothing. */
	void (*prepare_crowd)(size_t n);
	size_t (*crowd)(size_t n);

	/* Gets /0.../n-1 from a server on 127.0.0.1, each over a connection of its own. io_request() is what to send,
	 * io_answer() looks at what came until the end. */
	void (*fetch)(size_t n, uint16_t port);
};

/* Whole milliseconds, 1 to 1000, in nanoseconds. */
int64_t io_nap(uint64_t *seed);
/* A sleeper has woken, which wanted to at due. Called by one thread. */
void io_woke(int64_t due);

enum { IO_TEXT = 256 };
size_t io_request(char text[IO_TEXT], size_t i);
void io_answer(const char *text, size_t size, size_t i);

#ifdef __cplusplus
}
#endif
#endif
