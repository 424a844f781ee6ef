/* SPDX-License-Identifier: MIT
 *
 * traced.c -- a program of an MPI job that traces itself, and says what each rank has done: test_traced.sh.
 *
 *   traced TRACE [stop] [dies] [killed]
 *
 *   stop    ends the trace before the executor is freed
 *   dies    a worker of rank 1 dies in the midst of a task, which then runs again
 *   killed  rank 1 is killed in the midst of it all
 *
 * TRACE "": the environment wants one, or none.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/mpi.h>
#include <weft/trace.h>
#include <weft/weft.h>

enum { N = 12, NAP_MS = 30 };

struct errand {
	bool dies;
	char mark[200]; /* there is such a file once a worker has died */
};

static bool on_rank_1(void)
{
	const char *rank = getenv("OMPI_COMM_WORLD_RANK");

	rank = rank ? rank : getenv("PMI_RANK");
	return rank && !strcmp(rank, "1");
}

static int nap_fn(weft_call *call, const void *arg, void *result)
{
	const struct errand *e = arg;

	(void)call;
	usleep(NAP_MS * 1000);
	if (e->dies && on_rank_1() && open(e->mark, O_CREAT | O_EXCL | O_CLOEXEC, 0600) >= 0)
		raise(SIGKILL);
	*(bool *)result = on_rank_1();
	return 0;
}

static bool has(int argc, char **argv, const char *word)
{
	for (int i = 2; i < argc; i++)
		if (!strcmp(argv[i], word))
			return true;
	return false;
}

static void say_ranks(const weft_executor *ex)
{
	struct weft_mpi_rank_stats s = {.size = sizeof s};

	for (unsigned rank = 0; !weft_mpi_stats(ex, rank, &s); rank++)
		printf("rank %u: %u workers on %s, pid %d, done %d, died %d, lost %u, in flight %u\n", rank,
		       s.workers, s.host, s.pid, (int)s.done, (int)s.died, s.lost, s.in_flight);
}

static int run(weft_executor *ex, bool dies, bool killed)
{
	struct weft_mpi_rank_stats s = {.size = sizeof s};
	struct errand e = {.dies = dies};
	static weft_task t[N];
	static bool there[N];
	int n = 0, bad = 0;

	snprintf(e.mark, sizeof e.mark, "%s/died", getenv("TRACED_DIR"));
	for (int i = 0; i < N; i++) {
		t[i] = (weft_task){.fn = nap_fn,
				   .arg = &e,
				   .arg_size = sizeof e,
				   .result = &there[i],
				   .result_size = sizeof there[i],
				   .name = "nap",
				   .flags = WEFT_TASK_IDEMPOTENT};
		bad |= weft_submit(ex, &t[i]);
	}
	if (killed && !weft_mpi_stats(ex, 1, &s)) {
		for (int i = 0; i < 4; i++) /* rank 1 has run one of them, and is at others */
			weft_future_wait(weft_task_future(&t[i]), WEFT_FOREVER);
		kill(s.pid, SIGKILL);
	}
	for (int i = 0; i < N; i++) {
		weft_future_wait(weft_task_future(&t[i]), WEFT_FOREVER);
		bad |= weft_future_status(weft_task_future(&t[i]));
		n += there[i];
	}
	printf("there %d\n", n);
	say_ranks(ex);
	return bad;
}

int main(int argc, char **argv)
{
	bool stop = has(argc, argv, "stop");
	struct weft_mpi_opts o = {.size = sizeof o, .patience = 1000, .local = "processes:2"};
	weft_executor *ex;
	int err = weft_mpi_serve(NULL), bad;

	if (err)
		return err < 0;
	if (argc > 1 && *argv[1] && weft_trace_start(argv[1], 0))
		return 4;
	err = weft_mpi_new(&ex, &o);
	if (err)
		return 5;
	bad = run(ex, has(argc, argv, "dies"), has(argc, argv, "killed"));
	if (stop && weft_trace_stop())
		return 6;
	if (stop) /* not in it; and the ranks go on */
		bad |= run(ex, false, false);
	weft_executor_free(ex);
	return bad ? 7 : 0;
}
