/* SPDX-License-Identifier: MIT
 *
 * test_pipe_socket.c -- ends over sockets: between honest sides, over both transports.
 */
#include "pipe_kit.h"

#include <sys/wait.h>

/* ---- Messages ---- */

static void sizes_over(bool tcp)
{
	static const size_t sizes[] = {0,     1,      2,       63,  4096, 16384 - 9, 16384 - 8,
				       16384, 100000, MIB - 1, MIB, 0,    7};
	uint8_t *msg = malloc(MIB + 1), *got = malloc(MIB);
	weft_pipe *p[2];
	pthread_t echo;
	void *end;

	kit_pair(kit_address(tcp), NULL, p);
	REQUIRE_EQ(pthread_create(&echo, NULL, kit_echo_main, p[1]), 0);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		kit_fill(msg, sizes[i], i);
		CHECK_EQ(weft_pipe_send(p[0], msg, sizes[i], test_soon()), 0);
		CHECK_EQ(weft_pipe_recv(p[0], got, MIB, test_soon()), sizes[i]);
		CHECK(kit_is(got, sizes[i], i));
	}
	CHECK_EQ(weft_pipe_send(p[0], msg, MIB + 1, test_soon()), -EMSGSIZE);
	CHECK_EQ(weft_pipe_close(p[0]), 0);
	pthread_join(echo, &end);
	CHECK_EQ((intptr_t)end, -EPIPE);
	CHECK_EQ(weft_pipe_close(p[1]), 0);
	free(msg);
	free(got);
}

TEST(sizes_over_unix)
{
	sizes_over(false);
}

TEST(sizes_over_tcp)
{
	sizes_over(true);
}

/* Many in a row stay apart and in order, also when the buffer is full of them. */
static void rows_over(bool tcp)
{
	enum { N = 200, ROOM = 700 };
	uint8_t msg[ROOM];
	weft_pipe *p[2];

	kit_pair(kit_address(tcp), NULL, p);
	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < N; i++) {
			kit_fill(msg, i % 97, i);
			CHECK_EQ(weft_pipe_send(p[0], msg, i % 97, test_soon()), 0);
		}
		for (size_t i = 0; i < N; i++) {
			CHECK_EQ(weft_pipe_recv(p[1], msg, sizeof msg, test_soon()), i % 97);
			CHECK(kit_is(msg, i % 97, i));
		}
	}
	kit_close(p);
}

TEST(rows_of_messages_over_unix)
{
	rows_over(false);
}

TEST(rows_of_messages_over_tcp)
{
	rows_over(true);
}

TEST(both_limits_count)
{
	struct weft_listen_opts small = {.size = sizeof small, .message_size = 10};
	struct weft_listen_opts large = {.size = sizeof large, .message_size = 20};
	weft_listener *l = kit_listen(kit_unix(), &small);
	weft_pipe *p;
	struct kit_connect c;
	char msg[21] = "";

	kit_connect_begin(&c, kit_unix(), &large);
	REQUIRE_EQ(weft_listener_accept(l, &p, test_soon()), 0);
	REQUIRE_EQ(kit_connect_end(&c), 0);
	CHECK_EQ(weft_pipe_send(c.pipe, msg, 10, test_soon()), 0);
	CHECK_EQ(weft_pipe_send(c.pipe, msg, 11, test_soon()), -EMSGSIZE);
	CHECK_EQ(weft_pipe_send(p, msg, 10, test_soon()), 0);
	CHECK_EQ(weft_pipe_send(p, msg, 11, test_soon()), -EMSGSIZE);
	CHECK_EQ(weft_pipe_recv(p, msg, sizeof msg, test_soon()), 10);
	weft_pipe_close(p);
	weft_pipe_close(c.pipe);
	weft_listener_close(l);
}

