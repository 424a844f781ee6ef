/* SPDX-License-Identifier: MIT
 *
 * mpi_session.c -- weft/mpi.h: from a job of MPI to an executor, and to the end of the program.
 *
 * MPI is initialised once in a process and finalised once. So what was set up for the first executor stays for the
 * next ones: MPI itself, and a communicator of our own, duplicated from MPI_COMM_WORLD. When the program ends, rank 0
 * dismisses the ranks that still serve, and all finalise.
 *
 * Where a rank is lost, finalising would wait for it for ever. Then rank 0 leaves without, and tells MPI to end
 * the job, with the program's own exit status.
 */
#include "mpi_caller.h"
#include "mpi_transport.h"
#include <weft/call.h>
#include <weft/mpi.h>
#include <weft/trace.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUE_DEFAULT    65536
#define QUEUE_MAX        (1u << 30)
#define PATIENCE_DEFAULT 3000
#define START_DEFAULT    60000
#define MS_MIN           100
#define MS_MAX           3600000

/* A communicator in use. */
struct session {
	struct mpi_transport t; /* t.link.ops NULL: there is no MPI, and no other rank */
	bool up;
	weft_executor *ex; /* NULL: none, or rank 0's is somewhere else */
	unsigned lost;
	bool temporary; /* of a communicator of the program's */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct session world;
static uint32_t executors; /* so far */
static bool busy;          /* an executor, or a service, uses MPI */
static bool initialised;   /* by us */
static pid_t process;

/* ---- The end of the program ---- */

static void dismiss(struct session *s)
{
	struct mpi_peer *peer = malloc(sizeof *peer);

	for (unsigned i = 1; peer && s->t.link.rank == 0 && i < s->t.link.n; i++) {
		mpi_peer_init(peer, &s->t.link, i, TO_SERVER);
		mpi_peer_write(peer, REC_BYE, 0, NULL, 0);
		mpi_peer_flush(peer);
	}
	free(peer);
}

static void at_exit(int status, void *ctx)
{
	int over = 0;

	(void)ctx;
	if (getpid() != process) /* a fork */
		return;
	if (world.ex && weft_executor_stop(world.ex, WEFT_STOP_KILL, weft_after(WEFT_SECONDS(5))) == 0)
		busy = false;
	MPI_Finalized(&over);
	if (over)
		return;
	if (busy || world.lost) {
		weft_trace_stop();
		fflush(NULL); /* or what the program has said is lost */
		MPI_Abort(MPI_COMM_WORLD, status);
		return;
	}
	if (world.up && world.t.link.ops) {
		dismiss(&world);
		mpi_transport_fini(&world.t, false);
		MPI_Comm_free(&world.t.comm);
		world.up = false;
	}
	if (initialised)
		MPI_Finalize();
}

/* ---- The beginning ---- */

/* Has something started us that MPI could talk to? Asking MPI would start helpers of its own where not. */
static bool is_launched(void)
{
	static const char *const signs[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE",
					    "PMI_FD"};

	for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
		if (getenv(signs[i])) /* NOLINT(concurrency-mt-unsafe) */
			return true;
	return false;
}

/* 0: MPI is there | 1: there is none, and need not be | -ENOTSUP, -EIO. */
static int mpi_up(void)
{
	int flag = 0, level = 0;

	if (MPI_Initialized(&flag) != MPI_SUCCESS)
		return -EIO;
	if (!flag) {
		if (!is_launched())
			return 1;
		if (MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &level) != MPI_SUCCESS)
			return -EIO;
		initialised = true;
	} else if (MPI_Query_thread(&level) != MPI_SUCCESS) {
		return -EIO;
	}
	if (!process) {
		process = getpid();
		on_exit(at_exit, NULL);
	}
	return level < MPI_THREAD_SERIALIZED ? -ENOTSUP : 0;
}

static int session_up(struct session *s, MPI_Comm comm)
{
	MPI_Comm own;
	int err;

	if (MPI_Comm_dup(comm, &own) != MPI_SUCCESS)
		return -EIO;
	err = mpi_transport_init(&s->t, own);
	if (err)
		MPI_Comm_free(&own);
	s->up = !err;
	return err;
}

