/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "stack.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 200 };

static struct weft__stacks stacks;

TEST(stacks_do_not_overlap)
{
	static struct weft__stack s[MANY];
	bool shifted = false;

	weft__stacks_init(&stacks, WEFT__STACK_SIZE_MIN);
	for (int i = 0; i < MANY; i++) {
		REQUIRE_EQ(weft__stack_new(&stacks, &s[i]), 0);
		memset(s[i].low, i, s[i].size);
		CHECK(s[i].size > WEFT__STACK_SIZE_MIN - 4096 && s[i].size <= WEFT__STACK_SIZE_MIN);
		shifted |= s[i].size != s[0].size;
	}
	for (int i = 0; i < MANY; i++)
		CHECK(s[i].low[0] == (char)i && s[i].low[s[i].size - 1] == (char)i);
	CHECK(shifted);
	weft__stacks_fini(&stacks);
}

TEST(sizes_are_whole_pages)
{
	struct weft__stack s;

	weft__stacks_init(&stacks, 20001);
	CHECK_EQ(stacks.size, 20480);
	REQUIRE_EQ(weft__stack_new(&stacks, &s), 0);
	CHECK(s.size <= 20480);
	weft__stacks_fini(&stacks);
}

static void on_segv(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	_exit(weft__stack_guards(&stacks, info->si_addr) ? 42 : 43);
}

/* What a process ends with that writes below the stack. */
static int overrun(struct weft__stack *s)
{
	struct sigaction action = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO};
	pid_t pid = fork();
	int status = 0;

	if (!pid) {
		sigaction(SIGSEGV, &action, NULL);
		*(volatile char *)(s->low - 1) = 1;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void check_guards(bool protected)
{
	struct weft__stack s[70];

	weft__stacks_init(&stacks, WEFT__STACK_SIZE_DEFAULT);
	stacks.protected |= protected; /* it is where nobody takes advice */
	for (int i = 0; i < 70; i++)
		REQUIRE_EQ(weft__stack_new(&stacks, &s[i]), 0);
	CHECK_EQ(overrun(&s[0]), 42);
	CHECK_EQ(overrun(&s[1]), 42);
	CHECK_EQ(overrun(&s[69]), 42);
	CHECK(!weft__stack_guards(&stacks, s[1].low));
	CHECK(!weft__stack_guards(&stacks, &stacks));
	weft__stacks_fini(&stacks);
}

TEST(below_each_stack_is_a_guard)
{
	check_guards(false);
}

TEST(guards_of_old_kernels_guard_too)
{
	check_guards(true);
}

TEST(when_the_guards_are_used_up_others_still_get_memory)
{
	struct weft__stack s;
	size_t n = 0;
	int err;

	weft__stacks_init(&stacks, WEFT__STACK_SIZE_MIN);
	stacks.protected = true;
	while (!(err = weft__stack_new(&stacks, &s)) && n < 1000000)
		n++;
	if (!err)
		SKIP("this system sets no limit");
	CHECK_EQ(err, -ENOMEM);
	CHECK(n > 1000);
	CHECK(strstr(weft__stacks_full(&stacks), "vm.max_map_count") != NULL);
	for (int i = 0; i < 100; i++) { /* each a mapping of its own */
		void *p = malloc(1 << 20);

		CHECK(p != NULL);
		free(p);
	}
	weft__stacks_fini(&stacks);
	weft__stacks_init(&stacks, WEFT__STACK_SIZE_MIN);
	stacks.protected = true;
	CHECK_EQ(weft__stack_new(&stacks, &s), 0);
	weft__stacks_fini(&stacks);
}
