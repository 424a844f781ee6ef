/* SPDX-License-Identifier: MIT
 *
 * test_queue_file.c -- queues with a name: what is shared by it, and what is refused. Any bytes: fuzz_queue.c.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/queue.h>

#include "queue_parts.h"

/* Of this process, so that tests do not meet. */
static const char *name(void)
{
	static char text[64];

	snprintf(text, sizeof text, "test-%d", (int)getpid());
	return text;
}

static const char *path(void)
{
	static char text[128];

	snprintf(text, sizeof text, "/dev/shm/weft-queue.%s", name());
	return text;
}

static const struct weft_queue_opts small = {.size = sizeof small, .capacity = 4, .message_size = 16};

static weft_queue *opened(const struct weft_queue_opts *o)
{
	weft_queue *q = NULL;

	REQUIRE_EQ(weft_queue_open(&q, name(), o), 0);
	return q;
}

TEST(names_are_checked)
{
	char longest[WEFT_QUEUE_NAME_MAX + 2];
	weft_queue *q = (weft_queue *)&longest;
	const char *bad[] = {NULL, "", ".x", "a/b", "../x", "a b", "\xc3\xa4"};

	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		CHECK_EQ(weft_queue_open(&q, bad[i], &small), -EINVAL);
		CHECK_EQ(weft_queue_unlink(bad[i]), -EINVAL);
	}
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = 0;
	CHECK_EQ(weft_queue_open(&q, longest, &small), -EINVAL);
	longest[sizeof longest - 2] = 0;
	CHECK_EQ(weft_queue_open(&q, longest, NULL), -ENOENT);
	CHECK_EQ(weft_queue_unlink(longest), -ENOENT);
	CHECK_EQ(weft_queue_open(NULL, "x", &small), -EINVAL);
	CHECK(q == (weft_queue *)&longest);
}

TEST(opts_are_checked)
{
	struct weft_queue_opts o = small;
	weft_queue *q;

	o.region = (weft_region *)&o;
	CHECK_EQ(weft_queue_open(&q, name(), &o), -EINVAL);
	o = small;
	o.message_size = WEFT_QUEUE_MESSAGE_MAX + 1;
	CHECK_EQ(weft_queue_open(&q, name(), &o), -ERANGE);
	CHECK_EQ(weft_queue_open(&q, name(), NULL), -ENOENT);
}

TEST(two_handles_are_one_queue)
{
	weft_queue *a = opened(&small), *b = opened(NULL), *c;
	struct weft_queue_opts larger = small;
	struct weft_queue_usage s;
	struct stat file;
	char m[16];

	REQUIRE_EQ(stat(path(), &file), 0);
	CHECK_EQ(file.st_mode & 07777, 0600);
	CHECK_EQ(weft_queue_put(a, "hello", 5, 0), 0);
	CHECK_EQ(weft_queue_get(b, m, sizeof m, 0), 5);
	CHECK(!memcmp(m, "hello", 5));
	larger.capacity = 100;
	c = opened(&larger); /* which stays as it is */
	CHECK_EQ(weft_queue_stats(c, &s), 0);
	CHECK_EQ(s.capacity, 4);
	larger.message_size = 17;
	CHECK_EQ(weft_queue_open(&b, name(), &larger), -EMSGSIZE);
	CHECK_EQ(weft_queue_free(a), 0);
	CHECK_EQ(weft_queue_put(b, "x", 1, 0), 0);
	CHECK_EQ(weft_queue_unlink(name()), 0);
	CHECK_EQ(weft_queue_get(c, m, sizeof m, 0), 1); /* without a name it is there all the same */
	CHECK_EQ(weft_queue_open(&a, name(), NULL), -ENOENT);
	CHECK_EQ(weft_queue_free(b), 0);
	CHECK_EQ(weft_queue_free(c), 0);
}

/* It stays, with what is in it, though all that had it were killed. */
TEST(outlives_its_users)
{
	weft_queue *q;
	char m[16];
	int status;
	pid_t pid = fork();

	if (!pid) {
		char of_parent[64];
		snprintf(of_parent, sizeof of_parent, "test-%d", (int)getppid());
		if (weft_queue_open(&q, of_parent, &small) || weft_queue_put(q, "left", 4, 0))
			_exit(1);
		raise(SIGKILL);
	}
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	q = opened(NULL);
	CHECK_EQ(weft_queue_get(q, m, sizeof m, 0), 4);
	CHECK_EQ(weft_queue_unlink(name()), 0);
	CHECK_EQ(weft_queue_free(q), 0);
}

/* ---- Files that are refused ---- */

static int try_open(void)
{
	weft_queue *q;
	int err = weft_queue_open(&q, name(), NULL);

	if (!err)
		weft_queue_free(q);
	return err;
}

/* Writes over a good file, opens it, and puts back what was there. */
static int with_bytes(off_t at, const void *bytes, size_t n)
{
	char before[64];
	int fd = open(path(), O_RDWR | O_CLOEXEC), err;

	REQUIRE(fd >= 0 && pread(fd, before, n, at) == (ssize_t)n && pwrite(fd, bytes, n, at) == (ssize_t)n);
	err = try_open();
	REQUIRE_EQ(pwrite(fd, before, n, at), n);
	close(fd);
	CHECK_EQ(try_open(), 0);
	return err;
}

