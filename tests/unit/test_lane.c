/* SPDX-License-Identifier: MIT
 *
 * test_lane.c -- a worker, in a fork, and the test in the place of its pool: tasks go round the ring and
 * come back, are taken back, are refused if they are garbage; and whoever sleeps is woken.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lane.h"

enum { SLOT_SIZE = 256, ROUNDS = 10000 };

struct stage {
	struct lane *lane;
	int fd, bell;
	pid_t worker;
};

static void stage_init(struct stage *s, uint32_t max_tasks)
{
	*s = (struct stage){.lane = NULL};
	s->fd = lane_create(&s->lane, SLOT_SIZE, max_tasks);
	REQUIRE(s->fd >= 0);
	s->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	REQUIRE(s->bell >= 0);
}

static void stage_begin(struct stage *s)
{
	s->worker = fork();
	if (!s->worker) {
		alarm(40);
		worker_main(s->lane, SLOT_SIZE, s->bell);
		_exit(5);
	}
	REQUIRE(s->worker > 0);
}

/* Waits until the worker has left. */
static void stage_left(struct stage *s)
{
	int status = -1;
	REQUIRE_EQ(waitpid(s->worker, &status, 0), s->worker);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	s->worker = 0;
}

static void stage_fini(struct stage *s)
{
	if (s->worker) {
		lane_end(s->lane);
		stage_left(s);
	}
	munmap(s->lane, lane_size(SLOT_SIZE));
	close(s->fd);
	close(s->bell);
}

/* Writes a request into slot i. */
static struct lane_request *put(struct stage *s, unsigned i, weft_fn *fn, uint64_t arg)
{
	struct lane_slot *slot = &s->lane->slot[i];
	struct lane_request *r = &slot->request;
	CHECK_EQ(atom_load(&slot->state, acquire), SLOT_FREE);
	atom_store(&slot->cancel, 0, relaxed);
	*r = (struct lane_request){.arg_size = 8, .result_size = 8, .deadline = WEFT_FOREVER};
	REQUIRE_EQ(weft__token_make(fn, &r->fn), 0);
	memcpy(lane_payload(s->lane, i, SLOT_SIZE), &arg, sizeof arg);
	memset(lane_payload(s->lane, i, SLOT_SIZE) + LANE_ALIGN, 0xff, 8);
	memset(&slot->reply, 0x5a, sizeof slot->reply);
	return r;
}

/* Waits until the word has that value. The test ends if that will not come. */
static void await_word(const struct stage *s, atom_u32 *word, uint32_t value)
{
	weft_time end = test_soon();
	for (;;) {
		siginfo_t info = {.si_pid = 0};
		bool hopeless = !s->worker || weft_now() >= end ||
				waitid(P_PID, (id_t)s->worker, &info, WEXITED | WNOHANG | WNOWAIT) ||
				info.si_pid;
		if (atom_load(word, acquire) == value)
			return;
		REQUIRE(!hopeless);
		sched_yield();
	}
}

static void await_slot(const struct stage *s, unsigned i, uint32_t state)
{
	await_word(s, &s->lane->slot[i].state, state);
}

/* Empties slot i. Returns the status, and the result in *ret. */
static int harvest(struct stage *s, unsigned i, uint64_t *ret)
{
	struct lane_slot *slot = &s->lane->slot[i];
	await_slot(s, i, SLOT_DONE);
	if (ret)
		memcpy(ret, lane_payload(s->lane, i, SLOT_SIZE) + LANE_ALIGN, sizeof *ret);
	int status = slot->reply.status;
	atom_store(&slot->state, SLOT_FREE, relaxed);
	return status;
}

