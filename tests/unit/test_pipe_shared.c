/* SPDX-License-Identifier: MIT
 *
 * test_pipe_shared.c -- ends in shared memory, between threads and forks. In tasks: contract_pipe.c.
 */
#include "pipe_kit.h"

#include <signal.h>
#include <sys/wait.h>

static void make(weft_pipe *ret[2], const struct weft_pipe_opts *opts)
{
	REQUIRE_EQ(weft_pipe_new(&ret[0], &ret[1], opts), 0);
}

TEST(wrong_options_are_refused)
{
	struct weft_pipe_opts o = {.size = 3};
	weft_pipe *a = NULL, *b = NULL;

	CHECK_EQ(weft_pipe_new(NULL, &b, NULL), -EINVAL);
	CHECK_EQ(weft_pipe_new(&a, NULL, NULL), -EINVAL);
	CHECK_EQ(weft_pipe_new(&a, &b, &o), -EINVAL);
	o = (struct weft_pipe_opts){.size = sizeof o, .message_size = WEFT_MESSAGE_SIZE_MAX + 1};
	CHECK_EQ(weft_pipe_new(&a, &b, &o), -ERANGE);
	o = (struct weft_pipe_opts){.size = sizeof o, .capacity = WEFT_QUEUE_CAPACITY_MAX + 1};
	CHECK_EQ(weft_pipe_new(&a, &b, &o), -ERANGE);
	o = (struct weft_pipe_opts){.size = sizeof o, .message_size = 1000, .memory = 100};
	CHECK_EQ(weft_pipe_new(&a, &b, &o), -ERANGE);
	CHECK(!a && !b);
}

TEST(both_ways_and_all_sizes)
{
	static const size_t sizes[] = {0, 1, 7, 8, 63, 64, 999, 1000, 0};
	struct weft_pipe_opts o = {.size = sizeof o, .message_size = 1000};
	uint8_t msg[1001], got[1001];
	weft_pipe *p[2];

	make(p, &o);
	for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
		size_t size = sizes[i / 2];

		kit_fill(msg, size, i);
		CHECK_EQ(weft_pipe_poll(p[!(i % 2)], 0), -ETIMEDOUT);
		CHECK_EQ(weft_pipe_send(p[i % 2], msg, size, test_soon()), 0);
		CHECK_EQ(weft_pipe_poll(p[!(i % 2)], 0), 0);
		CHECK_EQ(weft_pipe_poll(p[i % 2], 0), -ETIMEDOUT); /* not at the end that has sent it */
		if (size)
			CHECK_EQ(weft_pipe_recv(p[!(i % 2)], got, size - 1, 0), -EMSGSIZE);
		CHECK_EQ(weft_pipe_recv(p[!(i % 2)], got, sizeof got, test_soon()), size);
		CHECK(kit_is(got, size, i));
	}
	CHECK_EQ(weft_pipe_send(p[0], msg, 1001, test_soon()), -EMSGSIZE);
	CHECK_EQ(weft_pipe_send(p[0], NULL, 1, 0), -EINVAL);
	CHECK_EQ(weft_pipe_recv(p[0], NULL, 1, 0), -EINVAL);
	CHECK_EQ(weft_pipe_send_fd(p[0], 0, 0), -EOPNOTSUPP);
	CHECK_EQ(weft_pipe_recv_fd(p[0], 0), -EOPNOTSUPP);
	kit_close(p);
}

/* As many as were asked for, and what that needs by default: two of the largest. */
TEST(as_much_as_there_is_room_for)
{
	struct weft_pipe_opts few = {.size = sizeof few, .capacity = 3};
	struct weft_pipe_opts large = {.size = sizeof large, .message_size = 8 * MIB};
	char *msg = calloc(1, 8 * MIB);
	weft_pipe *p[2];
	int err, n_more = 0;

	make(p, &few);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(weft_pipe_send(p[0], msg, 64 * KIB, 0), 0);
	CHECK_EQ(weft_pipe_send(p[0], msg, 1, 0), -ETIMEDOUT);
	CHECK_EQ(weft_pipe_send(p[0], msg, 1, weft_after(WEFT_MS(1))), -ETIMEDOUT);
	CHECK_EQ(weft_pipe_send(p[1], msg, 1, 0), 0); /* the other way is free */
	kit_close(p);
	make(p, &large);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(weft_pipe_send(p[0], msg, 8 * MIB, 0), 0);
	while (!(err = weft_pipe_send(p[0], msg, 8 * MIB, 0)))
		n_more++;
	CHECK_EQ(err, -ETIMEDOUT);
	CHECK(n_more <= 2); /* memory is rounded up */
	kit_close(p);
	free(msg);
}

