/* SPDX-License-Identifier: MIT
 *
 * weft/queue.h -- a bounded queue of messages between any mix of threads, fibers and processes: any number put, any
 * number get, first in, first out.
 *
 *   weft_queue *q;
 *   int err = weft_queue_new(&q, NULL);       // 1024 messages of up to 64 bytes
 *   ...                                       // a task gets q in its argument, on whichever executor
 *   err = weft_queue_put(q, &item, sizeof item, WEFT_FOREVER);
 *   ssize_t n = weft_queue_get(q, &item, sizeof item, WEFT_FOREVER);
 *   weft_queue_close(q);                      // who gets empties it, and then has -EPIPE
 *   weft_queue_free(q);
 *
 * It lies in shared memory. Its pointer means the same in the program, in every worker of its pools of processes
 * and in forks; programs that are not related open one by its name.
 *
 * Whoever is killed, and at whichever instruction: nobody waits for the dead one, and no message is lost or there
 * twice [QUEUE-1]. A put has happened, wholly, or not at all: it has if it returned 0. A get takes its message in one
 * step, at its end: who dies before that step leaves the message to others, who dies behind it has had the message, as
 * if he had died right after the return. Each message is therefore given to one get at most, and to exactly one as long
 * as somebody gets. For those that put or get together, "it" is each run of messages that goes in or out at once.
 * A live one that is stopped in the middle of a call (SIGSTOP, a debugger) does hold up others until it goes on, or
 * until their deadline.
 *
 * Messages are copied in and out. What is too large for that, goes as a weft_ref to a block of a region.
 *
 * Any process that has the queue can write to its memory: one that runs wild can spoil what is in it. A named queue's
 * positions and sizes are checked at each step [QUEUE-2], so that nothing worse comes of it here than wrong messages,
 * -EBADMSG, or a wait until the deadline.
 */
#ifndef WEFT_QUEUE_H
#define WEFT_QUEUE_H

#include <weft/region.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEFT_QUEUE_CAPACITY_MAX (1u << 30)           /* messages */
#define WEFT_QUEUE_MESSAGE_MAX  ((size_t)1 << 30)    /* bytes of one message */
#define WEFT_QUEUE_MEMORY_MAX   ((uint64_t)16 << 30) /* bytes of all messages, 16 GiB */
#define WEFT_QUEUE_NAME_MAX     200                  /* characters of a name */

typedef struct weft_queue weft_queue;

/** Options. Set size to sizeof(struct weft_queue_opts); 0 elsewhere is the default. */
struct weft_queue_opts {
	uint32_t size;       /* bytes; 0 counts as all of them */
	uint32_t capacity;   /* messages, 1 to WEFT_QUEUE_CAPACITY_MAX; default 1024 */
	size_t message_size; /* bytes of the largest, up to WEFT_QUEUE_MESSAGE_MAX; default 64 */
	uint64_t
		memory; /* bytes for messages, each of which takes 8 more, and is rounded up to 8; at least one of
			      * the largest fits. Default: as much as capacity messages of the largest size need.
			      * Rounded up to a power of two. With less than the default, a queue may be full before
			      * it has capacity messages */
	weft_region *region; /* where it lies; NULL: in one of its own. Not for named ones */
};

/** What a queue is, and has done. Exact while nobody puts or gets; what a putter put in whose call was not over when he
 * was killed, is counted from the next put on. */
struct weft_queue_usage {
	uint32_t capacity;   /* messages */
	uint32_t count;      /* messages in it */
	size_t message_size; /* bytes of the largest */
	uint64_t memory;     /* bytes for messages */
	uint64_t puts, gets; /* messages, since it was made */
	uint64_t put_sleeps,
		get_sleeps; /* how often somebody slept because it was full; because it was empty */
	uint64_t deaths;    /* of those that were killed in the middle of a put, get or close */
	bool closed;
};

/** Makes a queue without a name.
 *
 * @param opts  NULL: all defaults.
 * @return 0 | -EINVAL: ret is NULL, or unknown options set | -ERANGE: an option, or their product, is too large, or
 *         no message fits into memory | as weft_region_new, where region is NULL | -ENOMEM: the region is full.
 * @owns   *ret is the caller's: weft_queue_free. A given region has to live longer than the queue.
 * @from   Any thread, or inside a task; in workers and forks with a region that is given.
 * @waits  Never.
 * @orders Nothing.
 * Example: struct weft_queue_opts o = {.size = sizeof o, .capacity = 16}; err = weft_queue_new(&q, &o); */
