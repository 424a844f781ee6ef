/* SPDX-License-Identifier: MIT
 *
 * armour.c -- a parser with bugs meets ten thousand inputs, some of which trigger them.
 *
 *   armour                  on threads, in a child process that dies of it; then on worker processes
 *   armour --sandbox        the workers in a sandbox, as for input from strangers
 *   armour --inputs 500     fewer
 *
 * What it does with weft is in parts 1 and 3:
 *
 *   1. The task: a call of the parser, which lies in armour_parser.h with its bugs and knows nothing of weft.
 *   2. The inputs, with the right answers. Some are bad on purpose.
 *   3. The work. A weft_task for each input, as many at a time as there are workers, so that each starts at once
 *      and its deadline counts from then. What becomes of it is in its future: a value, an error, how its worker
 *      died.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/weft.h>

#include "armour_parser.h"

/* ---- 1. The task -------------------------------------------------------------------------------- */

struct answer {
	uint64_t value;
	pid_t worker;
};

/* The body of every task: arg is the text of an input. */
static int parse(weft_call *call, const void *arg, void *result)
{
	struct parser p = {.at = arg};
	struct answer *answer = result;

	answer->value = sum(&p);
	answer->worker = getpid();
	if (p.out_of_memory)
		return weft_call_fail(call, -ENOMEM, "out of memory at byte %td", p.at - (const char *)arg);
	return 0;
}

/* ---- 2. The inputs ------------------------------------------------------------------------------ */

enum kind { GOOD, UNKNOWN_NAME, NO_BRACKET, NESTED, ENDLESS, HUGE_TEXT, LEAKY, KINDS };

static const char *const kind_name[] = {
	"good",      "unknown name", "missing bracket", "200,000 brackets", "endless comment",
	"huge text", "leak of 1 MiB"};

enum { NESTING = 200000, LEAK = 20 /* doublings of a byte */, ROOM = NESTING + 64 };

struct input {
	enum kind kind;
	uint64_t value; /* if it is parsed right */
	char *text;
};

static uint64_t seed = 1;

static uint64_t random_below(uint64_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (seed >> 33) % n;
}

/* Writes a good expression, returns its value. */
static uint64_t write_good(char *out, size_t size)
{
	uint64_t a = random_below(1000), b = random_below(1000), c = random_below(20);

	snprintf(out, size, "%" PRIu64 " + (ten * %" PRIu64 ") /* %" PRIu64 " */ + \"%.*s\" * 2", a, b, seed,
		 (int)c, "abcdefghijklmnopqrstuvwxyz");
	return a + 10 * b + 2 * c;
}

static int make_input(struct input *in, enum kind kind)
{
	static char out[ROOM];

	in->kind = kind;
	in->value = write_good(out, sizeof out);
	switch (kind) {
	case UNKNOWN_NAME:
		strcat(out, " + eleven");
		break;
	case NO_BRACKET:
		strcat(out, " + (1 + 2");
		break;
	case NESTED:
		memset(out, '(', NESTING);
		out[NESTING] = '\0';
		break;
	case ENDLESS:
		strcat(out, " /* 1");
		break;
	case HUGE_TEXT:
		strcat(out, " + \"x\"^40");
		break;
	case LEAKY:
		snprintf(out, sizeof out, "\"x\"^%d", LEAK);
		in->value = 1 << LEAK;
		break;
	default:
		break;
	}
	in->text = strdup(out);
	return in->text ? 0 : -ENOMEM;
}

/* One in a hundred leaks; one in three hundred is worse. */
static struct input *make_inputs(size_t n)
{
	struct input *in = calloc(n, sizeof *in);

	for (size_t i = 0; in && i < n; i++) {
		uint64_t die = random_below(300);
		enum kind kind = die == 0   ? UNKNOWN_NAME + (enum kind)random_below(LEAKY - UNKNOWN_NAME)
				 : die <= 3 ? LEAKY
					    : GOOD;

		if (make_input(&in[i], kind))
			return NULL; /* the program ends */
	}
	return in;
}

/* ---- 3. The work -------------------------------------------------------------------------------- */

static struct {
	uint64_t inputs, seed, workers, patience_ms;
	bool sandbox, quiet;
} option = {.inputs = 10000, .seed = 1, .workers = 2, .patience_ms = 500};

struct work {
	const struct input *in;
	size_t n;
	weft_task *task;
	struct answer *answer;
	size_t right, wrong, bad[KINDS], workers; /* counted */
};

static int submit(struct work *w, weft_executor *ex, weft_cq *q, size_t i)
{
	int err;

	w->task[i] = (weft_task){
		.fn = parse,
		.arg = w->in[i].text,
		.arg_size = strlen(w->in[i].text) + 1,
		.result = &w->answer[i],
		.result_size = sizeof w->answer[i],
		.deadline = weft_after(WEFT_MS((weft_time)option.patience_ms)),
	};
	err = weft_submit(ex, &w->task[i]);
	return err ? err : weft_cq_watch(q, weft_task_future(&w->task[i]), &w->task[i]);
}

