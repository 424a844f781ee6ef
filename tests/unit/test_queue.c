/* SPDX-License-Identifier: MIT
 *
 * test_queue.c -- queues of one thread. With others: test_queue_crowd.c; named ones: test_queue_file.c; on executors:
 * contract_message.c; killed in the middle: crash_queue.c.
 */
#include "harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <weft/queue.h>

#include "queue_kit.h"
#include "queue_parts.h"
#include "robust.h"

enum { MIB = 1 << 20 };

TEST(new_refuses)
{
	struct weft_queue_opts o = {.size = sizeof o, .capacity = WEFT_QUEUE_CAPACITY_MAX + 1};
	weft_queue *q = (weft_queue *)&o;

	CHECK_EQ(weft_queue_new(NULL, NULL), -EINVAL);
	CHECK_EQ(weft_queue_new(&q, &o), -ERANGE);
	o.capacity = 0;
	o.message_size = WEFT_QUEUE_MESSAGE_MAX + 1;
	CHECK_EQ(weft_queue_new(&q, &o), -ERANGE);
	o.capacity = WEFT_QUEUE_CAPACITY_MAX; /* their product */
	o.message_size = WEFT_QUEUE_MESSAGE_MAX;
	CHECK_EQ(weft_queue_new(&q, &o), -ERANGE);
	o = (struct weft_queue_opts){.size = sizeof o, .memory = 64}; /* no room for one of 64 bytes */
	CHECK_EQ(weft_queue_new(&q, &o), -ERANGE);
	o.memory = WEFT_QUEUE_MEMORY_MAX + 1;
	CHECK_EQ(weft_queue_new(&q, &o), -ERANGE);
	o.size = 3;
	CHECK_EQ(weft_queue_new(&q, &o), -EINVAL);
	CHECK(q == (weft_queue *)&o);
}

TEST(calls_refuse)
{
	weft_queue *q = queue(4, 8, 0);
	char m[9] = {0};

	CHECK_EQ(weft_queue_put(NULL, m, 1, 0), -EINVAL);
	CHECK_EQ(weft_queue_put(q, NULL, 1, 0), -EINVAL);
	CHECK_EQ(weft_queue_put(q, m, 9, 0), -EMSGSIZE);
	CHECK_EQ(weft_queue_get(NULL, m, 1, 0), -EINVAL);
	CHECK_EQ(weft_queue_get(q, NULL, 1, 0), -EINVAL);
	CHECK_EQ(weft_queue_try_put(q, NULL, 1), -EINVAL);
	CHECK_EQ(weft_queue_try_get(q, NULL, 1), -EINVAL);
	CHECK_EQ(weft_queue_put_many(q, NULL, 1, 1, 0), -EINVAL);
	CHECK_EQ(weft_queue_put_many(q, m, 9, 1, 0), -EMSGSIZE);
	CHECK_EQ(weft_queue_get_many(q, NULL, 1, 1, 0), -EINVAL);
	CHECK_EQ(weft_queue_close(NULL), -EINVAL);
	CHECK_EQ(weft_queue_count(NULL), -EINVAL);
	CHECK_EQ(weft_queue_stats(NULL, NULL), -EINVAL);
	CHECK_EQ(weft_queue_stats(q, NULL), -EINVAL);
	CHECK_EQ(weft_queue_count(q), 0);
	CHECK_EQ(weft_queue_free(q), 0);
	CHECK_EQ(weft_queue_free(NULL), 0);
}

TEST(first_in_first_out)
{
	weft_queue *q = queue(4, 8, 0);

	for (uint64_t lap = 0; lap < 100; lap++) { /* many times round */
		for (uint64_t i = 0; i < 3; i++)
			CHECK_EQ(put(q, 3 * lap + i), 0);
		CHECK_EQ(weft_queue_count(q), 3);
		for (uint64_t i = 0; i < 3; i++)
			CHECK_EQ(get(q), 3 * lap + i);
	}
	CHECK_EQ(get(q), -EAGAIN);
	CHECK_EQ(weft_queue_free(q), 0);
}

TEST(full_at_its_capacity)
{
	weft_queue *q = queue(5, 8, 0);

	for (uint64_t lap = 0; lap < 20; lap++) {
		for (uint64_t i = 0; i < 5; i++)
			CHECK_EQ(put(q, i), 0);
		CHECK_EQ(put(q, 5), -EAGAIN);
		CHECK_EQ(weft_queue_put(q, &lap, 8, weft_after(WEFT_MS(1))), -ETIMEDOUT);
		CHECK_EQ(get(q), 0);
		CHECK_EQ(put(q, 5), 0);
		CHECK_EQ(put(q, 6), -EAGAIN);
		for (uint64_t i = 1; i < 6; i++)
			CHECK_EQ(get(q), i);
	}
	CHECK_EQ(stats(q).puts, 20 * 6);
	CHECK_EQ(stats(q).gets, 20 * 6);
	CHECK_EQ(stats(q).put_sleeps > 0, 1);
	CHECK_EQ(weft_queue_free(q), 0);
}

