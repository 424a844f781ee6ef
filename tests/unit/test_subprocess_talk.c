/* SPDX-License-Identifier: MIT
 *
 * test_subprocess_talk.c -- input and captured output: of any size, both ways, until a deadline, up to a limit.
 */
#include "subprocess_kit.h"

static const struct weft_subprocess_opts all_piped = {.size = sizeof all_piped,
						      .in = {.kind = WEFT_STDIO_PIPE},
						      .out = {.kind = WEFT_STDIO_PIPE},
						      .err = {.kind = WEFT_STDIO_PIPE}};

/* Bytes that do not repeat in step with any buffer. */
static char *text_of(size_t size)
{
	char *text = malloc(size + 1);

	REQUIRE(text != NULL);
	for (size_t i = 0; i < size; i++)
		text[i] = (char)(i * 2654435761u >> 13);
	return text;
}

static void check_both_ways(size_t size, const struct weft_subprocess_opts *opts)
{
	struct weft_output o = {.code = -1};
	char *text = text_of(size);

	CHECK_EQ(weft_subprocess_run(ARGV("cat"), opts, text, size, &o, test_soon()), 0);
	CHECK_EQ(o.code, 0);
	CHECK_EQ(o.out_size, size);
	CHECK(o.out && !memcmp(o.out, text, size));
	CHECK(o.out && !((char *)o.out)[size]);
	weft_output_free(&o);
	CHECK(!o.out && !o.err && !o.out_size);
	weft_output_free(&o);
	weft_output_free(NULL);
	free(text);
}

TEST(any_size_both_ways)
{
	const size_t edges[] = {1, 4096, 16320, 16321, 65536, 65537, 1 << 20, (4 << 20) - 65, (4 << 20) + 1};
	struct weft_subprocess_opts one = {.size = sizeof one, .err = {.kind = WEFT_STDIO_NULL}};

	for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
		check_both_ways(edges[i], NULL);
		check_both_ways(edges[i], &one);
	}
}

TEST(sixty_four_megabytes_both_ways)
{
	check_both_ways((size_t)64 << 20, NULL);
}

TEST(empty_input_and_output)
{
	struct weft_output o;

	REQUIRE_EQ(weft_subprocess_run(ARGV("cat"), NULL, NULL, 0, &o, test_soon()), 0);
	CHECK_EQ(o.out_size + o.err_size, 0);
	CHECK(o.out && o.err && !*(char *)o.out && !*(char *)o.err); /* captured, and empty */
	weft_output_free(&o);
	REQUIRE_EQ(weft_subprocess_run(ARGV("cat"), &all_piped, NULL, 0, &o, test_soon()), 0);
	CHECK_EQ(o.out_size + o.err_size, 0);
	weft_output_free(&o);
}

TEST(out_and_err_at_once)
{
	struct weft_output o;

	REQUIRE_EQ(weft_subprocess_run(PROBE("flood", "3000000", "2000000"), NULL, NULL, 0, &o, test_soon()),
		   0);
	CHECK_EQ(o.code, 0);
	CHECK_EQ(o.out_size, 3000000);
	CHECK_EQ(o.err_size, 2000000);
	weft_output_free(&o);
}

TEST(input_that_is_not_read)
{
	size_t size = 1 << 20;
	char *text = text_of(size);
	struct weft_output o;

	/* SIGPIPE has its default here, and would kill this process. */
	for (int i = 0; i < 20; i++) {
		REQUIRE_EQ(weft_subprocess_run(SH("exec <&-; echo done"), NULL, text, size, &o, test_soon()),
			   0);
		CHECK_EQ(o.code, 0);
		CHECK(!strcmp(o.out, "done\n"));
		weft_output_free(&o);
	}
	REQUIRE_EQ(weft_subprocess_run(ARGV("head", "-c", "5"), NULL, text, size, &o, test_soon()), 0);
	CHECK_EQ(o.out_size, 5);
	weft_output_free(&o);
	free(text);
}

/* ---- Deadlines ---- */

/* Runs into ever later deadlines, until it has said something by then. */
static struct weft_output run_too_long(const char *const argv[], const struct weft_subprocess_opts *opts)
{
	struct weft_output o = {.code = 0};

