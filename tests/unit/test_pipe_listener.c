/* SPDX-License-Identifier: MIT
 *
 * test_pipe_listener.c -- who connects, and where: greeting many, some of whom are slow, silent or strangers.
 */
#include "pipe_kit.h"

#include <netinet/in.h>
#include <sys/wait.h>

static const struct weft_listen_opts with_secret = {
	.size = sizeof with_secret, .secret = "a secret", .secret_size = 8};

/* A bare connection to a listener. */
static int bare(const char *address)
{
	struct weft__address a;
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd;

	REQUIRE_EQ(weft__address_parse(address, &a), 0);
	fd = socket(a.is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	in.sin_port = htons((uint16_t)atoi(a.port));
	REQUIRE_EQ(a.is_unix ? connect(fd, (struct sockaddr *)&a.un, a.un_size)
			     : connect(fd, (struct sockaddr *)&in, sizeof in),
		   0);
	return fd;
}

/* Somebody honest gets in, and what he says is understood. */
static void check_honest(weft_listener *l, const struct weft_listen_opts *opts)
{
	struct kit_connect c;
	weft_pipe *p = NULL;
	char byte = 0;

	kit_connect_begin(&c, weft_listener_address(l), opts);
	CHECK_EQ(weft_listener_accept(l, &p, test_soon()), 0);
	REQUIRE_EQ(kit_connect_end(&c), 0);
	CHECK_EQ(weft_pipe_send(c.pipe, "x", 1, test_soon()), 0);
	CHECK_EQ(weft_pipe_recv(p, &byte, 1, test_soon()), 1);
	CHECK_EQ(byte, 'x');
	weft_pipe_close(p);
	weft_pipe_close(c.pipe);
}

TEST(wrong_options_are_refused)
{
	struct weft_listen_opts o = {.size = sizeof o};
	weft_listener *l = NULL;
	weft_pipe *p = NULL;

	CHECK_EQ(weft_listen(NULL, KIT_TCP, NULL), -EINVAL);
	CHECK_EQ(weft_listen(&l, NULL, NULL), -EINVAL);
	CHECK_EQ(weft_pipe_connect(NULL, KIT_TCP, NULL, 0), -EINVAL);
	CHECK_EQ(weft_pipe_connect(&p, NULL, NULL, 0), -EINVAL);
	o.size = 3;
	CHECK_EQ(weft_listen(&l, KIT_TCP, &o), -EINVAL);
	o = (struct weft_listen_opts){.size = sizeof o, .secret = "x"};
	CHECK_EQ(weft_listen(&l, KIT_TCP, &o), -EINVAL);
	CHECK_EQ(weft_pipe_connect(&p, "tcp:127.0.0.1:1", &o, 0), -EINVAL);
	o = (struct weft_listen_opts){.size = sizeof o, .secret_size = 1};
	CHECK_EQ(weft_listen(&l, KIT_TCP, &o), -EINVAL);
	o = (struct weft_listen_opts){
		.size = sizeof o, .secret = "", .secret_size = WEFT_SECRET_SIZE_MAX + 1};
	CHECK_EQ(weft_listen(&l, KIT_TCP, &o), -ERANGE);
	o = (struct weft_listen_opts){.size = sizeof o, .message_size = WEFT_MESSAGE_SIZE_MAX + 1};
	CHECK_EQ(weft_listen(&l, KIT_TCP, &o), -ERANGE);
	o = (struct weft_listen_opts){.size = sizeof o, .pending = WEFT_PENDING_MAX + 1};
	CHECK_EQ(weft_listen(&l, KIT_TCP, &o), -ERANGE);
	o = (struct weft_listen_opts){.size = sizeof o, .patience = -1};
	CHECK_EQ(weft_listen(&l, KIT_TCP, &o), -ERANGE);
	CHECK(!l && !p);
	CHECK_EQ(weft_listener_accept(NULL, &p, 0), -EINVAL);
	CHECK_EQ(weft_listener_close(NULL), 0);
	CHECK(!weft_listener_address(NULL));
}

TEST(the_largest_options_are_taken)
{
	static char secret[WEFT_SECRET_SIZE_MAX];
	struct weft_listen_opts o = {.size = sizeof o,
				     .pending = WEFT_PENDING_MAX,
				     .secret = secret,
				     .secret_size = sizeof secret,
				     .message_size = WEFT_MESSAGE_SIZE_MAX,
				     .patience = WEFT_FOREVER};
	weft_listener *l = kit_listen(KIT_TCP, &o);

	check_honest(l, &o);
	weft_listener_close(l);
}

TEST(connecting_where_nobody_is)
{
	weft_pipe *p = NULL;
	weft_listener *l = kit_listen(KIT_TCP, NULL);
	char gone[64];

	snprintf(gone, sizeof gone, "%s", weft_listener_address(l));
	CHECK_EQ(weft_listener_accept(l, &p, 0), -ETIMEDOUT);
	weft_listener_close(l);
	CHECK_EQ(weft_pipe_connect(&p, gone, NULL, test_soon()), -ECONNREFUSED);
	CHECK_EQ(weft_pipe_connect(&p, kit_unix(), NULL, test_soon()), -ENOENT);
	CHECK_EQ(weft_pipe_connect(&p, "unix:@weft nobody", NULL, test_soon()), -ECONNREFUSED);
	CHECK_EQ(weft_pipe_connect(&p, KIT_TCP, NULL, test_soon()), -EINVAL); /* port 0 */
	CHECK(!p);
}

/* Nobody accepts: a connection is there, but not who is at its end. */
TEST(connecting_has_a_deadline)
{
	weft_listener *l = kit_listen(kit_unix(), NULL);
	weft_pipe *p = NULL;

	CHECK_EQ(weft_pipe_connect(&p, kit_unix(), NULL, weft_after(WEFT_MS(20))), -ETIMEDOUT);
	CHECK(!p);
	check_honest(l, NULL);
	weft_listener_close(l);
}

TEST(every_kind_of_address_works)
{
	static const char *const all[] = {"unix:@weft every kind", "tcp:127.0.0.1:0", "tcp:localhost:0",
					  "tcp:[::1]:0"};
	weft_listener *l;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		int err = weft_listen(&l, all[i], &with_secret);

		if (i == 3 && (err == -EADDRNOTAVAIL || err == -EAFNOSUPPORT))
			continue; /* a machine without IPv6 */
		REQUIRE_EQ(err, 0);
		check_honest(l, &with_secret);
		if (!i)
			CHECK(!strcmp(weft_listener_address(l), all[i]));
		else
			CHECK(strcmp(weft_listener_address(l), all[i]) &&
			      !strncmp(weft_listener_address(l), "tcp:", 4));
		weft_listener_close(l);
	}
}