TEST(capacity_of_one)
{
	weft_queue *q = queue(1, 1, 0);

	for (uint64_t i = 0; i < 100; i++) {
		CHECK_EQ(weft_queue_try_put(q, "a", 1), 0);
		CHECK_EQ(weft_queue_try_put(q, "b", 1), -EAGAIN);
		CHECK_EQ(weft_queue_try_get(q, &(char){0}, 1), 1);
	}
	CHECK_EQ(weft_queue_free(q), 0);
}

static void fill(unsigned char *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(seed + i * 7);
}

/* Of each size from nothing to the largest, over the end of the ring at every place. */
TEST(messages_of_any_size)
{
	enum { LARGEST = 300 };
	weft_queue *q = queue(1000, LARGEST, 1024);
	unsigned char in[LARGEST], out[LARGEST];

	CHECK_EQ(stats(q).memory, 1024);
	for (unsigned k = 0; k < 3 * (LARGEST + 1); k++) {
		size_t n = k * 11 % (LARGEST + 1);

		fill(in, n, k);
		REQUIRE_EQ(weft_queue_try_put(q, n ? in : NULL, n), 0);
		memset(out, 0, sizeof out);
		REQUIRE_EQ(weft_queue_try_get(q, out, n), (ssize_t)n);
		CHECK(!memcmp(in, out, n));
	}
	CHECK_EQ(weft_queue_free(q), 0);
}

TEST(full_by_its_memory)
{
	weft_queue *q = queue(1000, 200, 512);
	char m[200] = {0};
	unsigned n = 0;

	while (!weft_queue_try_put(q, m, 200))
		n++;
	CHECK_EQ(n, 2);
	CHECK_EQ(weft_queue_try_put(q, m, 80), 0); /* 2 * 208 + 88, and a 0, are 512 */
	CHECK_EQ(weft_queue_try_put(q, m, 0), -EAGAIN);
	CHECK_EQ(weft_queue_try_get(q, m, 200), 200);
	CHECK_EQ(weft_queue_try_put(q, m, 200), 0);
	CHECK_EQ(weft_queue_count(q), 3);
	CHECK_EQ(weft_queue_free(q), 0);
}

TEST(one_of_a_mebibyte)
{
	weft_queue *q = queue(2, MIB, 0);
	unsigned char *in = malloc(MIB), *out = malloc(MIB);

	REQUIRE(in && out);
	for (unsigned i = 0; i < 5; i++) {
		fill(in, MIB, i);
		CHECK_EQ(weft_queue_try_put(q, in, MIB), 0);
		CHECK_EQ(weft_queue_try_put(q, in, MIB), 0);
		CHECK_EQ(weft_queue_try_put(q, in, MIB), -EAGAIN);
		for (int k = 0; k < 2; k++) {
			CHECK_EQ(weft_queue_try_get(q, out, MIB), MIB);
			CHECK(!memcmp(in, out, MIB));
		}
	}
	free(in);
	free(out);
	CHECK_EQ(weft_queue_free(q), 0);
}

TEST(too_little_room_leaves_it_there)
{
	weft_queue *q = queue(4, 64, 0);
	char m[64];

	CHECK_EQ(weft_queue_try_put(q, "abcdef", 6), 0);
	CHECK_EQ(weft_queue_try_get(q, m, 5), -EMSGSIZE);
	CHECK_EQ(weft_queue_get(q, NULL, 0, WEFT_FOREVER), -EMSGSIZE);
	CHECK_EQ(weft_queue_count(q), 1);
	CHECK_EQ(weft_queue_try_get(q, m, sizeof m), 6);
	CHECK(!memcmp(m, "abcdef", 6));
	CHECK_EQ(weft_queue_free(q), 0);
}

TEST(many_at_once)
{
	weft_queue *q = queue(8, 16, 0);
	uint64_t in[20], out[20] = {0};

	for (uint64_t i = 0; i < 20; i++)
		in[i] = i + 100;
	CHECK_EQ(weft_queue_put_many(q, in, 8, 0, 0), 0);
	CHECK_EQ(weft_queue_put_many(q, in, 8, 5, WEFT_FOREVER), 5);
	CHECK_EQ(weft_queue_put_many(q, in + 5, 8, 15, 0), 3); /* until it is full */
	CHECK_EQ(weft_queue_put_many(q, in, 8, 1, 0), -ETIMEDOUT);
	CHECK_EQ(weft_queue_get_many(q, out, 8, 0, 0), 0);
	CHECK_EQ(weft_queue_get_many(q, out, 8, 6, WEFT_FOREVER), 6);
	CHECK_EQ(weft_queue_get_many(q, out + 6, 8, 14, WEFT_FOREVER), 2);
	CHECK(!memcmp(in, out, 64));
	CHECK_EQ(weft_queue_get_many(q, out, 8, 1, 0), -ETIMEDOUT);
	CHECK_EQ(weft_queue_free(q), 0);
}