	for (unsigned ms = 100; ms < 20000 && !o.out_size; ms *= 2) {
		weft_output_free(&o);
		REQUIRE_EQ(weft_subprocess_run(argv, opts, NULL, 0, &o, weft_after(WEFT_MS(ms))), -ETIMEDOUT);
		CHECK(no_child());
	}
	return o;
}

TEST(run_until_a_deadline)
{
	struct weft_output o;
	pid_t pids[2];

	CHECK_EQ(weft_subprocess_run(ARGV("sleep", "1000"), NULL, NULL, 0, &o, weft_after(WEFT_MS(50))),
		 -ETIMEDOUT);
	CHECK_EQ(o.code, -SIGKILL);
	CHECK_EQ(o.out_size, 0);
	weft_output_free(&o);
	o = run_too_long(PROBE("family"), NULL);
	CHECK_EQ(o.code, -SIGKILL);
	REQUIRE_EQ(sscanf(o.out, "%d %d", &pids[0], &pids[1]), 2); /* what it has said until then */
	CHECK(is_gone(pids[0]));
	CHECK(is_gone(pids[1]));
	weft_output_free(&o);
}

TEST(a_deadline_that_has_passed_starts_nothing)
{
	struct weft_output o = {.code = 5};
	char command[256], made[192];

	snprintf(made, sizeof made, "%s/made", test_dir());
	CHECK_EQ(weft_subprocess_run(ARGV("touch", made), NULL, NULL, 0, &o, 0), -ETIMEDOUT);
	CHECK(!o.out && !o.code);
	snprintf(command, sizeof command, "touch %s", made);
	CHECK_EQ(weft_shell(command, NULL, 0), -ETIMEDOUT);
	CHECK(access(made, F_OK) != 0);
}

TEST(a_grandchild_keeps_the_pipes)
{
	int pid = 0;
	/* It has ended, but who holds its pipes has not: until the deadline, with its own code. */
	struct weft_output o = run_too_long(PROBE("leave"), NULL);

	CHECK_EQ(o.code, 0);
	REQUIRE_EQ(sscanf(o.out, "%d", &pid), 1);
	CHECK(is_gone(pid));
	weft_output_free(&o);
}

TEST(who_has_left_the_group_survives)
{
	int life[2];
	REQUIRE_EQ(pipe2(life, O_CLOEXEC), 0);
	const struct weft_handed_fd fd = {life[0], 5};
	struct weft_subprocess_opts opts = {.size = sizeof opts, .fds = &fd, .n_fds = 1};
	int pid = 0;
	struct weft_output o = run_too_long(SH("setsid sh -c 'echo $$; cat' <&5 & wait"), &opts);

	CHECK_EQ(sscanf(o.out, "%d", &pid), 1);
	CHECK_EQ(kill(pid, 0), 0); /* and it is not waited for, though it has the pipes */
	close(life[1]);            /* ends it */
	close(life[0]);
	CHECK(is_gone(pid));
	weft_output_free(&o);
}

TEST(a_flood_ends_at_the_deadline)
{
	/* While one is read the other fills: there is always something to read, as much as fits. */
	struct weft_subprocess_opts opts = {.size = sizeof opts, .output_most = (size_t)1 << 30};
	const char *const argv[] = {"sh", "-c", "yes & yes & yes >&2 & yes >&2", NULL};
	struct weft_output o;

	CHECK_EQ(weft_subprocess_run(argv, &opts, NULL, 0, &o, weft_after(WEFT_MS(50))), -ETIMEDOUT);
	weft_output_free(&o);
	opts.err.kind = WEFT_STDIO_NULL;
	CHECK_EQ(weft_subprocess_run(argv, &opts, NULL, 0, &o, weft_after(WEFT_MS(50))), -ETIMEDOUT);
	weft_output_free(&o);
	CHECK(no_child());
}