/* One input is done, in whatever way. */
static void report(struct work *w, size_t i)
{
	weft_future *f = weft_task_future(&w->task[i]);
	int status = weft_future_status(f);
	const char *more = weft_future_error(f);

	if (status == 0 && w->answer[i].value == w->in[i].value) {
		w->right++;
	} else if (status == 0) {
		w->wrong++;
		printf("  input %zu: %" PRIu64 " instead of %" PRIu64 "\n", i, w->answer[i].value,
		       w->in[i].value);
	} else {
		w->bad[w->in[i].kind]++;
		if (!option.quiet)
			printf("  input %zu (%s): %s\n", i, kind_name[w->in[i].kind],
			       *more ? more : weft_strerror(status));
	}
}

/* Parses everything, as many at a time as there are workers. Writes a byte for each input that is done to progress,
 * if that is a descriptor. */
static int parse_all(struct work *w, const char *spec, int progress)
{
	weft_executor *ex = NULL;
	weft_cq *q = NULL;
	size_t submitted = 0, done = 0;
	int err = weft_executor_open(&ex, spec);

	if (!err)
		err = weft_cq_new(&q);
	while (!err && done < w->n) {
		void *tag;

		while (!err && submitted < w->n && submitted - done < option.workers)
			err = submit(w, ex, q, submitted++);
		if (!err)
			err = weft_cq_next(q, NULL, &tag, WEFT_FOREVER);
		if (err)
			break;
		done++;
		report(w, (size_t)((weft_task *)tag - w->task));
		if (progress >= 0 && write(progress, "", 1) < 0)
			err = -errno;
	}
	weft_cq_free(q);
	weft_executor_free(ex);
	if (err)
		fprintf(stderr, "armour: %s: %s\n", spec, weft_strerror(err));
	return err;
}

static int work_init(struct work *w, const struct input *in, size_t n)
{
	*w = (struct work){.in = in, .n = n, .task = calloc(n, sizeof *w->task)};
	w->answer = calloc(n, sizeof *w->answer);
	return w->task && w->answer ? 0 : -ENOMEM;
}

static void work_fini(struct work *w)
{
	free(w->task);
	free(w->answer);
}

/* ---- Without armour: threads, in a child process, so that we are there to tell ------------------ */

static _Noreturn void child_main(const struct input *in, int progress)
{
	struct rlimit no_core = {0, 0}, memory = {UINT64_C(1) << 30, UINT64_C(1) << 30};
	struct work w;
	char spec[32];

	setrlimit(RLIMIT_CORE, &no_core);
	setrlimit(RLIMIT_DATA, &memory);
	option.quiet = true;
	snprintf(spec, sizeof spec, "threads:%" PRIu64, option.workers);
	if (work_init(&w, in, option.inputs) || parse_all(&w, spec, progress))
		_exit(1);
	_exit(0);
}

/* Counts what the child has done, until it ends; or kills it, if nothing happens for a while. */
static size_t watch(int progress, pid_t child, bool *ret_hung)
{
	struct pollfd p = {.fd = progress, .events = POLLIN};
	char bytes[4096];
	size_t done = 0;
	ssize_t n;

	while (poll(&p, 1, (int)(10 * option.patience_ms)) > 0 &&
	       (n = read(progress, bytes, sizeof bytes)) > 0)
		done += (size_t)n;
	*ret_hung = !p.revents;
	if (*ret_hung)
		kill(child, SIGKILL);
	return done;
}

static int output_error; /* an errno: why something could not be printed */

/* What there is to print, before there are two of us or at the end. What is written later may succeed. */
static void flush_output(void)
{
	if ((fflush(stdout) || ferror(stdout)) && !output_error)
		output_error = errno;
}

