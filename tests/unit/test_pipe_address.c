/* SPDX-License-Identifier: MIT
 *
 * test_pipe_address.c -- addresses as texts, and the files of unix sockets.
 */
#include "pipe_kit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int parse(const char *text)
{
	struct weft__address a;

	return weft__address_parse(text, &a);
}

TEST(addresses_are_read_strictly)
{
	static const char *const bad[] = {
		"",        "unix",    "unix:",      "unix:@",   "tcp:",       "tcp::",     "tcp:h",
		"tcp:h:",  "tcp::80", "tcp:h:x",    "tcp:h:-1", "tcp:h: 1",   "tcp:a:b:1", "tcp:[]:1",
		"udp:h:1", "Tcp:h:1", "tcp:[::1]1", "/tmp/x",   "tcp:h:0x10", "tcp:h:80 "};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_EQ(parse(bad[i]), -EINVAL);
	CHECK_EQ(parse("tcp:h:65536"), -ERANGE);
	CHECK_EQ(parse("tcp:h:99999999999999999999"), -ERANGE);
	CHECK_EQ(parse("tcp:h:65535"), 0);
	CHECK_EQ(parse("tcp:[::1]:0"), 0);
	CHECK_EQ(parse("unix:x"), 0);
	CHECK_EQ(parse("unix:@x"), 0);
}

TEST(too_long_names_are_refused)
{
	char text[400];

	for (size_t n = 106; n <= 110; n++) {
		snprintf(text, sizeof text, "unix:/%0*d", (int)n - 1, 0);
		CHECK_EQ(parse(text), n <= 107 ? 0 : -ENAMETOOLONG);
		text[5] = '@';
		CHECK_EQ(parse(text), n <= 107 ? 0 : -ENAMETOOLONG);
	}
	for (size_t n = 254; n <= 257; n++) {
		snprintf(text, sizeof text, "tcp:%0*d:1", (int)n, 0);
		CHECK_EQ(parse(text), n <= 255 ? 0 : -ENAMETOOLONG);
	}
}

TEST(a_name_as_long_as_may_be_works)
{
	char text[128];
	weft_pipe *p[2];

	snprintf(text, sizeof text, "unix:@%0106d", getpid());
	kit_pair(text, NULL, p);
	kit_close(p);
}

/* ---- Files ---- */

static const char *path(void)
{
	return kit_unix() + 5;
}

static bool is_there(void)
{
	struct stat st;

	return !lstat(path(), &st);
}

TEST(the_file_is_the_users_own_and_goes_away)
{
	weft_listener *l;
	struct stat st;
	mode_t old = umask(0);

	l = kit_listen(kit_unix(), NULL);
	umask(old);
	CHECK_EQ(lstat(path(), &st), 0);
	CHECK(S_ISSOCK(st.st_mode));
	CHECK_EQ(st.st_mode & 07777, 0600);
	weft_listener_close(l);
	CHECK(!is_there());
}

TEST(a_place_in_use_stays_so)
{
	weft_listener *l = kit_listen(kit_unix(), NULL), *more = NULL;
	weft_pipe *p[2];

	CHECK_EQ(weft_listen(&more, kit_unix(), NULL), -EADDRINUSE);
	CHECK(!more && is_there());
	weft_listener_close(l);
	kit_pair(kit_unix(), NULL, p);
	kit_close(p);
	l = kit_listen("unix:@weft in use", NULL);
	CHECK_EQ(weft_listen(&more, "unix:@weft in use", NULL), -EADDRINUSE);
	weft_listener_close(l);
	l = kit_listen(KIT_TCP, NULL);
	CHECK_EQ(weft_listen(&more, weft_listener_address(l), NULL), -EADDRINUSE);
	weft_listener_close(l);
	CHECK(!more);
}

