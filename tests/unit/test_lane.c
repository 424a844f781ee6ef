/* SPDX-License-Identifier: MIT
 *
 * test_lane.c -- a worker, in a fork, and the test in the place of its pool: tasks go round the ring and
 * come back, are taken back, are refused if they are garbage; and the worker comes and goes.
 */
#include "lane_kit.h"

/* Spins until it is cancelled. */
static int stubborn_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	while (!weft_call_cancelled(call))
		sched_yield();
	return -ECANCELED;
}

/* Fails, or replies 3 bytes, as its argument says. */
static int talk_fn(weft_call *call, const void *arg, void *result)
{
	if (*(const uint64_t *)arg)
		return weft_call_fail(call, -EDOM, "no %s", "luck");
	weft_call_fail(call, -EIO, "forgotten");
	memcpy(result, "abc", 3);
	weft_call_reply(call, 3);
	return 4;
}

/* ---- The memory ---- */

TEST(memory_is_sealed)
{
	struct lane *lane = NULL;
	struct stat st;
	size_t size = lane_size(1000);
	int fd = lane_create(&lane, 1000, 7);
	REQUIRE(fd >= 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == (off_t)size);
	CHECK(size >= sizeof *lane + LANE_BLOCKS * 1024UL);
	CHECK(ftruncate(fd, (off_t)size - 1) < 0 && errno == EPERM);
	CHECK(ftruncate(fd, (off_t)size + 1) < 0 && errno == EPERM);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0 && errno == EPERM);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC && lane->slot_size == 1000 && lane->max_tasks == 7);
	for (unsigned i = 0; i < LANE_SLOTS; i++) {
		char *payload = lane_payload(lane, i, 0);
		CHECK_EQ(atom_load(&lane->slot[i].state, relaxed), SLOT_FREE);
		CHECK_EQ((uintptr_t)payload % LANE_DATA_ALIGN, 0);
		CHECK_EQ((uintptr_t)&lane->slot[i] % LANE_ALIGN, 0);
		memset(payload, (int)i, LANE_INLINE);
	}
	for (unsigned i = 0; i < LANE_SLOTS; i++)
		CHECK_EQ(lane_payload(lane, i, 0)[LANE_INLINE - 1], i);
	CHECK(!lane->asleep && !lane->ending && !lane->listening && !lane->hungry);
	munmap(lane, size);
	close(fd);
}

/* ---- Tasks ---- */

TEST(round_the_ring)
{
	struct stage s;
	uint64_t result = 0, wrong = 0;
	uint32_t head = 0;
	stage_init(&s, 0);
	stage_begin(&s);
	for (uint32_t tail = 0; head < ROUNDS;) {
		/* Fills it to a changing height, and empties it. */
		for (uint32_t n = 1 + tail % LANE_SLOTS; n && tail < ROUNDS && tail - head < LANE_SLOTS;
		     n--) {
			put(&s, tail % LANE_SLOTS, test_square_fn, tail);
			publish(&s, tail++ % LANE_SLOTS);
		}
		for (; head < tail; head++) {
			wrong += harvest(&s, head % LANE_SLOTS, &result) != 0;
			wrong += result != (uint64_t)head * head;
		}
	}
	CHECK_EQ(wrong, 0);
	CHECK_EQ(rung(&s), 0); /* nobody has asked for it */
	stage_fini(&s);
}

TEST(replies)
{
	struct stage s;
	struct lane_reply *reply;
	stage_init(&s, 0);
	reply = &s.lane->slot[0].reply;
	stage_begin(&s);
	put(&s, 0, talk_fn, 0);
	publish(&s, 0);
	await_slot(&s, 0, SLOT_DONE);
	CHECK(reply->status == 4 && reply->reply_size == 3 && !reply->has_text);
	CHECK(!memcmp(result_of(&s, 0), "abc\0\0\0\0", 8)); /* zeroed */
	reply = &s.lane->slot[1].reply;
	put(&s, 1, talk_fn, 1);
	publish(&s, 1);
	await_slot(&s, 1, SLOT_DONE);
	CHECK(reply->status == -EDOM && reply->has_text && !strcmp(s.lane->slot[1].text, "no luck"));
	stage_fini(&s);
}

TEST(batch)
{
	struct stage s;
	uint64_t n[3] = {2, 3, 4}, square[3];
	stage_init(&s, 0);
	struct lane_request *r = put(&s, 0, test_square_fn, 0);
	r->batch = 3;
	r->arg_size = r->result_size = sizeof n;
	memcpy(payload(&s, 0), n, sizeof n);
	stage_begin(&s);
	publish(&s, 0);
	CHECK_EQ(harvest(&s, 0, NULL), 0);
	memcpy(square, payload(&s, 0) + lane_result_at(sizeof n), sizeof square);
	CHECK(square[0] == 4 && square[1] == 9 && square[2] == 16);
	stage_fini(&s);
}

