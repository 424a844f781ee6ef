/* SPDX-License-Identifier: MIT
 *
 * weft/mpi.h -- the executor "mpi": tasks on many machines, one rank of an MPI job on each. In a library of its own,
 * libweft-mpi; this header does not need MPI's.
 *
 *   mpirun -n 64 ./primes --executor mpi
 *
 * All ranks run the same program. Rank 0 is the caller: it gets the executor, and goes on with main. The others serve:
 * they run tasks until rank 0 has stopped its executor. Each rank, rank 0 too, runs its tasks on a pool of its own:
 * worker processes, so that a crash costs a task and not the job.
 *
 * Function, argument and result travel as they do to worker processes: the function as a name, the bytes as copies.
 * So pointers mean nothing there (WEFT_TASK_LOCAL is refused with -EXDEV), nor do descriptors and regions.
 */
#ifndef WEFT_MPI_H
#define WEFT_MPI_H

#include <weft/executor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of weft_mpi_opts. */
enum {
	WEFT_MPI_ROOT_IDLE = 1, /* rank 0 runs no tasks itself, if there are other ranks */
};

/** Options. Set size to sizeof(struct weft_mpi_opts); 0 elsewhere is the default. The caller's count, those of the
 * other ranks are not looked at, but for comm. */
struct weft_mpi_opts {
	uint32_t size;     /* bytes; 0 counts as all of them */
	uint32_t flags;    /* WEFT_MPI_* */
	uint32_t queue;    /* tasks that may wait on rank 0, 1..2^30; default 65,536 */
	uint32_t patience; /* ms of silence after which a rank is lost, 100..3,600,000; default 3,000 */
	uint32_t start;    /* ms that ranks have to answer the first time, 100..3,600,000; default 60,000 */
	const char *name;  /* copied */
	const char *
		local; /* what each rank runs its tasks on: "processes:4", "threads"...; WEFT_MPI_LOCAL in a rank's
			    * environment comes first; default "processes" */
	const void *comm; /* points to an MPI_Comm, which is duplicated; NULL: MPI_COMM_WORLD */
};

/** What rank 0 knows of a rank. */
struct weft_mpi_rank_stats {
	uint32_t size;      /* bytes: set it before the call */
	uint32_t workers;   /* that run tasks there; 0: none do */
	pid_t pid;          /* of the rank */
	char host[64];      /* its machine's name */
	uint32_t in_flight; /* tasks that it has, now */
	uint32_t lost;      /* 1: it was silent for too long, and is not used any more */
	uint64_t done;      /* tasks that it has answered */
	uint64_t died;      /* tasks that were lost with it */
	weft_time silence;  /* ns since it was heard last */
	uint64_t reserved_[4];
};

/** Makes the executor "mpi". Collective: all ranks of the communicator call it.
 *
 * On rank 0 it returns the executor. On any other rank it serves until rank 0 stops or frees that executor, and
 * then returns 1: the program goes on, and may call it again as often as rank 0 does.
 *
 * MPI is initialised if it is not, for MPI_THREAD_SERIALIZED, and is then finalised when the program ends. If the
 * program has done it, it must have asked for that level or a higher one; below MPI_THREAD_MULTIPLE it must leave MPI
 * alone while the executor lives. MPI is called by one thread of each rank alone, and ranks are never spawned.
 *
 * Without mpirun or its like there is one rank, and MPI is not touched: tasks run on the local pool, and
 * weft_executor_name says so.
 *
 * @param opts  NULL: all defaults.
 * A task that has gone to a rank counts as started there. Cancelled, it is WEFT_CANCEL_ASKED; if it turns out not to
 * have begun, it does not run, and is done with -ECANCELED. Of a rank that is lost (killed, stopped, out of reach) all that
 * had gone there ends with -EOWNERDEAD, or runs again elsewhere if it is idempotent; what had not gone is not touched
 * by that. A rank that is lost is never used again. Deadlines travel as time left, so a body sees its own a little late.
 *
 * @return 0: rank 0, with the executor | 1: another rank, which has served | -EINVAL: ret is NULL, or unknown options |
 *         -ERANGE: a number outside its limits | -ENOEXEC: ranks run different builds, or one without a build-id; no
 *         task was run | -ETIMEDOUT: a rank did not answer within start | -EBUSY: the last one has not been freed |
 *         -ENOTSUP: the program initialised MPI below MPI_THREAD_SERIALIZED, or this is a task |
 *         -ECHILD: a fork of a program in which MPI is up | -EOWNERDEAD: a rank other than 0 has
 *         not heard of rank 0 for twenty times patience, and a minute | -EIO: MPI says no | -ENOMEM, -EMFILE, -EAGAIN.
 * @owns   *ret is the caller's: weft_executor_free. What comm points to is only read.
 * @from   Any thread but of one rank at a time; not inside a task.
 * @waits  Rank 0 for all ranks to answer, the others for the end of the executor.
 * @orders Nothing.
 * Example: int err = weft_mpi_new(&ex, NULL); if (err) return err < 0; */
WEFT_API int weft_mpi_new(weft_executor **ret, const struct weft_mpi_opts *opts);

/** Serves, on every rank but 0: for programs that decide early who they are.
 *
 * What weft_executor_open does with "mpi" on such a rank is this, and then exit(0): it serves executor after executor
 * until rank 0 ends, and main does not go on.
 *
 * @param opts  NULL: all defaults. comm must be NULL; nothing else counts.
 * @return 0: this is rank 0, which has served nobody: go on, and call weft_mpi_new | 1: rank 0 has ended, or needs no
 *         more executors; this rank has served | as weft_mpi_new.
 * @owns   Nothing.
 * @from   As weft_mpi_new.
 * @waits  On ranks other than 0, until rank 0 ends.
 * @orders Nothing.
 * Example: int served = weft_mpi_serve(NULL); if (served) return served < 0; */
WEFT_API int weft_mpi_serve(const struct weft_mpi_opts *opts);

/** What rank 0 knows of one of its ranks.
 *
 * @param rank  0 is the caller's own.
 * @param ret   ret->size says how much of it there is.
 * @return 0 | -EINVAL: ex is not from weft_mpi_new, no such rank, a NULL, or an unknown size.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: struct weft_mpi_rank_stats s = {.size = sizeof s}; weft_mpi_stats(ex, 1, &s); */
WEFT_API int weft_mpi_stats(const weft_executor *ex, unsigned rank, struct weft_mpi_rank_stats *ret);

#ifdef __cplusplus
}
#endif
#endif
