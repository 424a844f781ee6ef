/* SPDX-License-Identifier: MIT
 *
 * The page of figures (core/stats.c) and its reader (tools/top_page.c): which pages are refused, what becomes of one
 * that lies, whose it is after a fork, when it is given back. The watched program is the test itself.
 */
#include "memfd.h"
#include "state.h"
#include "stats.h"
#include "top_figures.h"
#include "top_memfd.h"

#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/weft.h>

static int open_of(pid_t pid, char why[256])
{
	struct top_page *page;
	int err = top_page_open(&page, pid, why, 256);

	if (!err)
		top_page_close(page);
	return err;
}

/* ---- Pages made by hand ---- */

struct forged {
	int fd;
	struct stats_page *page;
};

/* One that would be right. */
static struct forged forge(int seals)
{
	struct forged f = {.fd = memfd_create(STATS_PAGE_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING)};

	REQUIRE(f.fd >= 0);
	REQUIRE_EQ(ftruncate(f.fd, sizeof *f.page), 0);
	f.page = mmap(NULL, sizeof *f.page, PROT_READ | PROT_WRITE, MAP_SHARED, f.fd, 0);
	REQUIRE(f.page != MAP_FAILED);
	f.page->magic = STATS_MAGIC;
	f.page->version = STATS_VERSION;
	f.page->size = sizeof *f.page;
	f.page->pid = (uint32_t)getpid();
	REQUIRE_EQ(fcntl(f.fd, F_ADD_SEALS, seals), 0);
	return f;
}

static void drop(struct forged *f)
{
	munmap(f->page, sizeof *f->page);
	close(f->fd);
}

TEST(a_forged_page_that_is_right_is_read)
{
	struct forged f = forge(F_SEAL_SHRINK);
	char why[256];

	CHECK_EQ(open_of(getpid(), why), 0);
	drop(&f);
	CHECK_EQ(open_of(getpid(), why), -ENOENT);
	CHECK(strstr(why, "no page"));
}

/* It could become shorter while it is read, which would be the end of the reader. */
TEST(a_page_without_a_seal_is_refused)
{
	struct forged f = forge(F_SEAL_GROW);
	char why[256];

	CHECK_EQ(open_of(getpid(), why), -ENOENT);
	drop(&f);
}

TEST(a_page_of_another_kind_is_refused)
{
	struct forged f = forge(F_SEAL_SHRINK);
	char why[256];

	f.page->magic++;
	CHECK_EQ(open_of(getpid(), why), -EPROTO);
	CHECK(strstr(why, "is none"));
	f.page->magic--;
	f.page->version++;
	CHECK_EQ(open_of(getpid(), why), -EPROTO);
	CHECK(strstr(why, "version 3"));
	f.page->version--;
	f.page->size--;
	CHECK_EQ(open_of(getpid(), why), -EPROTO);
	f.page->size++;
	f.page->pid++;
	CHECK_EQ(open_of(getpid(), why), -EPROTO);
	CHECK(strstr(why, "is that of process"));
	drop(&f);
}

