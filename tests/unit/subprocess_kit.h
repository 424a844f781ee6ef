/* SPDX-License-Identifier: MIT
 *
 * subprocess_kit.h -- what the tests of programs have in common. SUBPROCESS_PROBE is the path of subprocess_probe.c.
 */
#ifndef TESTS_UNIT_SUBPROCESS_KIT_H
#define TESTS_UNIT_SUBPROCESS_KIT_H

#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/weft.h>

#define ARGV(...)  ((const char *const[]){__VA_ARGS__, NULL})
#define PROBE(...) ARGV(SUBPROCESS_PROBE, __VA_ARGS__)
#define SH(script) ARGV("sh", "-c", script)

static inline weft_subprocess *start(const char *const argv[], const struct weft_subprocess_opts *opts)
{
	weft_subprocess *p = NULL;

	REQUIRE_EQ(weft_subprocess_start(&p, argv, opts), 0);
	return p;
}

/* It has to end by itself. */
static inline int code_of(weft_subprocess *p)
{
	int code = -1000;

	REQUIRE_EQ(weft_subprocess_wait(p, &code, test_soon()), 0);
	return code;
}

/* What it writes to out; it has to succeed. */
static inline struct weft_output output_of(const char *const argv[], const struct weft_subprocess_opts *opts)
{
	struct weft_output o;

	REQUIRE_EQ(weft_subprocess_run(argv, opts, NULL, 0, &o, test_soon()), 0);
	REQUIRE_EQ(o.code, 0);
	return o;
}

static inline bool says(const char *const argv[], const struct weft_subprocess_opts *opts,
			const char *expected)
{
	struct weft_output o = output_of(argv, opts);
	bool same = !strcmp(o.out, expected);

	if (!same)
		fprintf(stderr, "it says: %s", (char *)o.out);
	weft_output_free(&o);
	return same;
}

/* No child is left, not even a zombie. */
static inline bool no_child(void)
{
	return waitpid(-1, NULL, WNOHANG | __WALL) < 0 && errno == ECHILD;
}

/* The first line of what comes from out, without its end. */
static inline void read_line(weft_subprocess *p, char *ret, size_t room)
{
	size_t n = 0;

	while (n + 1 < room && weft_read(weft_subprocess_fd(p, 1), ret + n, 1) == 1 && ret[n] != '\n')
		n++;
	ret[n] = '\0';
}

/* Is it gone, or a zombie? Waits for that, 20 s at most. */
static inline bool is_gone(pid_t pid)
{
	char path[32], state[256];

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	for (weft_time end = test_soon(); weft_now() < end; test_sleep_ms(1)) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? 0 : read(fd, state, sizeof state - 1);
		const char *after_name;

		if (fd >= 0)
			close(fd);
		state[n > 0 ? n : 0] = '\0';
		after_name = strrchr(state, ')');
		if (!after_name || after_name[2] == 'Z' || after_name[2] == 'X')
			return true;
	}
	return false;
}

#endif