TEST(the_end)
{
	weft_pipe *p[2];
	char c;

	make(p, NULL);
	CHECK_EQ(weft_pipe_send(p[0], "a", 1, 0), 0);
	CHECK_EQ(weft_pipe_close(p[0]), 0);
	CHECK_EQ(weft_pipe_send(p[1], "b", 1, 0), -EPIPE);
	CHECK_EQ(weft_pipe_poll(p[1], 0), 0);
	CHECK_EQ(weft_pipe_recv(p[1], &c, 1, 0), 1);
	CHECK_EQ(weft_pipe_poll(p[1], 0), 0);
	CHECK_EQ(weft_pipe_recv(p[1], &c, 1, test_soon()), -EPIPE);
	/* The memory is there until the other is closed, too. */
	CHECK_EQ(weft_pipe_send(p[0], "a", 1, 0), -EINVAL);
	CHECK_EQ(weft_pipe_recv(p[0], &c, 1, 0), -EINVAL);
	CHECK_EQ(weft_pipe_poll(p[0], 0), -EINVAL);
	CHECK_EQ(weft_pipe_close(p[0]), -EINVAL);
	CHECK_EQ(weft_pipe_close(p[1]), 0);
}

static void *close_main(void *p)
{
	test_sleep_ms(10);
	weft_pipe_close(p);
	return NULL;
}

TEST(the_end_while_one_waits)
{
	weft_pipe *p[2];
	pthread_t closer;
	char c;

	make(p, NULL);
	REQUIRE_EQ(pthread_create(&closer, NULL, close_main, p[0]), 0);
	CHECK_EQ(weft_pipe_recv(p[1], &c, 1, test_soon()), -EPIPE);
	pthread_join(closer, NULL);
	CHECK_EQ(weft_pipe_close(p[1]), 0);
}

/* Nothing stays in a region that was given. */
TEST(all_of_it_goes)
{
	struct weft_pipe_opts o = {.size = sizeof o};
	struct weft_region_usage usage;
	weft_pipe *p[2];

	REQUIRE_EQ(weft_region_new(&o.region, NULL), 0);
	for (int i = 0; i < 10; i++) {
		make(p, &o);
		CHECK_EQ(weft_pipe_send(p[0], "a", 1, 0), 0);
		CHECK_EQ(weft_pipe_close(p[i % 2]), 0);
		CHECK_EQ(weft_pipe_close(p[!(i % 2)]), 0);
	}
	REQUIRE_EQ(weft_region_stats(o.region, &usage), 0);
	CHECK_EQ(usage.blocks, 0);
	weft_region_free(o.region);
}

TEST(no_room_in_the_region)
{
	struct weft_region_opts small = {.size = sizeof small, .limit = WEFT_REGION_LIMIT_MIN};
	struct weft_pipe_opts o = {.size = sizeof o, .memory = 700 * KIB};
	struct weft_region_usage usage;
	weft_pipe *a = NULL, *b = NULL;

	REQUIRE_EQ(weft_region_new(&o.region, &small), 0);
	CHECK_EQ(weft_pipe_new(&a, &b, &o), -ENOMEM);
	REQUIRE_EQ(weft_region_stats(o.region, &usage), 0);
	CHECK_EQ(usage.blocks, 0);
	CHECK(!a && !b);
	weft_region_free(o.region);
}

/* More than there may be regions: so they come back, also where a fork has closed last. */
TEST(regions_come_back)
{
	weft_pipe *p[2];

	for (int i = 0; i <= WEFT_REGIONS_MAX; i++) {
		make(p, NULL);
		kit_close(p);
	}
	for (int i = 0; i < 3; i++) {
		pid_t pid;

		make(p, NULL);
		pid = fork();
		if (!pid) {
			test_sleep_ms(5);
			_exit(weft_pipe_close(p[1]) ? 1 : 0);
		}
		CHECK_EQ(weft_pipe_close(p[0]), 0);
		CHECK_EQ(waitpid(pid, NULL, 0), pid);
	}
	make(p, NULL); /* which gives back the last one's; else the harness finds its memory */
	kit_close(p);
}

/* ---- Threads and forks ---- */

enum { N = 20000 };

struct mark {
	uint32_t side, id;
};

static void *send_all_main(void *arg)
{
	weft_pipe *p = arg;
	intptr_t err = 0;

	for (uint32_t i = 0; i < N && !err; i++)
		err = weft_pipe_send(p, &(struct mark){1, i}, sizeof(struct mark), test_soon());
	return (void *)err;
}

/* All that one sends, in order, while as much goes the other way; between two threads, or two processes. */
static void both_at_once(bool forks)
{
	struct weft_pipe_opts o = {.size = sizeof o, .capacity = 64, .message_size = 64};
	weft_pipe *p[2];
	pthread_t here, there;
	void *err;
	int status = 0;
	uint32_t wrong = 0;
	pid_t pid = 0;

	make(p, &o);
	if (forks) {
		pid = fork();
		if (!pid) {
			uint32_t bad = 0;

			if (pthread_create(&there, NULL, send_all_main, p[1]))
				_exit(2);
			for (uint32_t i = 0; i < N; i++) {
				struct mark m = {0};

				bad += weft_pipe_recv(p[1], &m, sizeof m, test_soon()) != sizeof m ||
				       m.id != i;
			}
			pthread_join(there, &err);
			_exit(bad || err);
		}
	} else {
		REQUIRE_EQ(pthread_create(&there, NULL, send_all_main, p[1]), 0);
	}
	REQUIRE_EQ(pthread_create(&here, NULL, send_all_main, p[0]), 0);
	for (uint32_t i = 0; i < N; i++) {
		struct mark m = {0};

		wrong += weft_pipe_recv(p[0], &m, sizeof m, test_soon()) != sizeof m || m.id != i;
		if (!forks) {
			m.id = UINT32_MAX;
			wrong += weft_pipe_recv(p[1], &m, sizeof m, test_soon()) != sizeof m || m.id != i;
		}
	}
	CHECK_EQ(wrong, 0);
	pthread_join(here, &err);
	CHECK(!err);
	if (forks) {
		REQUIRE_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
	} else {
		pthread_join(there, &err);
		CHECK(!err);
	}
	kit_close(p);
}