TEST(communicate_goes_on_after_a_deadline)
{
	weft_subprocess *p = start(SH("cat; sleep 0.1; echo late; echo err >&2"), &all_piped);
	struct weft_output o = {.code = 5};
	size_t size = 300000;
	char *text = text_of(size);
	int err, tries = 0;

	while ((err = weft_subprocess_communicate(p, text, size, &o, weft_after(WEFT_MS(1)))) == -ETIMEDOUT &&
	       tries < 20000) {
		CHECK_EQ(o.code, 5); /* untouched */
		tries++;
	}
	CHECK_EQ(err, 0);
	CHECK(tries > 0);
	CHECK_EQ(o.out_size, size + 5);
	CHECK(!memcmp(o.out, text, size));
	CHECK(!strcmp((char *)o.out + size, "late\n"));
	CHECK(!strcmp(o.err, "err\n"));
	weft_output_free(&o);
	CHECK_EQ(weft_subprocess_communicate(p, NULL, 0, &o, 0), 0); /* nothing more to say */
	CHECK(!o.out);
	weft_subprocess_free(p);
	free(text);
}

TEST(communicate_without_pipes_is_a_wait)
{
	weft_subprocess *p = start(SH("exit 6"), NULL);
	struct weft_output o;

	CHECK_EQ(weft_subprocess_communicate(p, "x", 1, &o, test_soon()), -EINVAL); /* no pipe for it */
	CHECK_EQ(weft_subprocess_communicate(NULL, NULL, 0, &o, test_soon()), -EINVAL);
	CHECK_EQ(weft_subprocess_communicate(p, NULL, 0, NULL, test_soon()), -EINVAL);
	REQUIRE_EQ(weft_subprocess_communicate(p, NULL, 0, &o, test_soon()), 0);
	CHECK_EQ(o.code, 6);
	CHECK(!o.out && !o.err);
	weft_subprocess_free(p);
}

/* ---- Limits ---- */

TEST(more_output_than_allowed)
{
	struct weft_subprocess_opts opts = all_piped;
	struct weft_output o = {.code = 5};

	opts.output_most = 1000;
	CHECK_EQ(weft_subprocess_run(PROBE("flood", "1000", "1000"), &opts, NULL, 0, &o, test_soon()), 0);
	CHECK_EQ(o.out_size, 1000);
	CHECK_EQ(o.err_size, 1000);
	weft_output_free(&o);
	CHECK_EQ(weft_subprocess_run(PROBE("flood", "10", "1001"), &opts, NULL, 0, &o, test_soon()),
		 -ENOBUFS);
	CHECK_EQ(o.err_size, 1000);
	CHECK_EQ(o.out_size, 10);
	weft_output_free(&o);
	CHECK_EQ(weft_subprocess_run(ARGV("yes"), &opts, NULL, 0, &o, WEFT_FOREVER), -ENOBUFS);
	CHECK_EQ(o.code, -SIGKILL);
	CHECK_EQ(o.out_size, 1000);
	weft_output_free(&o);
	opts.output_most = SIZE_MAX;
	CHECK_EQ(weft_subprocess_run(PROBE("flood", "100000", "0"), &opts, NULL, 0, &o, test_soon()), 0);
	CHECK_EQ(o.out_size, 100000);
	weft_output_free(&o);
	opts.output_most = 1000;
	o.code = 5;
	weft_subprocess *p = start(PROBE("flood", "1001", "0"), &opts);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(weft_subprocess_communicate(p, NULL, 0, &o, test_soon()), -ENOBUFS);
	CHECK_EQ(o.code, 5);
	weft_subprocess_free(p);
	CHECK(no_child());
}

/* ---- A shell ---- */

TEST(shell)
{
	int code = -1;

	CHECK_EQ(weft_shell("exit $((20 + 22))", &code, WEFT_FOREVER), 0);
	CHECK_EQ(code, 42);
	CHECK_EQ(weft_shell("no_such_command_here 2>/dev/null", &code, test_soon()), 0);
	CHECK_EQ(code, 127);
	CHECK_EQ(weft_shell("kill -USR1 $$", &code, test_soon()), 0);
	CHECK_EQ(code, -SIGUSR1);
	CHECK_EQ(weft_shell("-x 2>/dev/null", &code, test_soon()), 0); /* a command, no option */
	CHECK_EQ(code, 127);
	CHECK_EQ(weft_shell("sleep 1000; true", NULL, weft_after(WEFT_MS(50))), -ETIMEDOUT);
	CHECK(no_child()); /* and the harness looks for the sleep */
}
