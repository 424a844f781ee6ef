/* SPDX-License-Identifier: MIT
 *
 * test_subprocess_start.c -- what a program is started with, and what is said if it cannot be.
 */
#include <sys/resource.h>

#include "subprocess_kit.h"

/* A file in the test's directory. */
static const char *path_of(const char *name)
{
	static char path[2][256];
	static int i;

	i = !i;
	snprintf(path[i], sizeof path[i], "%s/%s", test_dir(), name);
	return path[i];
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);

	REQUIRE(fd >= 0);
	REQUIRE_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static bool contains(const char *path, const char *expected)
{
	char text[256] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	REQUIRE(fd >= 0);
	CHECK(read(fd, text, sizeof text - 1) >= 0);
	close(fd);
	return !strcmp(text, expected);
}

/* ---- What it is started with ---- */

TEST(arguments_arrive_as_they_are)
{
	CHECK(says(PROBE("args", "", "a b", "$HOME;*", "\"'\\\n"), NULL,
		   "[]\n[a b]\n[$HOME;*]\n[\"'\\\n]\n"));
	CHECK(says(PROBE("args"), NULL, ""));
}

TEST(program_and_its_name_may_differ)
{
	struct weft_subprocess_opts opts = {.size = sizeof opts, .program = "sh"};
	CHECK(says(ARGV("another name", "-c", "echo $0"), &opts, "another name\n"));
}

TEST(environment)
{
	struct weft_subprocess_opts opts = {.size = sizeof opts, .env = ARGV("A=1", "B=x y")};
	CHECK(says(ARGV("env"), &opts, "A=1\nB=x y\n"));
	opts.env = (const char *const[]){NULL};
	CHECK(says(ARGV("env"), &opts, ""));
	setenv("FROM_THE_CALLER", "yes", 1);
	CHECK(says(SH("echo $FROM_THE_CALLER"), NULL, "yes\n"));
}

TEST(working_directory)
{
	struct weft_subprocess_opts opts = {.size = sizeof opts, .cwd = "/"};
	CHECK(says(ARGV("pwd"), &opts, "/\n"));
	write_file(path_of("here"), "#!/bin/sh\necho found\n", 0755);
	opts.cwd = test_dir();
	CHECK(says(ARGV("./here"), &opts, "found\n")); /* a relative path starts there */
}

TEST(search_in_path)
{
	char path[512];
	enum weft_subprocess_step step = WEFT_STEP_NONE;
	struct weft_subprocess_opts opts = {.size = sizeof opts, .ret_step = &step};
	weft_subprocess *p;

	mkdir(path_of("first"), 0755);
	mkdir(path_of("second"), 0755);
	write_file(path_of("first/only_data"), "", 0644);
	write_file(path_of("second/prog"), "#!/bin/sh\necho second\n", 0755);
	snprintf(path, sizeof path, "/nowhere:%s:%s", path_of("first"), path_of("second"));
	setenv("PATH", path, 1);
	CHECK(says(ARGV("prog"), NULL, "second\n"));
	CHECK_EQ(weft_subprocess_start(&p, ARGV("only_data"), &opts), -EACCES);
	CHECK_EQ(weft_subprocess_start(&p, ARGV("no_such"), &opts), -ENOENT);
	write_file(path_of("first/prog"), "#!/bin/sh\necho first\n", 0755);
	CHECK(says(ARGV("prog"), NULL, "first\n"));
	unsetenv("PATH");
	CHECK(says(SH("echo default"), NULL, "default\n"));
	REQUIRE_EQ(chdir(path_of("second")), 0);
	setenv("PATH", ":/bin", 1); /* an empty entry is the working directory */
	CHECK(says(ARGV("prog"), NULL, "second\n"));
}

TEST(signals_are_as_after_login)
{
	sigset_t all;

	sigfillset(&all);
	signal(SIGCHLD, SIG_IGN);
	for (int sig = 1; sig < SIGSYS; sig++)
		if (sig != SIGKILL && sig != SIGSTOP && sig != SIGCHLD)
			signal(sig, SIG_IGN);
	signal(SIGRTMIN + 3, SIG_IGN);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	CHECK(says(PROBE("signals"), NULL, "blocked 0 changed 0\n"));
	pthread_sigmask(SIG_SETMASK, NULL, &all);
	CHECK_EQ(sigismember(&all, SIGUSR1), 1); /* the caller's are as they were */
	CHECK(signal(SIGUSR1, SIG_DFL) == SIG_IGN);
}