TEST(both_ways_at_once_between_threads)
{
	both_at_once(false);
}

TEST(both_ways_at_once_between_processes)
{
	if (TEST_UNDER_TSAN)
		SKIP("threads in a fork");
	both_at_once(true);
}

/* ---- Deaths ---- */

/* A process that uses an end, and is then killed, or ends, without closing it. */
static pid_t user_of(weft_pipe *p, bool ends)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (weft_pipe_send(p, "here", 4, WEFT_FOREVER))
		_exit(1);
	while (!ends)
		pause();
	_exit(0);
}

/* Not even waited for by its parent: nobody else knows that it is dead. */
static void death_of_the_other(bool ends)
{
	weft_pipe *p[2];
	char got[8];
	pid_t pid;

	make(p, NULL);
	pid = user_of(p[1], ends);
	CHECK_EQ(weft_pipe_recv(p[0], got, sizeof got, test_soon()), 4);
	if (!ends) {
		CHECK_EQ(weft_pipe_recv(p[0], got, sizeof got, weft_after(WEFT_MS(250))), -ETIMEDOUT);
		kill(pid, SIGKILL);
	}
	CHECK_EQ(weft_pipe_recv(p[0], got, sizeof got, test_soon()), -EOWNERDEAD);
	/* Told once; and another may use it. */
	CHECK_EQ(weft_pipe_recv(p[0], got, sizeof got, weft_after(WEFT_MS(250))), -ETIMEDOUT);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_EQ(weft_pipe_send(p[1], "me", 2, test_soon()), 0);
	CHECK_EQ(weft_pipe_recv(p[0], got, sizeof got, test_soon()), 2);
	kit_close(p);
}

TEST(the_other_side_is_killed)
{
	death_of_the_other(false);
}

TEST(the_other_side_ends_and_leaves_it_open)
{
	death_of_the_other(true);
}

/* All that the dead one has sent comes first; polls hear of it, too, and who waits for room. */
TEST(a_death_is_told_after_the_messages)
{
	struct weft_pipe_opts o = {.size = sizeof o, .capacity = 1};
	weft_pipe *p[2];
	char got[8];
	pid_t pid;

	make(p, &o);
	pid = user_of(p[1], true);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_EQ(weft_pipe_send(p[0], "a", 1, test_soon()), 0);
	CHECK_EQ(weft_pipe_send(p[0], "b", 1, test_soon()), -EOWNERDEAD);
	CHECK_EQ(weft_pipe_poll(p[0], test_soon()), 0);
	CHECK_EQ(weft_pipe_recv(p[0], got, sizeof got, test_soon()), 4);
	kit_close(p);
	make(p, &o);
	pid = user_of(p[1], true);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_EQ(weft_pipe_recv(p[0], got, sizeof got, test_soon()), 4);
	CHECK_EQ(weft_pipe_poll(p[0], test_soon()), -EOWNERDEAD);
	CHECK_EQ(weft_pipe_poll(p[0], weft_after(WEFT_MS(150))), -ETIMEDOUT);
	kit_close(p);
}

TEST(lives)
{
	uint64_t mine = weft__life_own();
	int life[2];
	uint64_t its = 0;
	pid_t pid;

	REQUIRE(mine);
	CHECK_EQ(mine >> 32, getpid());
	CHECK(!weft__life_is_over(mine));
	CHECK(weft__life_is_over(mine + 1)); /* another, which had the number before */
	REQUIRE_EQ(pipe(life), 0);
	pid = fork();
	if (!pid) {
		its = weft__life_own();
		if (write(life[1], &its, sizeof its) == sizeof its)
			pause();
		_exit(1);
	}
	REQUIRE_EQ(read(life[0], &its, sizeof its), sizeof its);
	CHECK_EQ(its >> 32, pid);
	CHECK(!weft__life_is_over(its));
	kill(pid, SIGSTOP); /* is no death */
	CHECK_EQ(waitpid(pid, NULL, WUNTRACED), pid);
	CHECK(!weft__life_is_over(its));
	kill(pid, SIGKILL);
	CHECK_EQ(waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
	CHECK(weft__life_is_over(its)); /* nobody has waited for it yet */
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK(weft__life_is_over(its));
	close(life[0]);
	close(life[1]);
}