TEST(one_that_does_not_fit_stays)
{
	weft_pipe *p[2];
	char got[8];

	kit_pair(kit_unix(), NULL, p);
	CHECK_EQ(weft_pipe_send(p[0], "12345678", 8, test_soon()), 0);
	CHECK_EQ(weft_pipe_send(p[0], "", 0, test_soon()), 0);
	CHECK_EQ(weft_pipe_recv(p[1], got, 7, test_soon()), -EMSGSIZE);
	CHECK_EQ(weft_pipe_recv(p[1], NULL, 0, test_soon()), -EMSGSIZE);
	CHECK_EQ(weft_pipe_recv_fd(p[1], test_soon()), -ENOMSG);
	CHECK_EQ(weft_pipe_recv(p[1], got, 8, test_soon()), 8);
	CHECK(!memcmp(got, "12345678", 8));
	CHECK_EQ(weft_pipe_recv(p[1], NULL, 0, test_soon()), 0);
	CHECK_EQ(weft_pipe_recv(p[1], got, 8, 0), -ETIMEDOUT);
	kit_close(p);
}

TEST(wrong_arguments_are_refused)
{
	weft_pipe *p[2];
	char c;

	CHECK_EQ(weft_pipe_send(NULL, "x", 1, 0), -EINVAL);
	CHECK_EQ(weft_pipe_recv(NULL, &c, 1, 0), -EINVAL);
	CHECK_EQ(weft_pipe_poll(NULL, 0), -EINVAL);
	CHECK_EQ(weft_pipe_send_fd(NULL, 0, 0), -EINVAL);
	CHECK_EQ(weft_pipe_recv_fd(NULL, 0), -EINVAL);
	CHECK_EQ(weft_pipe_close(NULL), 0);
	kit_pair(KIT_TCP, NULL, p);
	CHECK_EQ(weft_pipe_send(p[0], NULL, 1, 0), -EINVAL);
	CHECK_EQ(weft_pipe_recv(p[0], NULL, 1, 0), -EINVAL);
	CHECK_EQ(weft_pipe_send_fd(p[0], 0, 0), -EOPNOTSUPP);
	CHECK_EQ(weft_pipe_recv_fd(p[0], 0), -EOPNOTSUPP);
	kit_close(p);
}

/* What was sent before the end is received, and then the end, as often as one asks. */
static void ends_over(bool tcp)
{
	weft_pipe *p[2];
	char c;

	kit_pair(kit_address(tcp), NULL, p);
	CHECK_EQ(weft_pipe_poll(p[1], 0), -ETIMEDOUT);
	CHECK_EQ(weft_pipe_send(p[0], "a", 1, test_soon()), 0);
	CHECK_EQ(weft_pipe_close(p[0]), 0);
	CHECK_EQ(weft_pipe_poll(p[1], test_soon()), 0);
	CHECK_EQ(weft_pipe_recv(p[1], &c, 1, test_soon()), 1);
	CHECK_EQ(weft_pipe_poll(p[1], test_soon()), 0);
	CHECK_EQ(weft_pipe_recv(p[1], &c, 1, test_soon()), -EPIPE);
	CHECK_EQ(weft_pipe_recv(p[1], &c, 1, 0), -EPIPE);
	CHECK_EQ(weft_pipe_poll(p[1], 0), 0);
	/* TCP learns of it by the first that it sends in vain. */
	for (int i = 0; i < 200 && !weft_pipe_send(p[1], "b", 1, test_soon()); i++)
		test_sleep_ms(1);
	CHECK_EQ(weft_pipe_send(p[1], "b", 1, test_soon()), -EPIPE);
	CHECK_EQ(weft_pipe_send(p[1], "b", 1, 0), -EPIPE);
	weft_pipe_close(p[1]);
}

TEST(the_end_over_unix)
{
	ends_over(false);
}

TEST(the_end_over_tcp)
{
	ends_over(true);
}

/* ---- Threads, forks ---- */

enum { THREADS = 4, EACH = 500 };

struct sender {
	weft_pipe *pipe;
	uint32_t id;
	int err;
};

static void *sender_main(void *arg)
{
	struct sender *s = arg;
	uint8_t msg[600];

	for (uint32_t i = 0; i < EACH && !s->err; i++) {
		size_t size = 8 + (i * 37 + s->id) % 500;

		kit_fill(msg, size, i);
		memcpy(msg, &s->id, 4);
		memcpy(msg + 4, &i, 4);
		s->err = weft_pipe_send(s->pipe, msg, size, test_soon());
	}
	return NULL;
}

struct receiver {
	weft_pipe *pipe;
	uint32_t *seen; /* counts, THREADS * EACH */
	int wrong;
	ssize_t end;
};