TEST(taken_back)
{
	struct stage s;
	uint64_t result = 0;
	stage_init(&s, 0);
	stage_begin(&s);
	put(&s, 0, stubborn_fn, 0);
	publish(&s, 0);
	await_slot(&s, 0, SLOT_RUNNING);
	for (unsigned i = 1; i < 5; i++) {
		put(&s, i, test_square_fn, i);
		publish(&s, i);
	}
	CHECK(!lane_take_back(&s.lane->slot[0])); /* it has begun */
	CHECK(lane_take_back(&s.lane->slot[1]));
	CHECK(!lane_take_back(&s.lane->slot[1]));
	CHECK(lane_take_back(&s.lane->slot[3]));
	CHECK(!lane_take_back(&s.lane->slot[6])); /* free */
	CHECK_EQ(atom_load(&s.lane->slot[1].state, relaxed), SLOT_SKIP);
	atom_store(&s.lane->slot[0].cancel, 1, relaxed);
	CHECK_EQ(harvest(&s, 0, NULL), -ECANCELED);
	CHECK_EQ(harvest(&s, 2, &result), 0);
	CHECK_EQ(result, 4);
	CHECK_EQ(harvest(&s, 4, &result), 0);
	CHECK_EQ(result, 16);
	await_slot(&s, 1, SLOT_FREE);
	await_slot(&s, 3, SLOT_FREE);
	CHECK_EQ(s.lane->slot[1].reply.status, 0x5a5a5a5a); /* never run */
	stage_fini(&s);
}

TEST(deadlines)
{
	struct stage s;
	uint64_t result = 0;
	stage_init(&s, 0);
	stage_begin(&s);
	put(&s, 0, test_square_fn, 3)->deadline = weft_now();
	put(&s, 1, test_square_fn, 3)->deadline = test_soon();
	put(&s, 2, stubborn_fn, 0)->deadline = weft_after(WEFT_MS(2)); /* while it runs, or before */
	for (unsigned i = 0; i < 3; i++)
		publish(&s, i);
	CHECK_EQ(harvest(&s, 0, &result), -ETIMEDOUT);
	CHECK_EQ(result, UINT64_MAX); /* untouched */
	CHECK_EQ(harvest(&s, 1, &result), 0);
	CHECK_EQ(result, 9);
	CHECK_EQ(harvest(&s, 2, NULL), -ETIMEDOUT);
	stage_fini(&s);
}

/* ---- Garbage ---- */

static int nothing_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

/* What a worker answers to a request with these sizes, and the payload there. */
static int try_payload(uint64_t arg_size, uint64_t result_size, uint64_t block)
{
	struct stage s;
	stage_init(&s, 0);
	stage_begin(&s);
	struct lane_request *r = put(&s, 0, nothing_fn, 0);
	r->arg_size = arg_size;
	r->result_size = result_size;
	r->block = block;
	publish(&s, 0);
	int status = harvest(&s, 0, NULL);
	stage_fini(&s);
	return status;
}

TEST(sizes_in_a_slot)
{
	CHECK_EQ(try_payload(0, 0, 0), 0);
	CHECK_EQ(try_payload(LANE_INLINE, 0, 0), 0);
	CHECK_EQ(try_payload(0, LANE_INLINE, 0), 0);
	CHECK_EQ(try_payload(1, LANE_INLINE - 16, 0), 0);
	CHECK_EQ(try_payload(LANE_INLINE + 1, 0, 0), -EBADMSG);
	CHECK_EQ(try_payload(0, LANE_INLINE + 1, 0), -EBADMSG);
	CHECK_EQ(try_payload(1, LANE_INLINE - 15, 0), -EBADMSG);
	CHECK_EQ(try_payload(SLOT_SIZE, 0, 0), -EBADMSG);
}

TEST(sizes_in_a_block)
{
	uint64_t first = sizeof(struct lane), last = lane_size(SLOT_SIZE) - SLOT_SIZE;
	CHECK_EQ(try_payload(SLOT_SIZE, 0, first), 0);
	CHECK_EQ(try_payload(0, SLOT_SIZE, last), 0);
	CHECK_EQ(try_payload(SLOT_SIZE - 64, 64, last), 0);
	CHECK_EQ(try_payload(SLOT_SIZE - 64, 65, last), -EBADMSG);
	CHECK_EQ(try_payload(SLOT_SIZE + 1, 0, first), -EBADMSG);
	CHECK_EQ(try_payload(0, SLOT_SIZE + 1, first), -EBADMSG);
	CHECK_EQ(try_payload(UINT64_MAX, 8, first), -EBADMSG);
	CHECK_EQ(try_payload(UINT64_MAX - 62, 8, first), -EBADMSG);
	CHECK_EQ(try_payload(64, UINT64_MAX - 63, first), -EBADMSG);
	CHECK_EQ(try_payload(8, UINT64_MAX, first), -EBADMSG);
	CHECK_EQ(try_payload(1UL << 63, 1UL << 63, first), -EBADMSG);
}