/* Nobody is let in, and who wanted to hears so. */
static void check_refused(weft_listener *l, struct kit_connect *c)
{
	weft_pipe *p = NULL;

	while (pthread_tryjoin_np(c->thread, NULL))
		CHECK_EQ(weft_listener_accept(l, &p, weft_after(WEFT_MS(10))), -ETIMEDOUT);
	CHECK_EQ(c->err, -EACCES);
	CHECK(!p);
}

/* Who does not know the secret is not let in, hears so, and holds up nobody. */
static void strangers_at(const char *address)
{
	static const struct weft_listen_opts wrong = {
		.size = sizeof wrong, .secret = "a sekret", .secret_size = 8};
	const struct weft_listen_opts *const strangers[] = {&wrong, NULL};
	weft_listener *l = kit_listen(address, &with_secret), *open;
	struct kit_connect c;

	for (int i = 0; i < 2; i++) {
		kit_connect_begin(&c, weft_listener_address(l), strangers[i]);
		check_refused(l, &c);
		check_honest(l, &with_secret);
	}
	weft_listener_close(l);
	open = kit_listen(address, NULL);
	kit_connect_begin(&c, weft_listener_address(open), &with_secret);
	check_refused(open, &c);
	check_honest(open, NULL);
	weft_listener_close(open);
}

TEST(strangers_at_unix)
{
	strangers_at(kit_unix());
}

TEST(strangers_at_tcp)
{
	strangers_at(KIT_TCP);
}

/* A listener that is none of ours. */
TEST(connecting_to_something_else)
{
	struct weft__address a;
	int l = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	struct kit_connect c;
	char hello[HELLO_SIZE];

	REQUIRE_EQ(weft__address_parse(kit_unix(), &a), 0);
	REQUIRE(!bind(l, (struct sockaddr *)&a.un, a.un_size) && !listen(l, 5));
	for (int i = 0; i < 3; i++) {
		kit_connect_begin(&c, kit_unix(), i ? NULL : &with_secret);
		REQUIRE((fd = accept(l, NULL, NULL)) >= 0);
		if (i < 2) {
			kit_put(fd, "220 mail.example.org ESMTP, and more than enough", HELLO_SIZE);
			CHECK_EQ(kit_connect_end(&c), -EPROTO);
		} else {
			REQUIRE_EQ(recv(fd, hello, sizeof hello, MSG_WAITALL), HELLO_SIZE);
			shutdown(fd, SHUT_WR);
			CHECK_EQ(kit_connect_end(&c), -ECONNRESET);
		}
		close(fd);
	}
	close(l);
}