/* The session for what opts say. */
static int session_get(struct session **ret, const struct weft_mpi_opts *o)
{
	struct session *s = &world;
	int err = mpi_up();

	if (err < 0)
		return err;
	if (o->comm && err == 0) {
		s = calloc(1, sizeof *s);
		if (!s)
			return -ENOMEM;
		s->temporary = true;
	}
	if (err == 1 && !s->up) {
		mpi_link_init(&s->t.link, NULL, 0, 1);
		s->up = true;
	}
	err = s->up ? 0 : session_up(s, o->comm ? *(const MPI_Comm *)o->comm : MPI_COMM_WORLD);
	if (err && s->temporary)
		free(s);
	if (!err)
		*ret = s;
	return err;
}

static void session_put(struct session *s)
{
	if (s->temporary) {
		mpi_transport_fini(&s->t, s->lost);
		if (!s->lost)
			MPI_Comm_free(&s->t.comm);
		world.lost += s->lost;
		free(s);
	}
	pthread_mutex_lock(&lock);
	busy = false;
	pthread_mutex_unlock(&lock);
}

static int begin(struct session **ret, const struct weft_mpi_opts *o)
{
	int err = 0;

	if (weft_current())
		return -ENOTSUP;
	if (process && process != getpid())
		return -ECHILD;
	pthread_mutex_lock(&lock);
	if (busy)
		err = -EBUSY;
	busy = true;
	pthread_mutex_unlock(&lock);
	if (err)
		return err;
	err = session_get(ret, o);
	if (err)
		busy = false;
	return err;
}

static int check_opts(struct weft_mpi_opts *o)
{
	if (!o->queue)
		o->queue = QUEUE_DEFAULT;
	if (!o->patience)
		o->patience = PATIENCE_DEFAULT;
	if (!o->start)
		o->start = START_DEFAULT;
	if (o->flags & ~(uint32_t)WEFT_MPI_ROOT_IDLE)
		return -EINVAL;
	if (o->queue > QUEUE_MAX || o->patience < MS_MIN || o->patience > MS_MAX || o->start < MS_MIN ||
	    o->start > MS_MAX || (o->local && strlen(o->local) >= MPI_TEXT))
		return -ERANGE;
	return 0;
}

static void gone(struct mpi_link *link, unsigned lost, void *ctx)
{
	struct session *s = ctx;

	(void)link;
	s->lost += lost;
	s->ex = NULL;
	session_put(s);
}

static int call(struct session *s, weft_executor **ret, const struct weft_mpi_opts *o)
{
	struct mpi_caller_opts c = {.queue = o->queue,
				    .patience = o->patience,
				    .start = o->start,
				    .executor = ++executors,
				    .flags = o->flags,
				    .name = o->name,
				    .local = o->local,
				    .gone = gone,
				    .ctx = s};
	int err = weft__mpi_new(&s->ex, &s->t.link, &c);

	if (!err)
		*ret = s->ex;
	else
		session_put(s);
	return err;
}

static int serve(struct session *s, bool until_dismissed)
{
	int err = weft__mpi_serve(&s->t.link, until_dismissed);

	session_put(s);
	return err < 0 ? err : 1;
}

int weft_mpi_new(weft_executor **ret, const struct weft_mpi_opts *opts)
{
	struct weft_mpi_opts o;
	struct session *s;
	int err = ret ? weft__mpi_opts(&o, opts) : -EINVAL;

	if (!err)
		err = check_opts(&o);
	if (!err)
		err = begin(&s, &o);
	if (err)
		return err;
	return s->t.link.rank ? serve(s, false) : call(s, ret, &o);
}

int weft_mpi_serve(const struct weft_mpi_opts *opts)
{
	struct weft_mpi_opts o;
	struct session *s;
	int err = weft__mpi_opts(&o, opts);

	if (!err && o.comm) /* a session of its own could not be found again */
		err = -EINVAL;
	if (!err)
		err = begin(&s, &o);
	if (err)
		return err;
	if (s->t.link.rank)
		return serve(s, true);
	session_put(s);
	return 0;
}

int weft_mpi_stats(const weft_executor *ex, unsigned rank, struct weft_mpi_rank_stats *ret)
{
	struct weft_mpi_rank_stats s = {.size = sizeof s};
	uint32_t size = ret ? ret->size : 0;
	int err = size >= sizeof size && size <= sizeof s ? weft__mpi_rank_stats(ex, rank, &s) : -EINVAL;

	if (!err) {
		s.size = size;
		memcpy(ret, &s, size);
	}
	return err;
}