static void check_length(off_t size)
{
	struct forged f = forge(0);
	char why[256];

	REQUIRE_EQ(ftruncate(f.fd, size), 0);
	REQUIRE_EQ(fcntl(f.fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	CHECK_EQ(open_of(getpid(), why), -EPROTO);
	drop(&f);
}

TEST(a_page_of_another_length_is_refused)
{
	check_length(0);
	check_length(8);
	check_length(sizeof(struct stats_page) - 1);
	check_length(sizeof(struct stats_page) + 1);
	check_length((off_t)1 << 40);
}

/* All that is not checked when it is opened. */
static void lie(struct stats_page *page)
{
	uint64_t seed = 88172645463325252U;
	uint64_t *word = (uint64_t *)(void *)page->executor;

	for (size_t i = 0; i < (sizeof *page - offsetof(struct stats_page, executor)) / 8; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		word[i] = seed;
	}
	for (int i = 0; i < STATS_EXECUTORS; i++)
		page->executor[i].kind = (uint32_t)i % (STATS_KINDS + 1);
	for (int i = 0; i < STATS_ROWS; i++) {
		page->row[i].kind = (uint32_t)i % (STATS_KINDS + 1);
		page->row[i].executor = i % 7 ? (uint32_t)i % STATS_EXECUTORS : UINT32_MAX;
		page->row[i].id = i % 50 ? 0 : (uint32_t)i;
	}
	page->n_executors = page->n_rows = UINT32_MAX;
	page->made = INT64_MIN;
}

TEST(a_page_that_lies_is_looked_at_within_bounds)
{
	struct forged f = forge(F_SEAL_SHRINK);
	struct top_watch *w = top_watch_new(getpid());
	const struct top_picture *p = NULL;
	struct top_page *page;
	char why[256];

	lie(f.page);
	REQUIRE_EQ(top_page_open(&page, getpid(), why, sizeof why), 0);
	for (int i = 0; i < 2; i++) {
		p = top_watch_look(w, page);
		REQUIRE(p);
		CHECK(p->n <= STATS_EXECUTORS);
	}
	for (unsigned i = 0; i < p->n; i++) {
		CHECK(strlen(p->pool[i].executor->name) < 64);
		for (unsigned k = 0; k < p->pool[i].n; k++)
			for (const char *c = p->pool[i].worker[k].task; *c; c++)
				REQUIRE(*c >= ' ' && *c < 127);
	}
	top_watch_free(w);
	top_page_close(page);
	drop(&f);
}

/* ---- The library's page ---- */

TEST(the_page_goes_with_the_last_executor)
{
	weft_executor *a, *b;
	char why[256];

	REQUIRE_EQ(weft_executor_open(&a, "threads:1"), 0);
	REQUIRE_EQ(weft_executor_open(&b, "threads:1"), 0);
	weft_executor_free(a);
	CHECK_EQ(open_of(getpid(), why), 0);
	weft_executor_free(b);
	CHECK_EQ(open_of(getpid(), why), -ENOENT);
}

TEST(the_environment_switches_the_page_off)
{
	weft_task t = {.fn = test_square_fn, .arg = &(uint64_t){3}, .arg_size = 8};
	static const char *const specs[] = {"threads:1", "uring:1", "processes:1"};
	struct weft_stats s;
	weft_executor *ex;
	char why[256];

	setenv("WEFT_STATS", "off", 1);
	for (int i = 0; i < 3; i++) {
		uint64_t square;

		t.result = &square;
		t.result_size = sizeof square;
		REQUIRE_EQ(weft_executor_open(&ex, specs[i]), 0);
		CHECK_EQ(open_of(getpid(), why), -ENOENT);
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		REQUIRE_EQ(weft_executor_stats(ex, &s), 0);
		CHECK_EQ(s.submitted, 1);
		CHECK_EQ(s.completed, 1);
		weft_executor_free(ex);
	}
}

/* The descriptor is for others, so the program may use its number if it has closed it. */
TEST(a_descriptor_that_was_closed_is_left_alone)
{
	weft_executor *ex;
	int fd;

	REQUIRE_EQ(weft_executor_open(&ex, "threads:1"), 0);
	for (fd = 3; fd < 64; fd++) {
		char link[64] = "", path[32];

		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		if (readlink(path, link, sizeof link - 1) > 0 && strstr(link, STATS_PAGE_NAME))
			break;
	}
	REQUIRE(fd < 64);
	REQUIRE_EQ(dup2(STDERR_FILENO, fd), fd);
	weft_executor_free(ex);
	CHECK(fcntl(fd, F_GETFD) >= 0);
	close(fd);
}

TEST(nobody_else_writes_the_page)
{
	weft_executor *ex;
	char path[64];
	int fd, writable;

	REQUIRE_EQ(weft_executor_open(&ex, "threads:1"), 0);
	fd = top_memfd_open(getpid(), STATS_PAGE_NAME);
	REQUIRE(fd >= 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	writable = open(path, O_RDWR | O_CLOEXEC);
	CHECK(writable < 0 || write(writable, "x", 1) < 0);
	CHECK(writable < 0 || mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, writable, 0) == MAP_FAILED);
	if (writable >= 0)
		close(writable);
	close(fd);
	weft_executor_free(ex);
}

/* ---- Forks ---- */

/* In the child: what its parent's executor counts, and what a task of it would show, goes nowhere. */
static int child(weft_executor *ex)
{
	weft_executor *own;
	char why[256];
	int err;

	if (open_of(getpid(), why) != -ENOENT)
		return 1;
	weft__count_done_shared(ex, -EIO);
	atom_store(&ex->shown->deaths, 77, relaxed);
	weft_executor_free(ex);
	err = weft_executor_open(&own, "threads:1");
	if (err || open_of(getpid(), why))
		return 2;
	weft_executor_free(own);
	return open_of(getpid(), why) == -ENOENT ? 0 : 3;
}

TEST(a_fork_has_a_page_of_its_own)
{
	weft_executor *ex;
	struct top_page *page;
	struct top_look look = {.now = 0};
	char why[256];
	int status;
	pid_t pid;

	if (TEST_UNDER_TSAN)
		SKIP("no threads in forks under TSan");
	REQUIRE_EQ(weft_executor_open(&ex, "threads:1"), 0);
	pid = fork();
	if (!pid)
		_exit(child(ex));
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	REQUIRE_EQ(top_page_open(&page, getpid(), why, sizeof why), 0);
	REQUIRE_EQ(top_page_look(page, &look), 0);
	CHECK_EQ(look.n_executors, 1);
	CHECK_EQ(look.executor[0].counts.failed, 0);
	CHECK_EQ(look.executor[0].deaths, 0);
	top_look_free(&look);
	top_page_close(page);
	weft_executor_free(ex);
}
