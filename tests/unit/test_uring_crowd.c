/* SPDX-License-Identifier: MIT
 *
 * The executor "uring" with many at a time: ten thousand connections, a task for each of their ends; and tasks that are
 * shared out among lanes, also where one of them is held up.
 */
#include "uring_kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/socket.h>

/* ---- Ten thousand connections, between two processes: each has that many descriptors ---- */

enum { LISTENERS = 20, EACH = TEST_UNDER_TSAN ? 25 : TEST_SLOW_BUILD ? 100 : 500, MANY = LISTENERS * EACH };

static struct {
	int fd[LISTENERS];
	struct sockaddr_in address[LISTENERS];
} listeners;

/* Of both processes. */
static struct shared {
	uint32_t served, ended; /* connections that have begun, and ended well, at the server */
} * shared;

static void allow_descriptors(void)
{
	struct rlimit limit;

	REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < MANY + 200)
		SKIP("so many descriptors are not allowed here");
	limit.rlim_cur = limit.rlim_max;
	REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void listen_all(void)
{
	for (int i = 0; i < LISTENERS; i++) {
		struct sockaddr_in *a = &listeners.address[i];
		socklen_t size = sizeof *a;

		*a = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		listeners.fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		REQUIRE_EQ(bind(listeners.fd[i], (struct sockaddr *)a, size), 0);
		REQUIRE_EQ(listen(listeners.fd[i], EACH), 0);
		REQUIRE_EQ(getsockname(listeners.fd[i], (struct sockaddr *)a, &size), 0);
	}
}

static int serve_fn(weft_call *call, const void *arg, void *result)
{
	int fd = *(const int *)arg;
	uint64_t number = 0;
	ssize_t n;

	(void)call, (void)result;
	test_add(&shared->served, 1);
	n = weft_recv_full(fd, &number, sizeof number, 0);
	number = ~number;
	if (n == sizeof number)
		n = weft_send_full(fd, &number, sizeof number, 0);
	if (n == sizeof number && !weft_recv(fd, &number, 1, 0))
		test_add(&shared->ended, 1);
	return weft_close(fd);
}

struct server {
	weft_executor *ex;
	int listener; /* its descriptor */
	weft_task task[EACH];
	int fd[EACH];
};

static int accept_fn(weft_call *call, const void *arg, void *result)
{
	struct server *s = *(struct server *const *)arg;

	(void)call, (void)result;
	for (int i = 0; i < EACH; i++) {
		s->fd[i] = weft_accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
		s->task[i] = (weft_task){
			.fn = serve_fn, .arg = &s->fd[i], .arg_size = sizeof(int), .name = "serve"};
		if (s->fd[i] < 0 || weft_submit(s->ex, &s->task[i]))
			return -EIO;
	}
	return 0;
}

static _Noreturn void be_server(const char *spec)
{
	static struct server servers[LISTENERS], *arg[LISTENERS];
	static weft_task accepting[LISTENERS];
	weft_executor *ex = NULL;
	int err = weft_executor_open(&ex, spec);

	for (int i = 0; i < LISTENERS && !err; i++) {
		arg[i] = &servers[i];
		servers[i].ex = ex;
		servers[i].listener = listeners.fd[i];
		accepting[i] = (weft_task){.fn = accept_fn, .arg = &arg[i], .arg_size = sizeof arg[i]};
		err = weft_submit(ex, &accepting[i]);
	}
	for (int i = 0; i < LISTENERS && !err; i++)
		err = weft_future_wait(weft_task_future(&accepting[i]), test_soon());
	weft_executor_free(ex);
	_exit(err || test_get(&shared->ended) != MANY);
}

struct client {
	struct crowd *crowd;
	int fd;
	uint64_t number;
};

static int connect_fn(weft_call *call, const void *arg, void *result)
{
	struct client *c = *(struct client *const *)arg;
	const struct sockaddr_in *a = &listeners.address[c->number % LISTENERS];

	(void)call, (void)result;
	for (int i = 0; i < EACH; i++, c += LISTENERS) {
		int err;

		c->fd = weft_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		err = c->fd < 0 ? c->fd : weft_connect(c->fd, (const struct sockaddr *)a, sizeof *a);
		if (err)
			return err;
	}
	return 0;
}

static int ask_fn(weft_call *call, const void *arg, void *result)
{
	struct client *c = *(struct client *const *)arg;
	uint64_t answer = 0;
	int err = wait_at_gate_fn(call, &c->crowd, result);

	if (err || weft_send_full(c->fd, &c->number, sizeof answer, 0) != sizeof answer ||
	    weft_recv_full(c->fd, &answer, sizeof answer, 0) != sizeof answer)
		return err ? err : -EIO;
	return answer == ~c->number ? weft_close(c->fd) : -EBADMSG;
}

