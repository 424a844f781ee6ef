/* SPDX-License-Identifier: MIT
 *
 * lane_kit.h -- a worker, in a fork, and the test in the place of its pool.
 */
#ifndef TESTS_LANE_KIT_H
#define TESTS_LANE_KIT_H

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

static inline void stage_init(struct stage *s, uint32_t max_tasks)
{
	*s = (struct stage){.lane = NULL};
	s->fd = lane_create(&s->lane, SLOT_SIZE, max_tasks);
	REQUIRE(s->fd >= 0);
	s->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	REQUIRE(s->bell >= 0);
}

static inline void stage_begin(struct stage *s)
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
static inline void stage_left(struct stage *s)
{
	int status = -1;
	REQUIRE_EQ(waitpid(s->worker, &status, 0), s->worker);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	s->worker = 0;
}

static inline void stage_fini(struct stage *s)
{
	if (s->worker) {
		lane_end(s->lane);
		stage_left(s);
	}
	munmap(s->lane, lane_size(SLOT_SIZE));
	close(s->fd);
	close(s->bell);
}

/* Slot i is written; whom to tell when it is done. */
static inline void publish_telling(const struct stage *s, unsigned i, uint32_t tell)
{
	lane_publish(s->lane, i, tell);
	lane_wake(s->lane);
}

static inline void publish(const struct stage *s, unsigned i)
{
	publish_telling(s, i, 0);
}

static inline char *payload(const struct stage *s, unsigned i)
{
	return lane_payload(s->lane, i, 0);
}

static inline char *result_of(const struct stage *s, unsigned i)
{
	return payload(s, i) + lane_result_at(8);
}

/* Writes a request into slot i. */
static inline struct lane_request *put(struct stage *s, unsigned i, weft_fn *fn, uint64_t arg)
{
	struct lane_slot *slot = &s->lane->slot[i];
	struct lane_request *r = &slot->request;
	CHECK_EQ(atom_load(&slot->state, acquire), SLOT_FREE);
	atom_store(&slot->cancel, 0, relaxed);
	*r = (struct lane_request){.arg_size = 8, .result_size = 8, .deadline = WEFT_FOREVER};
	REQUIRE_EQ(weft__token_make(fn, &slot->fn), 0);
	memcpy(payload(s, i), &arg, sizeof arg);
	memset(result_of(s, i), 0xff, 8);
	memset(&slot->reply, 0x5a, sizeof slot->reply);
	return r;
}

/* Waits until the word has that value. The test ends if that will not come. */
static inline void await_word(const struct stage *s, atom_u32 *word, uint32_t value)
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

static inline void await_slot(const struct stage *s, unsigned i, uint32_t state)
{
	await_word(s, &s->lane->slot[i].state, state);
}

/* Empties slot i. Returns the status, and the result in *ret. */
static inline int harvest(struct stage *s, unsigned i, uint64_t *ret)
{
	struct lane_slot *slot = &s->lane->slot[i];
	await_slot(s, i, SLOT_DONE);
	if (ret)
		memcpy(ret, result_of(s, i), sizeof *ret);
	int status = slot->reply.status;
	atom_store(&slot->state, SLOT_FREE, relaxed);
	return status;
}

/* How often has the bell been rung? It is silent then. */
static inline uint64_t rung(const struct stage *s)
{
	uint64_t n = 0;
	return read(s->bell, &n, sizeof n) == sizeof n ? n : 0;
}

#endif