WEFT_API int weft_queue_new(weft_queue **ret, const struct weft_queue_opts *opts);

/** Opens a queue by its name, for programs that are not related. It stays until weft_queue_unlink, whoever ends.
 *
 * It is a file in the machine's shared memory (/dev/shm), for its owner only: mode 0600. One that is of somebody
 * else, or open to others, or no queue of this version, architecture and namespace of processes, or not of the size
 * that it says, is refused, after a look at its head alone. Programs that share a queue trust one another to leave
 * the file's length alone.
 *
 * @param ret   The handle is this process's (and its forks'), and means nothing in workers of pools.
 * @param name  1 to WEFT_QUEUE_NAME_MAX of A-Z a-z 0-9 . _ -, not beginning with a dot.
 * @param opts  NULL: it has to exist. Else it is made, so, if it does not exist; one that does stays as it is.
 * @return 0 | -EINVAL: a NULL, the name, unknown options set, or a region given | -ERANGE: as weft_queue_new |
 *         -ENOENT: there is none | -EPERM: it is not the caller's own, or others may open it, or it is no plain
 *         file | -EBADMSG: it is no queue, or a damaged one | -ESTALE: of another version of weft, another
 *         architecture, or another namespace of processes | -EMSGSIZE: its largest message is smaller than opts asks
 *         for | -ENOSPC, -ENOMEM: no memory | -EACCES, -EMFILE, -ENFILE, -ENOSYS: the system's.
 * @owns   *ret is the caller's: weft_queue_free, which lets go of it.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: err = weft_queue_open(&q, "jobs", &opts); */
WEFT_API int weft_queue_open(weft_queue **ret, const char *name, const struct weft_queue_opts *opts);

/** Takes the name away. Who has the queue open keeps it; the next weft_queue_open makes another one.
 *
 * @return 0 | -EINVAL: the name | -ENOENT: there is none | -EACCES, -EPERM: it is not the caller's.
 * @owns   Nothing.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_queue_unlink("jobs"); */
WEFT_API int weft_queue_unlink(const char *name);

/** Puts a message in, behind all others. Waits while there is no room.
 *
 * @param msg       size bytes, which are copied. NULL is fine for none.
 * @param size      0 to the queue's message_size.
 * @param deadline  When to give up; a time that has passed, as 0: at once. WEFT_FOREVER: never.
 * @return 0 | -EPIPE: closed | -EMSGSIZE: larger than message_size | -ETIMEDOUT: no room by then | -ECANCELED: the
 *         calling task was cancelled while it waited | -EINVAL: a NULL, or no queue | -EDEADLK: in a signal handler
 *         that has interrupted a call of this thread with this queue. Nothing was put, where it is not 0.
 * @owns   *msg stays the caller's, and is not needed any more.
 * @from   Any thread, task or fiber of any process that has the queue. In a signal handler: weft_queue_try_put.
 * @waits  For room, until deadline; a fiber parks. And for those who are just copying, which lasts a moment, 20 ms at
 *         most if the deadline has passed.
 * @orders What the caller did before happens before the get that has this message returns.
 * Example: err = weft_queue_put(q, &item, sizeof item, weft_after(WEFT_SECONDS(1))); */
WEFT_API int weft_queue_put(weft_queue *q, const void *msg, size_t size, weft_time deadline);

/** Takes the first message out. Waits while there is none.
 *
 * @param msg       room bytes, for the message. NULL is fine for none.
 * @param deadline  As weft_queue_put.
 * @return The message's size | -EPIPE: closed, and nothing is left | -EMSGSIZE: it is larger than room, and stays |
 *         -ETIMEDOUT: none by then | -ECANCELED: as weft_queue_put | -EINVAL, -EDEADLK: likewise | -EBADMSG: a wild
 *         process has spoilt the queue.
 * @owns   The message is the caller's: no other get has it, or will.
 * @from   As weft_queue_put.
 * @waits  As weft_queue_put, for a message.
 * @orders What the putter did before its put happens before the return.
 * Example: ssize_t n = weft_queue_get(q, &item, sizeof item, WEFT_FOREVER); */
WEFT_API ssize_t weft_queue_get(weft_queue *q, void *msg, size_t room, weft_time deadline);

