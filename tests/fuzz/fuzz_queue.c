/* SPDX-License-Identifier: MIT
 *
 * fuzz_queue.c -- the file of a queue with a name, written to by somebody else. A good one is made; the bytes say
 * where it is written over with what, and to which length it is cut. Then it is opened, and used if that succeeds:
 * nothing is read or written outside, and no call takes longer than it may.
 *
 * Each change is five bytes of where and eight of what; the first byte of all, if it is odd, cuts the file. Locks are
 * left alone: who holds one for ever holds up others until their deadline, which takes 20 ms each.
 */
#include "fuzz.h"
#include "queue_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { CAPACITY = 8, MESSAGE = 24, RING_AT = 4096, ROUNDS = 12 };

static void use(weft_queue *q)
{
	struct weft_queue_usage stats;
	char in[4 * MESSAGE] = {1}, out[4 * MESSAGE];
	struct weft_queue_usage before;

	fuzz_check(!weft_queue_stats(q, &before));
	fuzz_check(before.message_size <= WEFT_QUEUE_MESSAGE_MAX && before.count <= before.capacity);
	for (int i = 0; i < ROUNDS; i++) {
		size_t size = (size_t)i * 2 <= before.message_size && i * 2 <= MESSAGE ? (size_t)i * 2 : 1;
		ssize_t n = weft_queue_try_put(q, in, size);
		fuzz_check(n == 0 || n == -EAGAIN || n == -EPIPE);
		n = weft_queue_try_get(q, out, sizeof out);
		fuzz_check(n <= (ssize_t)sizeof out &&
			   (n >= 0 || n == -EAGAIN || n == -EPIPE || n == -EBADMSG || n == -EMSGSIZE));
		n = weft_queue_put_many(q, in, size, 4, 0);
		fuzz_check(n <= 4);
		n = weft_queue_get_many(q, out, size, 4, 0);
		fuzz_check(n <= 4);
		fuzz_check(weft_queue_count(q) >= 0);
	}
	fuzz_check(!weft_queue_close(q) && !weft_queue_stats(q, &stats) && stats.closed);
}

static bool is_lock(uint32_t at)
{
	for (int side = PUT; side <= GET; side++) {
		uint32_t lock = RING_AT + (uint32_t)(sizeof(struct queue_side) * (unsigned)side);
		if (at + sizeof(uint64_t) > lock && at < lock + sizeof(atom_u32))
			return true;
	}
	return false;
}

static void change(int fd, struct fuzz_bytes *b, off_t length)
{
	if (fuzz_byte(b) % 2)
		fuzz_check(!ftruncate(fd, fuzz_u32(b) % (2 * length)));
	while (b->left) {
		bool head = fuzz_byte(b) % 2; /* or it would seldom be changed */
		uint32_t at = fuzz_u32(b) % (head ? 64 : (uint32_t)length);
		uint64_t x;

		fuzz_read(b, &x, sizeof x);
		if (!is_lock(at))
			fuzz_check(pwrite(fd, &x, sizeof x, at) == sizeof x);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weft_queue_opts o = {.size = sizeof o, .capacity = CAPACITY, .message_size = MESSAGE};
	struct fuzz_bytes b = {data, size};
	char name[64], path[128];
	weft_queue *q;
	int fd;

	snprintf(name, sizeof name, "fuzz-%d", (int)getpid());
	snprintf(path, sizeof path, "/dev/shm/weft-queue.%s", name);
	weft_queue_unlink(name);
	fuzz_check(!weft_queue_open(&q, name, &o));
	for (int i = 0; i < 3; i++)
		fuzz_check(!weft_queue_try_put(q, "abcdefgh", 8));
	fuzz_check(!weft_queue_free(q));
	fd = open(path, O_RDWR | O_CLOEXEC);
	fuzz_check(fd >= 0);
	change(fd, &b, lseek(fd, 0, SEEK_END));
	close(fd);
	if (!weft_queue_open(&q, name, NULL)) {
		use(q);
		fuzz_check(!weft_queue_free(q));
	}
	fuzz_check(!weft_queue_unlink(name));
	return 0;
}