TEST(many_stop_before_another_size)
{
	weft_queue *q = queue(8, 16, 0);
	char out[64];

	CHECK_EQ(weft_queue_put_many(q, "aabbcc", 2, 3, 0), 3);
	CHECK_EQ(weft_queue_try_put(q, "d", 1), 0);
	CHECK_EQ(weft_queue_get_many(q, out, 2, 8, 0), 3);
	CHECK(!memcmp(out, "aabbcc", 6));
	CHECK_EQ(weft_queue_get_many(q, out, 2, 8, 0), -EMSGSIZE);
	CHECK_EQ(weft_queue_get_many(q, out, 2, 1, 0), -EMSGSIZE);
	CHECK_EQ(weft_queue_get_many(q, out, 1, 8, 0), 1);
	CHECK_EQ(weft_queue_free(q), 0);
}

TEST(closed_is_emptied_first)
{
	weft_queue *q = queue(4, 8, 0);

	CHECK_EQ(put(q, 1), 0);
	CHECK_EQ(put(q, 2), 0);
	CHECK(!stats(q).closed);
	CHECK_EQ(weft_queue_close(q), 0);
	CHECK_EQ(weft_queue_close(q), 0);
	CHECK(stats(q).closed);
	CHECK_EQ(put(q, 3), -EPIPE);
	CHECK_EQ(weft_queue_put_many(q, &(uint64_t){3}, 8, 1, WEFT_FOREVER), -EPIPE);
	CHECK_EQ(get(q), 1);
	CHECK_EQ(get(q), 2);
	CHECK_EQ(get(q), -EPIPE);
	CHECK_EQ(weft_queue_get(q, &(uint64_t){0}, 8, WEFT_FOREVER), -EPIPE);
	CHECK_EQ(weft_queue_get_many(q, &(uint64_t){0}, 8, 1, WEFT_FOREVER), -EPIPE);
	CHECK_EQ(weft_queue_free(q), 0);
}

/* ---- Numbers and places that wrap ---- */

TEST(ends_wrap)
{
	weft_queue *q = queue(3, 24, 0);
	uint64_t near = (uint64_t)(UINT32_MAX - 2) << 32 | (UINT32_MAX - 7);
	uint64_t x[3];

	for (int side = PUT; side <= GET; side++)
		atom_store(&q->map.ring->side[side].end, near, relaxed);
	q->map.ring->side[PUT].seen = near;
	atom_store(&q->map.data[(UINT32_MAX - 7) & (q->map.units - 1)], 0, relaxed);
	for (uint64_t i = 0; i < 30; i++) {
		for (uint64_t k = 0; k < 3; k++) {
			x[0] = 3 * i + k;
			CHECK_EQ(weft_queue_try_put(q, x, 24), 0);
			CHECK_EQ(weft_queue_count(q), (ssize_t)k + 1);
		}
		CHECK_EQ(weft_queue_try_put(q, x, 24), -EAGAIN);
		for (uint64_t k = 0; k < 3; k++) {
			CHECK_EQ(weft_queue_try_get(q, x, 24), 24);
			CHECK_EQ(x[0], 3 * i + k);
		}
	}
	CHECK_EQ(weft_queue_free(q), 0);
}

/* A wild process has been at it: errors, and no more. */
TEST(spoilt_sizes_are_refused)
{
	weft_queue *q = queue(4, 8, 0);
	char m[8];

	CHECK_EQ(put(q, 1), 0);
	atom_store(&q->map.data[0], UINT64_MAX, relaxed);
	CHECK_EQ(weft_queue_try_get(q, m, 8), -EBADMSG);
	atom_store(&q->map.data[0], 10, relaxed); /* one more than the largest */
	CHECK_EQ(weft_queue_try_get(q, m, 8), -EBADMSG);
	CHECK_EQ(weft_queue_get_many(q, m, 1, 8, 0), -EBADMSG);
	CHECK_EQ(weft_queue_free(q), 0);
}

/* ---- A lock that its living holder keeps ---- */

TEST(a_stopped_holder_holds_up_until_the_deadline)
{
	weft_queue *q = queue(4, 8, 0);
	atom_u32 *word = &q->map.ring->side[PUT].lock;
	weft_time begun = weft_now();

	atom_store(word, 1, relaxed); /* that thread lives */
	CHECK_EQ(put(q, 1), -EAGAIN);
	CHECK_EQ(weft_queue_put(q, &(uint64_t){1}, 8, weft_after(WEFT_MS(50))), -ETIMEDOUT);
	CHECK(weft_now() - begun >= WEFT_MS(50));
	atom_store(word, 0, relaxed);
	CHECK_EQ(put(q, 1), 0);
	/* This thread itself: as a signal handler would find it. */
	atom_store(word, weft__holder_listed()->tid, relaxed);
	CHECK_EQ(put(q, 1), -EDEADLK);
	CHECK_EQ(weft_queue_close(q), -EDEADLK);
	atom_store(word, 0, relaxed);
	CHECK_EQ(weft_queue_free(q), 0);
}