/** As weft_queue_put, if there is room now.
 *
 * @return As weft_queue_put; -EAGAIN in place of -ETIMEDOUT.
 * @owns   As weft_queue_put.
 * @from   As weft_queue_put, signal handlers included.
 * @waits  Not for room.
 * @orders As weft_queue_put.
 * Example: if (weft_queue_try_put(q, &item, sizeof item) == -EAGAIN) drop(&item); */
WEFT_API int weft_queue_try_put(weft_queue *q, const void *msg, size_t size);

/** As weft_queue_get, if there is a message now.
 *
 * @return As weft_queue_get; -EAGAIN in place of -ETIMEDOUT.
 * @owns   As weft_queue_get.
 * @from   As weft_queue_get, signal handlers included.
 * @waits  Not for a message.
 * @orders As weft_queue_get.
 * Example: while ((n = weft_queue_try_get(q, &item, sizeof item)) >= 0) use(&item); */
WEFT_API ssize_t weft_queue_try_get(weft_queue *q, void *msg, size_t room);

/** Puts n messages of one size in, in their order. Waits until all are in.
 *
 * As many as there is room for go in together, next to one another, in one step [QUEUE-3]: some of them are never seen
 * without the others of that run, not when the putter is killed either.
 *
 * @param msgs  n times size bytes.
 * @return How many were put, from the first on: n, or fewer, where what follows ended the wait behind them. If none
 *         was: as weft_queue_put. n is 0: 0.
 * @owns   As weft_queue_put.
 * @from   As weft_queue_put.
 * @waits  As weft_queue_put.
 * @orders As weft_queue_put.
 * Example: ssize_t k = weft_queue_put_many(q, row, sizeof row[0], 100, WEFT_FOREVER); */
WEFT_API ssize_t weft_queue_put_many(weft_queue *q, const void *msgs, size_t size, size_t n,
				     weft_time deadline);

/** Takes up to n messages of one size out, in their order. Waits for the first one only.
 *
 * @param msgs  Room for n times size bytes.
 * @param size  Of each of them. It stops before a message of another size.
 * @return How many, at least 1 | -EMSGSIZE: the first one is not of that size | else as weft_queue_get. n is 0: 0.
 * @owns   As weft_queue_get. A getter that is killed has had all of them, or none.
 * @from   As weft_queue_get.
 * @waits  As weft_queue_get.
 * @orders As weft_queue_get.
 * Example: ssize_t k = weft_queue_get_many(q, row, sizeof row[0], 100, WEFT_FOREVER); */
WEFT_API ssize_t weft_queue_get_many(weft_queue *q, void *msgs, size_t size, size_t n, weft_time deadline);

/** Closes it: nothing can be put any more, what is in it can be taken out. Whoever waits is told.
 *
 * @return 0, also if it was closed before | -EINVAL: NULL, or no queue | -EDEADLK: as weft_queue_put.
 * @owns   Nothing.
 * @from   As weft_queue_put.
 * @waits  For those who are just copying.
 * @orders Each put that returned 0 came before: getters have all of those before -EPIPE.
 * Example: weft_queue_close(q); */
WEFT_API int weft_queue_close(weft_queue *q);

/** Frees it, with all that is in it. Of a named one it frees the handle only.
 *
 * @param q  NULL is fine. Nobody may be using it, in any process; of a named one, nobody this handle.
 * @return 0 | -EINVAL: not a queue, or freed before | -ECHILD: it has a region of its own, which is another process's.
 * @owns   *q is gone.
 * @from   Any thread, or inside a task.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_queue_free(q); */
WEFT_API int weft_queue_free(weft_queue *q);

/** How many messages are in it.
 *
 * @return That many, at some time in the call | -EINVAL: NULL, or no queue.
 * @owns   Nothing.
 * @from   As weft_queue_put, signal handlers included.
 * @waits  Never.
 * @orders Nothing.
 * Example: if (weft_queue_count(q) > 100) slow_down(); */
WEFT_API ssize_t weft_queue_count(const weft_queue *q);

/** What it is, and has done.
 *
 * @return 0 | -EINVAL: a NULL, or no queue.
 * @owns   Nothing.
 * @from   As weft_queue_count.
 * @waits  Never.
 * @orders Nothing.
 * Example: struct weft_queue_usage s; weft_queue_stats(q, &s); */
WEFT_API int weft_queue_stats(const weft_queue *q, struct weft_queue_usage *ret);

#ifdef __cplusplus
}
#endif
#endif