static int with_u32(off_t at, uint32_t x)
{
	return with_bytes(at, &x, sizeof x);
}

static int with_u64(off_t at, uint64_t x)
{
	return with_bytes(at, &x, sizeof x);
}

/* magic 0, version 8, machine 12, processes 16, size 24, message_size 32, units 40, capacity 44 */
TEST(damaged_heads_are_refused)
{
	weft_queue *q = opened(&small);

	CHECK_EQ(with_bytes(0, "weftQ", 5), -EBADMSG);
	CHECK_EQ(with_u32(8, 2), -ESTALE);
	CHECK_EQ(with_u32(12, 0x01040001), -ESTALE);
	CHECK_EQ(with_u64(16, 7), -ESTALE);
	CHECK_EQ(with_u64(24, 0), -EBADMSG);
	CHECK_EQ(with_u64(24, UINT64_MAX), -EBADMSG);
	CHECK_EQ(with_u64(32, 0), -EBADMSG);
	CHECK_EQ(with_u64(32, 1000), -EBADMSG); /* more than fits */
	CHECK_EQ(with_u64(32, UINT64_MAX), -EBADMSG);
	CHECK_EQ(with_u32(40, 0), -EBADMSG);
	CHECK_EQ(with_u32(40, 17), -EBADMSG);
	CHECK_EQ(with_u32(40, 1u << 31), -EBADMSG);
	CHECK_EQ(with_u32(40, 1024), -EBADMSG); /* more than the file has */
	CHECK_EQ(with_u32(44, 0), -EBADMSG);
	CHECK_EQ(with_u32(44, UINT32_MAX), -EBADMSG);
	CHECK_EQ(weft_queue_unlink(name()), 0);
	CHECK_EQ(weft_queue_free(q), 0);
}

TEST(files_of_a_wrong_length_are_refused)
{
	weft_queue *q = opened(&small);
	struct stat file;

	REQUIRE_EQ(stat(path(), &file), 0);
	CHECK_EQ(weft_queue_free(q), 0);
	for (int i = 0; i < 4; i++) {
		const off_t length[] = {0, 20, file.st_size - 1, file.st_size + 4096};
		REQUIRE_EQ(truncate(path(), length[i]), 0);
		CHECK_EQ(try_open(), -EBADMSG);
		REQUIRE_EQ(truncate(path(), file.st_size), 0);
		if (i < 2) { /* the head is gone */
			CHECK_EQ(weft_queue_unlink(name()), 0);
			CHECK_EQ(weft_queue_free(opened(&small)), 0);
		}
	}
	CHECK_EQ(weft_queue_unlink(name()), 0);
}

TEST(what_others_may_open_is_refused)
{
	weft_queue *q = opened(&small);
	const mode_t open_to_others[] = {0640, 0604, 0620, 0601};

	for (unsigned i = 0; i < 4; i++) {
		REQUIRE_EQ(chmod(path(), open_to_others[i]), 0);
		CHECK_EQ(try_open(), -EPERM);
	}
	REQUIRE_EQ(chmod(path(), 0600), 0);
	CHECK_EQ(try_open(), 0);
	if (!geteuid()) { /* as root one may open it, but it is not one's own */
		REQUIRE_EQ(chown(path(), 12345, 12345), 0);
		CHECK_EQ(try_open(), -EPERM);
	}
	CHECK_EQ(weft_queue_unlink(name()), 0);
	CHECK_EQ(weft_queue_free(q), 0);
}

TEST(what_is_no_file_is_refused)
{
	char other[160];

	REQUIRE_EQ(mkfifo(path(), 0600), 0);
	CHECK_EQ(try_open(), -EPERM);
	CHECK_EQ(weft_queue_unlink(name()), 0);
	snprintf(other, sizeof other, "%s/x", test_dir());
	REQUIRE_EQ(symlink(other, path()), 0);
	CHECK_EQ(try_open(), -EPERM);
	CHECK_EQ(weft_queue_unlink(name()), 0);
	REQUIRE_EQ(mkdir(path(), 0700), 0);
	CHECK_EQ(try_open(), -EPERM);
	REQUIRE_EQ(rmdir(path()), 0);
}

/* ---- Many that open it at once ---- */

TEST(made_by_many_it_is_one)
{
	enum { MANY = 4, ROUNDS = 20 };
	char m[16], of_parent[64];
	int status;

	snprintf(of_parent, sizeof of_parent, "%s", name());
	for (int round = 0; round < ROUNDS; round++) {
		weft_queue *q;
		pid_t pid[MANY];

		for (int i = 0; i < MANY; i++) {
			pid[i] = fork();
			if (!pid[i])
				_exit(weft_queue_open(&q, of_parent, &small) || weft_queue_put(q, "x", 1, 0));
		}
		for (int i = 0; i < MANY; i++) {
			REQUIRE_EQ(waitpid(pid[i], &status, 0), pid[i]);
			CHECK_EQ(status, 0);
		}
		q = opened(NULL);
		for (int i = 0; i < MANY; i++)
			CHECK_EQ(weft_queue_try_get(q, m, sizeof m), 1);
		CHECK_EQ(weft_queue_unlink(name()), 0);
		CHECK_EQ(weft_queue_free(q), 0);
	}
}