static int on_threads(const struct input *in)
{
	int progress[2], status;
	bool hung;
	size_t done;
	pid_t child;

	flush_output();
	if (pipe(progress))
		return -errno;
	child = fork();
	if (child < 0)
		return -errno;
	if (!child)
		child_main(in, progress[1]);
	close(progress[1]);
	done = watch(progress[0], child, &hung);
	waitpid(child, &status, 0);
	close(progress[0]);
	printf("threads:%" PRIu64 "\n  ", option.workers);
	if (hung)
		printf("hangs");
	else if (WIFSIGNALED(status))
		printf("died of signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		printf("ended with status %d", WEXITSTATUS(status));
	printf(" after %zu of %" PRIu64 " inputs\n", done, option.inputs);
	return 0;
}

/* ---- With armour: worker processes -------------------------------------------------------------- */

static int compare_workers(const void *a, const void *b)
{
	pid_t x = ((const struct answer *)a)->worker, y = ((const struct answer *)b)->worker;

	return (x > y) - (x < y);
}

/* How many different workers have answered. Changes the order of the answers. */
static size_t count_workers(struct work *w)
{
	size_t n = 0;

	qsort(w->answer, w->n, sizeof *w->answer, compare_workers);
	for (size_t i = 0; i < w->n; i++)
		n += w->answer[i].worker && (!i || w->answer[i].worker != w->answer[i - 1].worker);
	return n;
}

static int on_processes(const struct input *in)
{
	struct work w;
	char spec[128];
	size_t bad = 0;
	int err = work_init(&w, in, option.inputs);

	/* A leak is worth a new worker now and then, and no worker may have the machine's memory. */
	snprintf(spec, sizeof spec, "processes:%" PRIu64 ",slot=262144,max_rss=48,max_memory=96%s",
		 option.workers, option.sandbox ? ",start=spawn,sandbox=1" : "");
	printf("%s\n", spec);
	if (!err)
		err = parse_all(&w, spec, -1);
	for (int kind = 0; kind < KINDS && !err; kind++) {
		if (w.bad[kind])
			printf("  %zu of kind: %s\n", w.bad[kind], kind_name[kind]);
		bad += w.bad[kind];
		w.wrong += kind == GOOD || kind == LEAKY ? w.bad[kind] : 0;
	}
	if (!err)
		printf("  finished: %zu of %zu right, %zu bad, %zu wrong; %zu workers answered\n", w.right,
		       w.n, bad, w.wrong, count_workers(&w));
	if (!err && w.wrong)
		err = -EBADE;
	work_fini(&w);
	return err;
}

/* ---- The command line --------------------------------------------------------------------------- */

static const char help[] =
	"usage: armour [OPTION]...\n"
	"Runs a parser with bugs over inputs that trigger some of them: on threads, in a child process that\n"
	"dies of it, and on worker processes, which tells of each bad input and finishes.\n"
	"\n"
	"  --inputs N     how many inputs, 1 to 1000000; default 10000\n"
	"  --seed N       other inputs; default 1\n"
	"  --workers N    threads and processes, 1 to 64; default 2\n"
	"  --patience N   milliseconds that an input may take, 1 to 60000; default 500\n"
	"  --sandbox      the worker processes in a sandbox\n"
	"  --quiet        only the sums\n"
	"  --help         this\n"
	"\n"
	"Exit status: 0 if every good input was parsed right on processes, else 1; 2 wrong usage.\n";

static bool read_number(const char *name, const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(s, &end, 10);
	if (*s < '0' || *s > '9' || *end || errno || n < min || n > max) {
		fprintf(stderr, "armour: --%s '%s': must be %" PRIu64 " to %" PRIu64 "\n", name, s, min, max);
		return false;
	}
	*ret = n;
	return true;
}

/* 0: go on; else the exit status and 1. */
static int read_options(int argc, char **argv)
{
	static const struct option known[] = {{"inputs", 1, NULL, 'i'},  {"seed", 1, NULL, 's'},
					      {"workers", 1, NULL, 'w'}, {"patience", 1, NULL, 'p'},
					      {"sandbox", 0, NULL, 'x'}, {"quiet", 0, NULL, 'q'},
					      {"help", 0, NULL, 'h'},    {NULL, 0, NULL, 0}};
	bool ok = true;
	int c;

	while (ok && (c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 'h')
			return fputs(help, stdout) < 0 || fflush(stdout) ? 2 : 1;
		if (c == 'i')
			ok = read_number("inputs", optarg, 1, 1000000, &option.inputs);
		else if (c == 's')
			ok = read_number("seed", optarg, 0, UINT64_MAX, &option.seed);
		else if (c == 'w')
			ok = read_number("workers", optarg, 1, 64, &option.workers);
		else if (c == 'p')
			ok = read_number("patience", optarg, 1, 60000, &option.patience_ms);
		else if (c == 'x')
			option.sandbox = true;
		else if (c == 'q')
			option.quiet = true;
		else
			ok = false; /* getopt has said it */
	}
	if (ok && optind < argc) {
		fprintf(stderr, "armour: '%s': takes no arguments; see armour --help\n", argv[optind]);
		ok = false;
	}
	return ok ? 0 : 3;
}

int main(int argc, char **argv)
{
	struct input *in;
	int err = read_options(argc, argv);

	if (err)
		return err - 1;
	seed = option.seed;
	in = make_inputs(option.inputs);
	err = in ? on_threads(in) : -ENOMEM;
	if (!err)
		err = on_processes(in);
	for (size_t i = 0; in && i < option.inputs; i++)
		free(in[i].text);
	free(in);
	if (err)
		fprintf(stderr, "armour: %s\n", weft_strerror(err));
	flush_output();
	if (output_error) {
		fprintf(stderr, "armour: stdout: %s\n", strerror(output_error));
		err = -output_error;
	}
	return err ? 1 : 0;
}