TEST(groups_and_sessions)
{
	struct weft_subprocess_opts opts = {.size = sizeof opts, .out = {.kind = WEFT_STDIO_PIPE}};
	const struct {
		uint32_t flags;
		const char *says;
	} expect[] = {{0, "member"},
		      {WEFT_SUBPROCESS_GROUP, "leads"},
		      {WEFT_SUBPROCESS_SESSION, "leads session"},
		      {WEFT_SUBPROCESS_SESSION | WEFT_SUBPROCESS_GROUP, "leads session"}};
	char line[64];

	for (int i = 0; i < 4; i++) {
		opts.flags = expect[i].flags;
		weft_subprocess *p = start(PROBE("group"), &opts);
		read_line(p, line, sizeof line);
		CHECK(!strcmp(line, expect[i].says));
		CHECK_EQ(code_of(p), 0);
		weft_subprocess_free(p);
	}
	CHECK(says(PROBE("group"), NULL, "leads\n"));
}

/* ---- Descriptors ---- */

TEST(no_other_descriptor_gets_there)
{
	int inheritable = open("/dev/null", O_RDONLY), high = dup2(inheritable, 1000);

	CHECK(says(PROBE("fds"), NULL, "0 1 2\n"));
	close(inheritable);
	close(high);
}

TEST(descriptors_are_handed_on)
{
	int a[2], b[2];
	char text[8] = "";
	REQUIRE_EQ(pipe2(a, O_CLOEXEC), 0);
	REQUIRE_EQ(pipe2(b, O_CLOEXEC), 0);
	/* Each where the other one lies; and one where nothing is. */
	const struct weft_handed_fd fds[] = {{a[1], b[1]}, {b[1], a[1]}, {a[1], 77}};
	struct weft_subprocess_opts opts = {.size = sizeof opts, .fds = fds, .n_fds = 3};
	char script[128], numbers[64];

	snprintf(script, sizeof script, "/bin/echo -n B >&%d; /bin/echo -n A >&%d", a[1], b[1]);
	CHECK(says(SH(script), &opts, ""));
	CHECK_EQ(read(a[0], text, 8), 1);
	CHECK_EQ(text[0], 'A');
	CHECK_EQ(read(b[0], text, 8), 1);
	CHECK_EQ(text[0], 'B');
	snprintf(numbers, sizeof numbers, "0 1 2 %d %d 77\n", a[1], b[1]);
	CHECK(says(PROBE("fds"), &opts, numbers));
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

TEST(standard_descriptors_may_be_swapped)
{
	/* out and err of the caller, each for the other: both lie where the other one goes. */
	struct weft_subprocess_opts opts = {.size = sizeof opts,
					    .out = {.kind = WEFT_STDIO_FD, .fd = 2},
					    .err = {.kind = WEFT_STDIO_FD, .fd = 1}};
	int keep[2] = {dup(1), dup(2)};
	int out = open(path_of("out"), O_WRONLY | O_CREAT, 0600);
	int err = open(path_of("err"), O_WRONLY | O_CREAT, 0600);

	dup2(out, 1);
	dup2(err, 2);
	weft_subprocess *p = start(SH("echo to out; echo to err >&2"), &opts);
	int code = -1, waited = weft_subprocess_wait(p, &code, test_soon());
	weft_subprocess_free(p);
	for (int i = 0; i < 2; i++) {
		dup2(keep[i], i + 1);
		close(keep[i]);
	}
	close(out);
	close(err);
	CHECK_EQ(waited, 0);
	CHECK_EQ(code, 0);
	CHECK(contains(path_of("out"), "to err\n"));
	CHECK(contains(path_of("err"), "to out\n"));
}

TEST(files_null_and_merge)
{
	char in[256], out[256];
	snprintf(in, sizeof in, "%s", path_of("in"));
	snprintf(out, sizeof out, "%s", path_of("out"));
	write_file(in, "text", 0600);
	write_file(out, "a longer text from before", 0600);
	struct weft_subprocess_opts opts = {.size = sizeof opts,
					    .in = {.kind = WEFT_STDIO_FILE, .path = in},
					    .out = {.kind = WEFT_STDIO_FILE, .path = out},
					    .err = {.kind = WEFT_STDIO_MERGE}};
	struct weft_output o = output_of(SH("cat; echo ' error' >&2"), &opts);
	CHECK(!o.out && !o.err);
	weft_output_free(&o);
	CHECK(contains(out, "text error\n"));
	opts.in.kind = WEFT_STDIO_NULL;
	opts.out.flags = O_WRONLY | O_APPEND;
	o = output_of(SH("cat; echo more"), &opts);
	weft_output_free(&o);
	CHECK(contains(out, "text error\nmore\n"));
	opts.out = (struct weft_stdio){.kind = WEFT_STDIO_NULL};
	o = output_of(SH("echo lost; echo lost too >&2"), &opts);
	CHECK(!o.out && !o.err);
	weft_output_free(&o);
	opts.out = (struct weft_stdio){.kind = WEFT_STDIO_PIPE};
	CHECK(says(SH("echo one; echo two >&2; echo three"), &opts, "one\ntwo\nthree\n"));
}

/* ---- With a part of the standard descriptors closed, pipes and files lie there themselves. ---- */

static void run_without(unsigned closed)
{
	struct weft_output o = {.code = -1};

	for (int fd = 0; fd < 3; fd++)
		if (closed & 1U << fd)
			close(fd);
	int err = weft_subprocess_run(SH("cat; echo err >&2"), NULL, "in", 2, &o, test_soon());
	_exit(!err && o.code == 0 && o.out && o.err && !strcmp(o.out, "in") && !strcmp(o.err, "err\n") ? 0
												       : 1);
}

TEST(callers_without_standard_descriptors)
{
	for (unsigned closed = 0; closed < 8; closed++) {
		int status = -1;
		pid_t pid = fork();
		if (!pid)
			run_without(closed);
		waitpid(pid, &status, 0);
		CHECK_EQ(status, 0);
	}
}

TEST(a_closed_descriptor_stays_closed)
{
	int keep = fcntl(0, F_DUPFD_CLOEXEC, 10);
	struct weft_subprocess_opts opts = {.size = sizeof opts, .in = {.kind = WEFT_STDIO_INHERIT}};
	close(0);
	struct weft_output o = output_of(PROBE("fds"), &opts);
	dup2(keep, 0);
	close(keep);
	CHECK(!strcmp(o.out, "1 2\n"));
	weft_output_free(&o);
}

/* ---- What is said if it cannot be started ---- */

static void check_failure(const char *const argv[], struct weft_subprocess_opts opts, int err,
			  enum weft_subprocess_step step)
{
	enum weft_subprocess_step failed = (enum weft_subprocess_step) - 1;
	weft_subprocess *p = (weft_subprocess *)&p;

	opts.size = sizeof opts;
	opts.ret_step = &failed;
	CHECK_EQ(weft_subprocess_start(&p, argv, &opts), err);
	CHECK_EQ(failed, step);
	CHECK(p == (weft_subprocess *)&p); /* untouched */
	CHECK(no_child());
}

TEST(failures_say_which_step)
{
	const struct weft_subprocess_opts none = {.size = 0};

	check_failure(ARGV("/no/such/program"), none, -ENOENT, WEFT_STEP_EXEC);
	check_failure(ARGV("no_such_program"), none, -ENOENT, WEFT_STEP_EXEC);
	check_failure(ARGV(""), none, -ENOENT, WEFT_STEP_EXEC);
	check_failure(ARGV("/etc/passwd/x"), none, -ENOENT, WEFT_STEP_EXEC);
	check_failure(ARGV("/"), none, -EACCES, WEFT_STEP_EXEC);
	write_file(path_of("data"), "echo no program\n", 0644);
	check_failure(ARGV(path_of("data")), none, -EACCES, WEFT_STEP_EXEC);
	write_file(path_of("text"), "echo no program\n", 0755);
	check_failure(ARGV(path_of("text")), none, -ENOEXEC, WEFT_STEP_EXEC);
	write_file(path_of("script"), "#!/no/such/interpreter\n", 0755);
	check_failure(ARGV(path_of("script")), none, -ENOENT, WEFT_STEP_EXEC);
	check_failure(ARGV("true"), (struct weft_subprocess_opts){.cwd = "/no/such"}, -ENOENT, WEFT_STEP_CWD);
	check_failure(ARGV("true"), (struct weft_subprocess_opts){.cwd = "/etc/passwd"}, -ENOTDIR,
		      WEFT_STEP_CWD);
	check_failure(ARGV("true"),
		      (struct weft_subprocess_opts){.in = {.kind = WEFT_STDIO_FILE, .path = "/no/such"}},
		      -ENOENT, WEFT_STEP_OPEN);
	check_failure(ARGV("true"), (struct weft_subprocess_opts){.err = {.kind = WEFT_STDIO_FD, .fd = 999}},
		      -EBADF, WEFT_STEP_FDS);
	check_failure(ARGV("true"),
		      (struct weft_subprocess_opts){.fds = &(struct weft_handed_fd){999, 5}, .n_fds = 1},
		      -EBADF, WEFT_STEP_FDS);
	check_failure(ARGV("true"), (struct weft_subprocess_opts){.death_signal = 1000}, -EINVAL,
		      WEFT_STEP_GROUP);
}

TEST(wrong_arguments)
{
	const struct weft_handed_fd low = {1, 2}, twice[] = {{0, 5}, {1, 5}};
	const struct weft_subprocess_opts wrong[] = {
		{.flags = 4},
		{.in = {.kind = WEFT_STDIO_MERGE}},
		{.out = {.kind = WEFT_STDIO_MERGE}},
		{.out = {.kind = (enum weft_stdio_kind)77}},
		{.out = {.kind = WEFT_STDIO_FILE}},
		{.fds = &low, .n_fds = 1},
		{.fds = twice, .n_fds = 2},
		{.n_fds = 1},
	};
	weft_subprocess *p;
	struct weft_output o;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		CHECK_EQ(weft_subprocess_start(&p, ARGV("true"), &wrong[i]), -EINVAL);
	CHECK_EQ(weft_subprocess_start(NULL, ARGV("true"), NULL), -EINVAL);
	CHECK_EQ(weft_subprocess_start(&p, NULL, NULL), -EINVAL);
	CHECK_EQ(weft_subprocess_start(&p, (const char *const[]){NULL}, NULL), -EINVAL);
	CHECK_EQ(weft_subprocess_run(NULL, NULL, NULL, 0, &o, WEFT_FOREVER), -EINVAL);
	CHECK_EQ(weft_subprocess_run(ARGV("true"), NULL, NULL, 0, NULL, WEFT_FOREVER), -EINVAL);
	CHECK_EQ(weft_subprocess_run(ARGV("true"), NULL, NULL, 1, &o, WEFT_FOREVER), -EINVAL);
	CHECK_EQ(weft_subprocess_run(ARGV("true"),
				     &(struct weft_subprocess_opts){.in = {.kind = WEFT_STDIO_NULL}}, "x", 1,
				     &o, WEFT_FOREVER),
		 -EINVAL);
	CHECK_EQ(weft_shell(NULL, NULL, WEFT_FOREVER), -EINVAL);
	CHECK(no_child());
}

/* With room for n descriptors more: whatever fails, it says so and leaves none. The harness looks for those. */
TEST(without_descriptors)
{
	struct rlimit old, few;
	int succeeded = 0;

	getrlimit(RLIMIT_NOFILE, &old);
	for (rlim_t n = 3; n < 16; n++) {
		struct weft_output o;
		few = (struct rlimit){n, old.rlim_max};
		setrlimit(RLIMIT_NOFILE, &few);
		int err = weft_subprocess_run(ARGV("cat"), NULL, "text", 4, &o, test_soon());
		setrlimit(RLIMIT_NOFILE, &old);
		CHECK(err == 0 || err == -EMFILE);
		succeeded += !err;
		CHECK(err || o.out_size == 4);
		weft_output_free(&o);
		CHECK(no_child());
	}
	CHECK(succeeded > 0);
}

/* ---- Death with the thread that started it ---- */

struct started {
	int err;
	weft_subprocess *p;
};

static void *start_and_leave(void *ret)
{
	struct weft_subprocess_opts opts = {.size = sizeof opts, .death_signal = SIGUSR2};
	struct started *s = ret;

	s->err = weft_subprocess_start(&s->p, ARGV("sleep", "1000"), &opts);
	return NULL;
}

TEST(death_signal_comes_when_the_thread_ends)
{
	struct started s = {.err = -1};
	pthread_t thread;

	REQUIRE_EQ(pthread_create(&thread, NULL, start_and_leave, &s), 0);
	pthread_join(thread, NULL);
	REQUIRE_EQ(s.err, 0);
	CHECK_EQ(code_of(s.p), -SIGUSR2);
	weft_subprocess_free(s.p);
}

TEST(run_dies_with_the_caller)
{
	int pipe_[2];
	char line[32] = "";
	REQUIRE_EQ(pipe2(pipe_, O_CLOEXEC), 0);
	pid_t caller = fork();
	if (!caller) {
		struct weft_subprocess_opts opts = {.size = sizeof opts,
						    .out = {.kind = WEFT_STDIO_FD, .fd = pipe_[1]}};
		struct weft_output o;
		weft_subprocess_run(SH("echo $$; exec sleep 1000"), &opts, NULL, 0, &o, WEFT_FOREVER);
		_exit(0);
	}
	close(pipe_[1]);
	CHECK(read(pipe_[0], line, sizeof line - 1) > 0);
	kill(caller, SIGKILL);
	waitpid(caller, NULL, 0);
	CHECK_EQ(read(pipe_[0], line + 16, 1), 0); /* the program had the other end, and is gone */
	CHECK(is_gone(atoi(line)));
	close(pipe_[0]);
}