/* Whatever it is: only what is surely nobody's any more is removed. */
TEST(what_is_no_socket_is_not_removed)
{
	weft_listener *l = NULL;
	int fd = open(path(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	REQUIRE(fd >= 0);
	close(fd);
	CHECK_EQ(weft_listen(&l, kit_unix(), NULL), -EADDRINUSE);
	CHECK(is_there());
	unlink(path());
	REQUIRE_EQ(symlink("nowhere", path()), 0);
	CHECK_EQ(weft_listen(&l, kit_unix(), NULL), -EADDRINUSE);
	CHECK(is_there());
	unlink(path());
	REQUIRE_EQ(mkdir(path(), 0700), 0);
	CHECK_EQ(weft_listen(&l, kit_unix(), NULL), -EADDRINUSE);
	rmdir(path());
	CHECK(!l);
}

/* A socket of another type, in use: connect says so. */
TEST(a_socket_of_another_type_is_not_removed)
{
	struct weft__address a;
	weft_listener *l = NULL;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	REQUIRE_EQ(weft__address_parse(kit_unix(), &a), 0);
	REQUIRE_EQ(bind(fd, (struct sockaddr *)&a.un, a.un_size), 0);
	CHECK_EQ(weft_listen(&l, kit_unix(), NULL), -EADDRINUSE);
	CHECK(is_there());
	close(fd);
	unlink(path());
}

TEST(what_a_dead_listener_left_is_replaced)
{
	weft_pipe *p[2];
	int ready[2];
	char c;
	pid_t pid;

	REQUIRE_EQ(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		weft_listener *l;

		if (!weft_listen(&l, kit_unix(), NULL) && write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	REQUIRE_EQ(read(ready[0], &c, 1), 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK(is_there());
	kit_pair(kit_unix(), NULL, p);
	kit_close(p);
	CHECK(!is_there());
	close(ready[0]);
	close(ready[1]);
}

/* The file of another listener, in the same place, is not removed by who comes too late. */
TEST(a_file_that_is_anothers_stays)
{
	weft_listener *l = kit_listen(kit_unix(), NULL), *next;
	weft_pipe *p;
	struct kit_connect c;

	unlink(path());
	next = kit_listen(kit_unix(), NULL);
	weft_listener_close(l);
	CHECK(is_there());
	kit_connect_begin(&c, kit_unix(), NULL);
	CHECK_EQ(weft_listener_accept(next, &p, test_soon()), 0);
	CHECK_EQ(kit_connect_end(&c), 0);
	weft_pipe_close(p);
	weft_pipe_close(c.pipe);
	weft_listener_close(next);
	CHECK(!is_there());
}

/* Waits for start to be closed, then tries to have the place. */
static _Noreturn void race(const int start[2], int won)
{
	weft_listener *l;
	char c;
	int err;

	close(start[1]);
	err = read(start[0], &c, 1) ? -EIO : weft_listen(&l, kit_unix(), NULL);
	if (!err && write(won, &(pid_t){getpid()}, sizeof(pid_t)) == sizeof(pid_t))
		pause();
	_exit(err == -EADDRINUSE ? 0 : 1);
}

/* Many start at the same moment where a dead one has left a file: exactly one gets the place, and is reached there. */
TEST(one_of_many_gets_the_place)
{
	enum { N = 8, ROUNDS = 10 };
	struct weft__address a;

	REQUIRE_EQ(weft__address_parse(kit_unix(), &a), 0);
	for (int round = 0; round < ROUNDS; round++) {
		int start[2], won[2], fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status;
		pid_t winner;

		REQUIRE_EQ(bind(fd, (struct sockaddr *)&a.un, a.un_size), 0);
		close(fd);
		REQUIRE(!pipe2(start, O_CLOEXEC) && !pipe2(won, O_CLOEXEC));
		for (int i = 0; i < N; i++)
			if (!fork())
				race(start, won[1]);
		close(start[0]);
		close(start[1]);
		for (int i = 0; i < N - 1; i++) {
			REQUIRE(wait(&status) > 0);
			CHECK_EQ(status, 0);
		}
		REQUIRE_EQ(read(won[0], &winner, sizeof winner), sizeof winner);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		CHECK_EQ(connect(fd, (struct sockaddr *)&a.un, a.un_size), 0);
		close(fd);
		kill(winner, SIGKILL);
		CHECK_EQ(waitpid(winner, NULL, 0), winner);
		close(won[0]);
		close(won[1]);
		unlink(path());
	}
}

static void *listen_main(void *ret)
{
	return (void *)(intptr_t)weft_listen(ret, kit_unix(), NULL);
}

/* Who holds the directory's lock is waited for: nothing is looked at or made meanwhile. */
TEST(a_lock_is_respected)
{
	int dir = open(test_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	weft_listener *l = NULL;
	pthread_t thread;
	weft_time begun = weft_now();
	bool there;
	void *err;

	kit_unix();
	REQUIRE_EQ(flock(dir, LOCK_EX), 0);
	REQUIRE_EQ(pthread_create(&thread, NULL, listen_main, &l), 0);
	test_sleep_ms(20);
	there = is_there();
	if (weft_now() - begun < WEFT_MS(80)) /* else it may have gone on without */
		CHECK(!there);
	close(dir);
	pthread_join(thread, &err);
	CHECK(!err);
	weft_listener_close(l);
}

/* Somebody sits on the directory's lock: it takes a moment longer, no more. */
TEST(a_lock_that_is_held_does_not_keep_one_out)
{
	int dir = open(test_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	weft_listener *l;

	REQUIRE_EQ(flock(dir, LOCK_EX), 0);
	l = kit_listen(kit_unix(), NULL);
	weft_listener_close(l);
	CHECK(!is_there());
	close(dir);
}

TEST(no_such_directory)
{
	weft_listener *l = NULL;
	char text[128];

	snprintf(text, sizeof text, "unix:%s/none/socket", test_dir());
	CHECK_EQ(weft_listen(&l, text, NULL), -ENOENT);
	CHECK(!l);
}