/* How often has the bell been rung? It is silent then. */
static uint64_t rung(const struct stage *s)
{
	uint64_t n = 0;
	return read(s->bell, &n, sizeof n) == sizeof n ? n : 0;
}

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
	CHECK(size >= sizeof *lane + LANE_SLOTS * 1024UL);
	CHECK(ftruncate(fd, (off_t)size - 1) < 0 && errno == EPERM);
	CHECK(ftruncate(fd, (off_t)size + 1) < 0 && errno == EPERM);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0 && errno == EPERM);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC && lane->slot_size == 1000 && lane->max_tasks == 7);
	for (unsigned i = 0; i < LANE_SLOTS; i++) {
		char *payload = lane_payload(lane, i, 1000);
		CHECK_EQ(atom_load(&lane->slot[i].state, relaxed), SLOT_FREE);
		CHECK_EQ((uintptr_t)payload % LANE_ALIGN, 0);
		CHECK(payload >= (char *)(lane + 1) && payload + 1024 <= (char *)lane + size);
		memset(payload, (int)i, 1024);
	}
	for (unsigned i = 0; i < LANE_SLOTS; i++)
		CHECK_EQ(lane_payload(lane, i, 1000)[1023], i);
	CHECK(!lane->asleep && !lane->ending && !lane->listening);
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
			lane_publish(s.lane, tail++ % LANE_SLOTS);
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
	lane_publish(s.lane, 0);
	await_slot(&s, 0, SLOT_DONE);
	CHECK(reply->status == 4 && reply->reply_size == 3 && !reply->has_text);
	CHECK(!memcmp(lane_payload(s.lane, 0, SLOT_SIZE) + LANE_ALIGN, "abc\0\0\0\0", 8)); /* zeroed */
	reply = &s.lane->slot[1].reply;
	put(&s, 1, talk_fn, 1);
	lane_publish(s.lane, 1);
	await_slot(&s, 1, SLOT_DONE);
	CHECK(reply->status == -EDOM && reply->has_text && !strcmp(reply->text, "no luck"));
	stage_fini(&s);
}