static void be_client(weft_executor *ex, struct client *clients)
{
	struct client **arg = calloc(MANY, sizeof(struct client *));
	weft_task *connecting = new_tasks(LISTENERS, connect_fn, NULL, sizeof *arg);
	weft_task *asking = new_tasks(MANY, ask_fn, NULL, sizeof *arg);
	weft_executor *other = NULL;
	struct test_hold hold;
	struct crowd crowd = {0};

	REQUIRE(arg);
	for (int i = 0; i < MANY; i++) {
		arg[i] = &clients[i];
		clients[i] = (struct client){.crowd = &crowd, .number = (uint64_t)i};
		asking[i].arg = &arg[i];
		if (i < LISTENERS)
			connecting[i].arg = &arg[i];
	}
	REQUIRE_EQ(weft_executor_open(&other, "threads:1"), 0);
	test_hold_begin(&hold, other, 1);
	crowd.gate = weft_task_future(&hold.task[0]);
	submit_all(ex, connecting, LISTENERS);
	check_all(connecting, LISTENERS, 0);
	submit_all(ex, asking, (unsigned)MANY);
	/* All are there, at both ends, and nobody has gone. */
	CHECK(test_await(&shared->served, MANY));
	CHECK(test_await(&crowd.started, MANY));
	CHECK_EQ(test_get(&shared->ended), 0);
	CHECK_EQ(test_get(&crowd.ended), 0);
	test_hold_end(&hold);
	check_all(asking, (unsigned)MANY, 0);
	weft_executor_free(other);
	free(connecting);
	free(asking);
	free(arg);
}

static void ten_thousand(int engine)
{
	struct client *clients = calloc(MANY, sizeof *clients);
	weft_executor *ex;
	char spec[64];
	int status = -1;
	pid_t pid;

	allow_descriptors();
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(clients && shared != MAP_FAILED);
	listen_all();
	snprintf(spec, sizeof spec, "uring:2,engine=%s", engines[engine]);
	pid = fork();
	if (!pid)
		be_server(spec);
	for (int i = 0; i < LISTENERS; i++)
		close(listeners.fd[i]);
	ex = open_with("2", engines[engine], "");
	be_client(ex, clients);
	weft_executor_free(ex);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(shared->ended, MANY);
	munmap(shared, sizeof *shared);
	free(clients);
}

TEST(ten_thousand_connections_at_once)
{
	need_io_uring();
	ten_thousand(0);
}

TEST(ten_thousand_connections_at_once_on_epoll)
{
	ten_thousand(1);
}

/* ---- Lanes ---- */

static int which_lane_fn(weft_call *call, const void *arg, void *result)
{
	*(pid_t *)result = gettid();
	return wait_at_gate_fn(call, arg, NULL);
}

/* One by one, so that both lanes sleep when a task comes: it goes where there are fewer. */
TEST(tasks_are_shared_out)
{
	enum { N = 200 };

	for (int e = first_engine(); e < 2; e++) {
		weft_executor *ex = open_with("2", engines[e], ""), *other = NULL;
		struct test_hold hold;
		struct crowd crowd = {0}, *c = &crowd;
		static pid_t lane[N];
		weft_task *t = new_tasks(N, which_lane_fn, &c, sizeof c);
		int first = 0;

		REQUIRE_EQ(weft_executor_open(&other, "threads:1"), 0);
		test_hold_begin(&hold, other, 1);
		crowd.gate = weft_task_future(&hold.task[0]);
		for (int i = 0; i < N; i++) {
			t[i].result = &lane[i];
			t[i].result_size = sizeof lane[i];
			REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
			REQUIRE(test_await(&crowd.started, (uint32_t)i + 1));
		}
		test_hold_end(&hold);
		check_all(t, N, 0);
		for (int i = 0; i < N; i++)
			first += lane[i] == lane[0];
		CHECK(first >= N / 4 && first <= N - N / 4);
		weft_executor_free(ex);
		weft_executor_free(other);
		free(t);
	}
}

/* Holds up its lane until all the others have run, those too that it has submitted itself. */
struct blocker {
	weft_executor *ex;
	uint32_t ready, ran;
	weft_task own[50];
};

static int ran_fn(weft_call *call, const void *arg, void *result)
{
	struct blocker *b = *(struct blocker *const *)arg;

	(void)call, (void)result;
	test_add(&b->ran, 1);
	return weft_yield();
}

static int block_fn(weft_call *call, const void *arg, void *result)
{
	struct blocker *b = *(struct blocker *const *)arg;

	(void)call, (void)result;
	for (int i = 0; i < 50; i++) {
		b->own[i] = (weft_task){.fn = ran_fn, .arg = arg, .arg_size = sizeof b};
		if (weft_submit(b->ex, &b->own[i]))
			return -EIO;
	}
	test_set(&b->ready, 1);
	return test_await(&b->ran, 100) ? 0 : -ETIME;
}

TEST(a_lane_that_is_held_up_holds_up_no_tasks_that_wait_to_start)
{
	for (int e = first_engine(); e < 2; e++) {
		weft_executor *ex = open_with("2", engines[e], "");
		struct blocker blocker = {.ex = ex}, *b = &blocker;
		weft_task block = {.fn = block_fn, .arg = &b, .arg_size = sizeof b};
		weft_task *t = new_tasks(50, ran_fn, &b, sizeof b);

		REQUIRE_EQ(weft_submit(ex, &block), 0);
		REQUIRE(test_await(&blocker.ready, 1));
		submit_all(ex, t, 50);
		test_wait(weft_task_future(&block));
		CHECK_EQ(weft_future_status(weft_task_future(&block)), 0);
		check_all(t, 50, 0);
		check_all(blocker.own, 50, 0);
		weft_executor_free(ex);
		free(t);
	}
}