TEST(blocks_lie_inside)
{
	uint64_t first = sizeof(struct lane), end = lane_size(SLOT_SIZE);
	CHECK_EQ(try_payload(8, 8, first - 64), -EBADMSG); /* in the slots */
	CHECK_EQ(try_payload(8, 8, 64), -EBADMSG);
	CHECK_EQ(try_payload(8, 8, first + 8), -EBADMSG); /* not aligned */
	CHECK_EQ(try_payload(8, 8, end - 64), 0);
	CHECK_EQ(try_payload(8, 65, end - 64), -EBADMSG);
	CHECK_EQ(try_payload(0, 0, end), 0);
	CHECK_EQ(try_payload(8, 8, end), -EBADMSG);
	CHECK_EQ(try_payload(8, 8, end + 64), -EBADMSG);
	CHECK_EQ(try_payload(8, 8, UINT64_MAX - 63), -EBADMSG);
}

/* A batch whose elements are not all of one size. */
TEST(batches_divide_their_payload)
{
	for (uint64_t n = 1; n < 5; n++) {
		struct stage s;
		stage_init(&s, 0);
		stage_begin(&s);
		struct lane_request *r = put(&s, 0, nothing_fn, 0);
		r->arg_size = r->result_size = 24;
		r->batch = n == 4 ? 5 : n;
		publish(&s, 0);
		CHECK_EQ(harvest(&s, 0, NULL), n == 4 ? -EBADMSG : 0);
		stage_fini(&s);
	}
}

TEST(unknown_functions)
{
	struct stage s;
	stage_init(&s, 0);
	stage_begin(&s);
	for (unsigned i = 0; i < 5; i++) {
		put(&s, i, nothing_fn, 0);
		struct weft__token *t = &s.lane->slot[i].fn;
		if (i == 0)
			t->build_id[3] ^= 1;
		else if (i == 1)
			t->offset = UINT64_MAX / 2;
		else if (i == 2)
			t->id_len = UINT32_MAX;
		else if (i == 3)
			memset(t, 0, sizeof *t);
		publish(&s, i);
		CHECK_EQ(harvest(&s, i, NULL), i < 4 ? -ENOEXEC : 0);
	}
	stage_fini(&s);
}

/* ---- Coming, sleeping, going ---- */

TEST(wakes_from_sleep)
{
	struct stage s;
	stage_init(&s, 0);
	stage_begin(&s);
	for (unsigned i = 0; i < 3 * LANE_SLOTS; i++) {
		uint64_t result = 0;
		await_word(&s, &s.lane->asleep, 1);
		put(&s, i % LANE_SLOTS, test_square_fn, i);
		publish(&s, i % LANE_SLOTS);
		CHECK_EQ(harvest(&s, i % LANE_SLOTS, &result), 0);
		CHECK_EQ(result, i * i);
	}
	stage_fini(&s);
}

TEST(leaves_when_told)
{
	for (int asleep = 0; asleep < 2; asleep++) {
		struct stage s;
		stage_init(&s, 0);
		stage_begin(&s);
		if (asleep)
			await_word(&s, &s.lane->asleep, 1);
		lane_end(s.lane);
		stage_left(&s);
		stage_fini(&s);
	}
}

/* It does first what is there. */
TEST(leaves_when_empty)
{
	struct stage s;
	stage_init(&s, 0);
	for (unsigned i = 0; i < 3; i++) {
		put(&s, i, test_square_fn, i);
		publish(&s, i);
	}
	lane_end(s.lane);
	stage_begin(&s);
	stage_left(&s);
	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(harvest(&s, i, NULL), 0);
	stage_fini(&s);
}

TEST(leaves_after_its_last_task)
{
	struct stage s;
	stage_init(&s, 3);
	for (unsigned i = 0; i < 5; i++) {
		put(&s, i, test_square_fn, i);
		publish(&s, i);
	}
	CHECK(lane_take_back(&s.lane->slot[1])); /* it does not count */
	stage_begin(&s);
	stage_left(&s);
	CHECK_EQ(harvest(&s, 0, NULL), 0);
	CHECK_EQ(harvest(&s, 2, NULL), 0);
	CHECK_EQ(harvest(&s, 3, NULL), 0);
	CHECK_EQ(atom_load(&s.lane->slot[1].state, relaxed), SLOT_FREE);
	CHECK_EQ(atom_load(&s.lane->slot[4].state, relaxed), SLOT_QUEUED);
	stage_fini(&s);
}