/* Others that stall at every stage do not hold up an honest one; and when their time is over they are dropped. */
static void stallers_at(const char *address)
{
	enum { STALLERS = 8 };
	struct weft_listen_opts o = with_secret;
	struct weft__handshake hand;
	weft_listener *l;
	weft_pipe *p = NULL;
	int fd[STALLERS], before;
	char c;

	o.patience = WEFT_MS(100);
	l = kit_listen(address, &o);
	before = kit_lowest_fd();
	weft__handshake_begin(&hand, false, (const uint8_t[SECRET_KEY_SIZE]){0}, 100);
	for (int i = 0; i < STALLERS; i++) {
		fd[i] = bare(weft_listener_address(l));
		if (i)
			kit_put(fd[i], hand.hello[0], i < 4 ? (size_t)i * 11 : HELLO_SIZE);
		if (i > 5)
			kit_put(fd[i], hand.hello[0], (size_t)i); /* of a proof */
	}
	for (int i = 0; i < 3; i++)
		check_honest(l, &o);
	CHECK_EQ(weft_listener_accept(l, &p, weft_after(WEFT_MS(300))), -ETIMEDOUT);
	for (int i = 0; i < STALLERS; i++) {
		for (char hello[HELLO_SIZE]; recv(fd[i], hello, sizeof hello, MSG_DONTWAIT) > 0;)
			;
		CHECK(recv(fd[i], &c, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET);
		close(fd[i]);
	}
	CHECK_EQ(kit_lowest_fd(), before);
	weft_listener_close(l);
}

TEST(stallers_at_unix)
{
	stallers_at(kit_unix());
}

TEST(stallers_at_tcp)
{
	stallers_at(KIT_TCP);
}

/* More of them than there are places, who would wait for ever: the oldest make room. */
TEST(a_flood_does_not_keep_out_the_honest)
{
	enum { FLOOD = 16 };
	struct weft_listen_opts o = {.size = sizeof o, .pending = 4, .patience = WEFT_FOREVER};
	weft_listener *l = kit_listen(kit_unix(), &o);
	weft_pipe *p = NULL;
	int fd[FLOOD], n_dropped = 0;
	char hello[HELLO_SIZE + 1];

	for (int i = 0; i < FLOOD; i++)
		fd[i] = bare(kit_unix());
	check_honest(l, &o);
	CHECK_EQ(weft_listener_accept(l, &p, 0), -ETIMEDOUT);
	for (int i = 0; i < FLOOD; i++) {
		n_dropped += recv(fd[i], hello, HELLO_SIZE, MSG_WAITALL) == HELLO_SIZE &&
			     recv(fd[i], hello, 1, MSG_DONTWAIT) == 0;
		close(fd[i]);
	}
	CHECK(n_dropped >= FLOOD - 4);
	weft_listener_close(l);
}

/* Though others wait, who has just come has some time. */
TEST(a_newcomer_is_not_dropped_at_once)
{
	struct weft_listen_opts o = {.size = sizeof o, .pending = 2};
	weft_listener *l = kit_listen(kit_unix(), &o);
	struct weft__handshake hand;
	weft_pipe *p = NULL;
	int fd[6];

	for (int i = 0; i < 6; i++)
		fd[i] = bare(kit_unix());
	CHECK_EQ(weft_listener_accept(l, &p, 0), -ETIMEDOUT);
	weft__handshake_begin(&hand, false, NULL, 100);
	kit_put(fd[0], hand.hello[0], HELLO_SIZE);
	CHECK_EQ(weft_listener_accept(l, &p, 0), 0);
	weft_pipe_close(p);
	for (int i = 0; i < 6; i++)
		close(fd[i]);
	weft_listener_close(l);
}

/* A byte at a time is slow, but honest. */
TEST(byte_by_byte_gets_in)
{
	weft_listener *l = kit_listen(kit_unix(), NULL);
	struct weft__handshake hand;
	weft_pipe *p = NULL;
	int fd = bare(kit_unix());
	char got[8];

	weft__handshake_begin(&hand, false, NULL, 100);
	for (int i = 0; i < HELLO_SIZE; i++) {
		CHECK_EQ(weft_listener_accept(l, &p, 0), -ETIMEDOUT);
		kit_put(fd, hand.hello[0] + i, 1);
	}
	REQUIRE_EQ(weft_listener_accept(l, &p, 0), 0);
	kit_put(fd, "\2\0\0\0\1\0\0\0hi\1", 11);
	CHECK_EQ(weft_pipe_recv(p, got, sizeof got, test_soon()), 2);
	weft_pipe_close(p);
	weft_listener_close(l);
	close(fd);
}

/* What was called off goes on in the next call, and the order of those who came is kept. */
TEST(several_are_accepted_in_turn)
{
	enum { N = 6 };
	weft_listener *l = kit_listen(KIT_TCP, &with_secret);
	struct kit_connect c[N];
	weft_pipe *p[N] = {0};

	for (int i = 0; i < N; i++)
		kit_connect_begin(&c[i], weft_listener_address(l), &with_secret);
	for (int i = 0; i < N; i++) {
		int err;

		do
			err = weft_listener_accept(l, &p[i], weft_after(WEFT_US(50)));
		while (err == -ETIMEDOUT);
		REQUIRE_EQ(err, 0);
	}
	for (int i = 0; i < N; i++)
		CHECK_EQ(kit_connect_end(&c[i]), 0);
	for (int i = 0; i < N; i++) {
		weft_pipe_close(p[i]);
		weft_pipe_close(c[i].pipe);
	}
	weft_listener_close(l);
}

/* Those who are through, but more than anybody accepts for now, wait outside and are not lost. */
TEST(more_than_there_are_places_get_in_later)
{
	enum { N = 12 };
	struct weft_listen_opts o = {.size = sizeof o, .pending = 2};
	weft_listener *l = kit_listen(kit_unix(), &o);
	struct kit_connect c[N];
	weft_pipe *p;

	for (int i = 0; i < N; i++)
		kit_connect_begin(&c[i], kit_unix(), NULL);
	for (int i = 0; i < N; i++) {
		REQUIRE_EQ(weft_listener_accept(l, &p, test_soon()), 0);
		weft_pipe_close(p);
	}
	for (int i = 0; i < N; i++) {
		CHECK_EQ(kit_connect_end(&c[i]), 0);
		weft_pipe_close(c[i].pipe);
	}
	weft_listener_close(l);
}

static void *accept_main(void *l)
{
	weft_pipe *p = NULL;
	int err = weft_listener_accept(l, &p, test_soon());

	weft_pipe_close(p);
	return (void *)(intptr_t)err;
}

TEST(many_threads_accept)
{
	enum { N = 4 };
	weft_listener *l = kit_listen(kit_unix(), &with_secret);
	pthread_t thread[N];
	struct kit_connect c[N];
	void *err;

	for (int i = 0; i < N; i++)
		REQUIRE_EQ(pthread_create(&thread[i], NULL, accept_main, l), 0);
	for (int i = 0; i < N; i++)
		kit_connect_begin(&c[i], kit_unix(), &with_secret);
	for (int i = 0; i < N; i++) {
		CHECK_EQ(kit_connect_end(&c[i]), 0);
		weft_pipe_close(c[i].pipe);
		pthread_join(thread[i], &err);
		CHECK_EQ((intptr_t)err, 0);
	}
	weft_listener_close(l);
}

/* In a fork it is not to be used, and its end there is not the end. */
TEST(a_fork_does_not_accept)
{
	weft_listener *l = kit_listen(kit_unix(), NULL);
	pid_t pid = fork();
	int status;

	if (!pid) {
		weft_pipe *p;
		int err = weft_listener_accept(l, &p, 0);

		weft_listener_close(l);
		_exit(err == -ECHILD ? 0 : 1);
	}
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	check_honest(l, NULL);
	weft_listener_close(l);
}

/* Another user: root's processes may, and those of the same user, so this needs root. */
TEST(another_user_needs_the_secret)
{
	weft_listener *l;
	weft_pipe *p = NULL;
	int status;

	if (geteuid())
		SKIP("not root");
	for (int i = 0; i < 2; i++) {
		const struct weft_listen_opts *o = i ? &with_secret : NULL;
		pid_t pid;

		l = kit_listen("unix:@weft another user", o);
		pid = fork();
		if (!pid) {
			int err = setuid(65534)
					  ? 1
					  : weft_pipe_connect(&p, "unix:@weft another user", o, test_soon());
			_exit(err == (i ? 0 : -ECONNRESET) ? 0 : 1);
		}
		CHECK_EQ(weft_listener_accept(l, &p, weft_after(i ? WEFT_SECONDS(20) : WEFT_MS(100))),
			 i ? 0 : -ETIMEDOUT);
		weft_pipe_close(p);
		p = NULL;
		REQUIRE_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
		weft_listener_close(l);
	}
}