TEST(batch)
{
	struct stage s;
	uint64_t n[3] = {2, 3, 4}, square[3];
	stage_init(&s, 0);
	struct lane_request *r = put(&s, 0, test_square_fn, 0);
	r->batch = 3;
	r->arg_stride = r->result_stride = 8;
	r->arg_size = r->result_size = sizeof n;
	memcpy(lane_payload(s.lane, 0, SLOT_SIZE), n, sizeof n);
	stage_begin(&s);
	lane_publish(s.lane, 0);
	CHECK_EQ(harvest(&s, 0, NULL), 0);
	memcpy(square, lane_payload(s.lane, 0, SLOT_SIZE) + LANE_ALIGN, sizeof square);
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
	lane_publish(s.lane, 0);
	await_slot(&s, 0, SLOT_RUNNING);
	for (unsigned i = 1; i < 5; i++) {
		put(&s, i, test_square_fn, i);
		lane_publish(s.lane, i);
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
		lane_publish(s.lane, i);
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

/* What a worker answers to a request with these sizes. */
static int try_sizes(uint64_t arg_size, uint64_t result_size)
{
	struct stage s;
	stage_init(&s, 0);
	stage_begin(&s);
	struct lane_request *r = put(&s, 0, nothing_fn, 0);
	r->arg_size = arg_size;
	r->result_size = result_size;
	lane_publish(s.lane, 0);
	int status = harvest(&s, 0, NULL);
	stage_fini(&s);
	return status;
}

TEST(sizes_are_checked)
{
	CHECK_EQ(try_sizes(0, 0), 0);
	CHECK_EQ(try_sizes(SLOT_SIZE, 0), 0);
	CHECK_EQ(try_sizes(0, SLOT_SIZE), 0);
	CHECK_EQ(try_sizes(SLOT_SIZE - 64, 64), 0);
	CHECK_EQ(try_sizes(1, SLOT_SIZE - 64), 0);
	CHECK_EQ(try_sizes(SLOT_SIZE + 1, 0), -EBADMSG);
	CHECK_EQ(try_sizes(0, SLOT_SIZE + 1), -EBADMSG);
	CHECK_EQ(try_sizes(SLOT_SIZE - 64, 65), -EBADMSG);
	CHECK_EQ(try_sizes(1, SLOT_SIZE - 63), -EBADMSG);
	CHECK_EQ(try_sizes(UINT64_MAX, 8), -EBADMSG);
	CHECK_EQ(try_sizes(UINT64_MAX - 62, 8), -EBADMSG);
	CHECK_EQ(try_sizes(1UL << 63, 1UL << 63), -EBADMSG);
}

/* Their sum, with the argument rounded up, is small in 64 bits. */
TEST(sizes_that_wrap)
{
	CHECK_EQ(try_sizes(64, UINT64_MAX - 63), -EBADMSG);
	CHECK_EQ(try_sizes(8, UINT64_MAX), -EBADMSG);
}

TEST(unknown_functions)
{
	struct stage s;
	stage_init(&s, 0);
	stage_begin(&s);
	for (unsigned i = 0; i < 5; i++) {
		struct weft__token *t = &put(&s, i, nothing_fn, 0)->fn;
		if (i == 0)
			t->build_id[3] ^= 1;
		else if (i == 1)
			t->offset = UINT64_MAX / 2;
		else if (i == 2)
			t->id_len = UINT32_MAX;
		else if (i == 3)
			memset(t, 0, sizeof *t);
		lane_publish(s.lane, i);
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
		lane_publish(s.lane, i % LANE_SLOTS);
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
		lane_publish(s.lane, i);
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
		lane_publish(s.lane, i);
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

TEST(rings_when_asked)
{
	struct stage s;
	stage_init(&s, 0);
	CHECK(lane_listen(s.lane));
	CHECK(!lane_listen(s.lane));
	for (unsigned i = 0; i < 4; i++) {
		put(&s, i, test_square_fn, i);
		lane_publish(s.lane, i);
	}
	lane_end(s.lane);
	stage_begin(&s);
	stage_left(&s);
	CHECK_EQ(rung(&s), 1); /* for the first of four; then nobody listened any more */
	CHECK(lane_listen(s.lane));
	stage_fini(&s);
}

TEST(rings_for_what_was_taken_back)
{
	struct stage s;
	stage_init(&s, 0);
	put(&s, 0, test_square_fn, 1);
	lane_publish(s.lane, 0);
	CHECK(lane_take_back(&s.lane->slot[0]));
	lane_listen(s.lane);
	lane_end(s.lane);
	stage_begin(&s);
	stage_left(&s);
	CHECK_EQ(rung(&s), 1);
	stage_fini(&s);
}

/* A pool that sleeps on the bell after each look misses nothing. */
TEST(no_bell_is_missed)
{
	struct stage s;
	unsigned missed = 0;
	stage_init(&s, 0);
	stage_begin(&s);
	for (unsigned n = 0; n < ROUNDS && !missed; n++) {
		struct lane_slot *slot = &s.lane->slot[n % LANE_SLOTS];
		struct pollfd bell = {.fd = s.bell, .events = POLLIN};
		put(&s, n % LANE_SLOTS, test_square_fn, n);
		lane_publish(s.lane, n % LANE_SLOTS);
		while (atom_load(&slot->state, acquire) != SLOT_DONE && !missed) {
			if (lane_listen(s.lane))
				continue;
			missed += poll(&bell, 1, 10000) != 1;
			rung(&s);
		}
		harvest(&s, n % LANE_SLOTS, NULL);
	}
	CHECK_EQ(missed, 0);
	stage_fini(&s);
}

/* A task that closes the bell costs its worker its life, but not its reply. */
TEST(closed_bell)
{
	struct stage s;
	int status = -1;
	stage_init(&s, 0);
	put(&s, 0, test_square_fn, 5);
	lane_publish(s.lane, 0);
	lane_listen(s.lane);
	s.worker = fork();
	if (!s.worker) {
		close(s.bell);
		worker_main(s.lane, SLOT_SIZE, s.bell);
		_exit(5);
	}
	REQUIRE_EQ(waitpid(s.worker, &status, 0), s.worker);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	s.worker = 0;
	CHECK_EQ(harvest(&s, 0, NULL), 0);
	stage_fini(&s);
}