static void *receiver_main(void *arg)
{
	struct receiver *r = arg;
	uint8_t msg[600];
	uint32_t id, i;

	while ((r->end = weft_pipe_recv(r->pipe, msg, sizeof msg, test_soon())) >= 0) {
		memcpy(&id, msg, 4);
		memcpy(&i, msg + 4, 4);
		if (r->end < 8 || id >= THREADS || i >= EACH || (size_t)r->end != 8 + (i * 37 + id) % 500) {
			r->wrong++;
			continue;
		}
		for (size_t k = 8; k < (size_t)r->end; k++)
			r->wrong += msg[k] != kit_byte(i, k);
		__atomic_fetch_add(&r->seen[id * EACH + i], 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Several send at one end while several receive at the other: each message arrives once, whole. */
static void threads_over(bool tcp)
{
	static uint32_t seen[THREADS * EACH];
	struct sender s[THREADS];
	struct receiver r[THREADS];
	pthread_t senders[THREADS], receivers[THREADS];
	weft_pipe *p[2];

	kit_pair(kit_address(tcp), NULL, p);
	for (uint32_t i = 0; i < THREADS; i++) {
		s[i] = (struct sender){.pipe = p[0], .id = i};
		r[i] = (struct receiver){.pipe = p[1], .seen = seen};
		REQUIRE_EQ(pthread_create(&receivers[i], NULL, receiver_main, &r[i]), 0);
		REQUIRE_EQ(pthread_create(&senders[i], NULL, sender_main, &s[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(senders[i], NULL);
		CHECK_EQ(s[i].err, 0);
	}
	weft_pipe_close(p[0]);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(receivers[i], NULL);
		CHECK_EQ(r[i].end, -EPIPE);
		CHECK_EQ(r[i].wrong, 0);
	}
	weft_pipe_close(p[1]);
	for (int i = 0; i < THREADS * EACH; i++)
		if (seen[i] != 1)
			CHECK_EQ(seen[i], 1);
}

TEST(many_threads_at_one_end_over_unix)
{
	threads_over(false);
}

TEST(many_threads_at_one_end_over_tcp)
{
	threads_over(true);
}

/* Who waits for his turn is called off, too, and the one who has it is not disturbed. */
TEST(waiting_for_a_turn_has_a_deadline)
{
	weft_pipe *p[2];
	pthread_t echo;
	void *end;
	char c;

	kit_pair(kit_unix(), NULL, p);
	REQUIRE_EQ(pthread_create(&echo, NULL, kit_echo_main, p[1]), 0);
	for (int i = 0; i < 50; i++)
		CHECK_EQ(weft_pipe_recv(p[1], &c, 1, weft_after(WEFT_US(200))), -ETIMEDOUT);
	CHECK_EQ(weft_pipe_send(p[0], "a", 1, test_soon()), 0);
	CHECK_EQ(weft_pipe_recv(p[0], &c, 1, test_soon()), 1);
	weft_pipe_close(p[0]);
	pthread_join(echo, &end);
	CHECK_EQ((intptr_t)end, -EPIPE);
	weft_pipe_close(p[1]);
}

/* An end goes over to a fork. */
static void fork_over(bool tcp)
{
	weft_pipe *p[2];
	char got[16];
	int status;
	pid_t pid;

	kit_pair(kit_address(tcp), NULL, p);
	pid = fork();
	if (!pid) {
		weft_pipe_close(p[0]);
		ssize_t n = weft_pipe_recv(p[1], got, sizeof got, test_soon());
		int err = n < 0 ? (int)n : weft_pipe_send(p[1], got, (size_t)n, test_soon());
		weft_pipe_close(p[1]);
		_exit(err ? 1 : 0);
	}
	weft_pipe_close(p[1]);
	CHECK_EQ(weft_pipe_send(p[0], "hello", 5, test_soon()), 0);
	CHECK_EQ(weft_pipe_recv(p[0], got, sizeof got, test_soon()), 5);
	CHECK_EQ(weft_pipe_recv(p[0], got, sizeof got, test_soon()), -EPIPE);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	weft_pipe_close(p[0]);
}

TEST(an_end_in_a_fork_over_unix)
{
	fork_over(false);
}

TEST(an_end_in_a_fork_over_tcp)
{
	fork_over(true);
}
