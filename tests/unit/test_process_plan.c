/* SPDX-License-Identifier: MIT
 *
 * test_process_plan.c -- a plan lists so many files and no more, each once; nobody but its pool can write it; a copy
 * takes its place.
 */
#include "harness.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "worker_plan.h"

static int nothing_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

static struct worker_plan *make(int *ret_fd)
{
	struct weft_process_pool_opts o = {
		.slot_size = 128, .max_cpu = 5, .init_arg = "abc", .init_arg_size = 4};
	struct worker_plan *plan = NULL;
	*ret_fd = plan_create(&plan, &o);
	REQUIRE(*ret_fd >= 0);
	CHECK_EQ(plan->slot_size, 128);
	CHECK_EQ(plan->max_cpu, 5);
	CHECK_EQ(strcmp(plan->init_arg, "abc"), 0);
	return plan;
}

/* The token of the i-th of many files. */
static struct weft__token token_of(uint32_t i)
{
	struct weft__token t = {.id_len = WEFT__TOKEN_ID_MAX, .offset = i};
	memcpy(t.build_id + 8, &i, sizeof i);
	return t;
}

TEST(files_up_to_the_limit)
{
	int fd;
	struct worker_plan *plan = make(&fd);
	char path[PLAN_PATH + 1];
	struct weft__token t;
	for (uint32_t i = 0; i < PLAN_MODULES; i++) {
		t = token_of(i);
		CHECK(plan_find(plan, &t) == NULL);
		CHECK_EQ(plan_add(plan, &t, "/x"), 0);
		CHECK_EQ(plan_add(plan, &t, "/y"), 0);
		REQUIRE(plan_find(plan, &t) == &plan->module[i]);
	}
	t = token_of(PLAN_MODULES);
	CHECK_EQ(plan_add(plan, &t, "/x"), -ENOEXEC);
	CHECK_EQ(plan_token(plan, nothing_fn, &t), -ENOEXEC);
	CHECK_EQ(strcmp(plan->module[0].path, "/x"), 0);
	plan_destroy(plan);
	close(fd);
	plan = make(&fd);
	memset(path, 'a', sizeof path);
	path[PLAN_PATH] = '\0';
	CHECK_EQ(plan_add(plan, &t, path), -ENOEXEC);
	path[PLAN_PATH - 1] = '\0';
	CHECK_EQ(plan_add(plan, &t, path), 0);
	plan_destroy(plan);
	close(fd);
}

TEST(only_the_pool_writes)
{
	int fd;
	struct worker_plan *plan = make(&fd);
	void *map = mmap(NULL, plan_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map == MAP_FAILED);
	map = mmap(NULL, plan_size(), PROT_READ, MAP_SHARED, fd, 0);
	REQUIRE(map != MAP_FAILED);
	CHECK_EQ(mprotect(map, plan_size(), PROT_READ | PROT_WRITE), -1);
	CHECK_EQ(pwrite(fd, "x", 1, 0), -1);
	CHECK_EQ(ftruncate(fd, 0), -1);
	plan->nice = 7; /* and the others see it */
	CHECK_EQ(((struct worker_plan *)map)->nice, 7);
	munmap(map, plan_size());
	plan_destroy(plan);
	close(fd);
}

TEST(a_copy_has_everything)
{
	int fd;
	struct worker_plan *plan = make(&fd);
	struct weft__token t = token_of(9), own;
	REQUIRE_EQ(plan_add(plan, &t, "/some/file"), 0);
	REQUIRE_EQ(plan_token(plan, nothing_fn, &own), 0);
	close(fd);
	fd = plan_renew(&plan);
	REQUIRE(fd >= 0);
	CHECK_EQ(plan->slot_size, 128);
	CHECK_EQ(strcmp(plan->init_arg, "abc"), 0);
	REQUIRE(plan_find(plan, &t) != NULL);
	CHECK_EQ(strcmp(plan_find(plan, &t)->path, "/some/file"), 0);
	CHECK(plan_find(plan, &own) != NULL);
	plan_destroy(plan);
	close(fd);
}
