/* SPDX-License-Identifier: MIT
 *
 * tracing.h -- writing down what probe.h tells of. The public side is weft/trace.h; how the file looks, trace_file.h.
 */
#ifndef WEFT_CORE_TRACING_H
#define WEFT_CORE_TRACING_H

#include "atomic.h"

#include <stdbool.h>
#include <weft/task.h>

/* What happened; the numbers are those in the file. id, a, b: */
enum weft__trace_kind {
	WEFT__TRACE_NOTHING,
	WEFT__TRACE_SUBMIT, /* task, name of the executor, the executor */
	WEFT__TRACE_START,  /* task, its name */
	WEFT__TRACE_END,    /* task, status */
	WEFT__TRACE_DONE,   /* task, status */
	WEFT__TRACE_WAIT,   /* task */
	WEFT__TRACE_WAITED, /* task, error of the wait */
	WEFT__TRACE_GOT,    /* task */
	WEFT__TRACE_PARK,   /* -, 1: idle */
	WEFT__TRACE_UNPARK,
	WEFT__TRACE_STEAL,  /* -, how many */
	WEFT__TRACE_SWITCH, /* fiber */
	WEFT__TRACE_RING,   /* -, how many requests */
	WEFT__TRACE_KILL,   /* pid */
	WEFT__TRACE_DEATH,  /* pid, signal, exit code */
	WEFT__TRACE_MARK,   /* -, text */
	WEFT__TRACE_SENT,   /* task, its name or 0, the rank that it goes to */
	WEFT__TRACE_TAKEN,  /* task of a rank, -, that of rank 0 which it does */
	WEFT__TRACE_KINDS
};

/* ---- trace.c: writing. From any thread, with any locks held; never waits, takes no memory ---- */

void weft__trace_record(enum weft__trace_kind kind, uint64_t id, uint32_t a, uint64_t b);
void weft__trace_submit(const weft_task *t, const void *ex, const char *executor);
/* Not with locks held: may ask the loader for the name of a function. name: 0, or what trace_name gave. */
void weft__trace_start(const void *id, const weft_task *t, uint32_t name);
uint32_t weft__trace_name(const char *text); /* 0: none, or there is no room, or no trace */

/* Where who writes into the file by himself is in; NULL: there is no trace. Nothing that waits may come in between. */
atom_u32 *weft__trace_enter(void);
void weft__trace_leave(atom_u32 *in);
struct trace_name;
uint32_t weft__trace_number(struct trace_name *table, const char *text); /* as trace_name, in any table */

/* What all files know of the trace of this process. */
struct trace_head;
struct trace_chunk;
struct trace_clock;
extern struct weft__trace {
	struct trace_head *head; /* NULL: there is none */
	uint32_t n_chunks;
	atom_u32 epoch;   /* a thread's chunk belongs to one of them */
	char process[16]; /* what this one is called */
	int32_t program;  /* of a worker: whose tasks it runs; else 0 */
	const char *file; /* of the program, without its folder; "": unknown */
} weft__trace;

void weft__trace_clear(uint32_t bit); /* of weft__probes */
void weft__trace_switch_off(void);    /* returns when no thread writes any more */
void weft__trace_forget(void);        /* while it is off: threads take new chunks, functions new names */
void weft__trace_users_reset(void);

/* ---- trace_env.c ---- */

void weft__trace_open(void); /* begins the trace that WEFT_TRACE asks for; not with locks held */
void weft__trace_env_forked(void);

/* ---- trace_start.c: beginning and end ---- */

enum { WEFT__TRACE_MOST_MIB = 16384 };

void weft__trace_forked(void); /* in a child */
/* A descriptor of the file, for a process that is to write into it too, and which the caller closes; -1: none. */
int weft__trace_share(void);
/* In that process, which has one thread, and is to be called so: writes into the file at fd from now on, and leaves
 * its end to others. -1: writes nothing. */
void weft__trace_attach(int fd, const char *process);

/* The trace of a job of several machines is that of rank 0. Its path, without links, and the size of its raw file;
 * false: nothing is traced. */
bool weft__trace_where(char *ret, size_t room, size_t *ret_size);
/* Is called in weft_trace_stop, before the end, in any thread: to bring in what others have. fn NULL: no more. Waits
 * while it is being called. */
void weft__trace_on_stop(void (*fn)(void *), void *ctx);
/* What a rank has traced did not come: it can be put together by hand. */
void weft__trace_missing(uint32_t rank);

/* Any other rank writes its part into a raw file of its own, PATH with .rankN in it. Begins one; as weft_trace_start. */
int weft__trace_part_begin(const char *path, size_t size, uint32_t rank);
void weft__trace_part_clock(const struct trace_clock *two);
/* Ends it, and leads to what was written, until the next call; NULL: this process has no such part. */
const struct trace_head *weft__trace_part_end(size_t *ret_size);
void weft__trace_part_free(void); /* and removes its file */

/* ---- trace_part.c: such parts, put into the trace of rank 0 ---- */

/* Copies n chunks of such a part, whose head is src (weft__trace_adopt), if there is a trace here. */
void weft__trace_part_take(struct trace_head *src, const struct trace_chunk *chunk, size_t n);

#endif
