/* SPDX-License-Identifier: MIT
 *
 * mpi_frame.h -- what ranks say to one another. A frame is one message: a head, then records. Several records
 * share a frame where they come together, since a message costs more than a record.
 *
 * All ranks run the same build of the same program (the first record sees to that), so numbers lie in frames as
 * they lie in memory. Times never do, since each machine has a clock of its own: a deadline is the time left.
 *
 *   the caller's rank to the others       the others to the caller's
 *   OPEN    who are you?                  WELCOME   this is me, or why I will not
 *   FN      number id is that function
 *   TASK    id: run this                  DONE      id: its outcome
 *   DATA    id: a piece of its argument   DATA      id: a piece of its result
 *   CANCEL  id: ask it to give up
 *   RECALL  give back at most id tasks    RETURNED  id: it has not begun, and will not here
 *                                         RECALLED  that were id
 *   BEAT    I live                        BEAT      I live
 *   STOP    stop like that (enum weft_stop)
 *   TRACE   before OPEN: trace, into that file
 *   CLOCK   what does your clock show?    CLOCK     that
 *   GATHER  end your part of the trace    PIECE     a piece of it; at the end of the executor, too
 *                                         GATHERED  that was all; 0: there was none
 *   END     this executor is no more      ENDED     nothing of it is left here
 *   BYE     there will be no other one
 *
 * What arrives is checked here for what the records say of their own size, and by who handles them for what they
 * mean. Nothing in a frame indexes anything before that.
 */
#ifndef WEFT_EXECUTORS_MPI_FRAME_H
#define WEFT_EXECUTORS_MPI_FRAME_H

#include "token.h"
#include "trace_file.h"
#include <weft/future.h>

enum {
	MPI_WIRE_VERSION = 2,
	MPI_WIRE_MAGIC = 0x74666577, /* "weft" */
	MPI_ALIGN = 16,              /* of records, and so of arguments and results */
	MPI_INLINE = 16384, /* bytes of an argument or result that still lie in the record; more is DATA */
	MPI_CHUNK = 262144, /* bytes of one DATA */
	MPI_FRAME_SMALL = 4000, /* bytes: a frame is sent at the latest when it is that long. Goes eagerly */
	MPI_FRAME_MAX = 266240, /* bytes of any frame */
	MPI_PATH = 3000,        /* bytes of a path, at most */
	MPI_TEXT = 64           /* bytes of a host's name, or of an executor's text, with the NUL */
};

enum mpi_kind {
	REC_OPEN = 1,
	REC_WELCOME,
	REC_FN,
	REC_TASK,
	REC_DATA,
	REC_CANCEL,
	REC_RECALL,
	REC_RETURNED,
	REC_RECALLED,
	REC_DONE,
	REC_BEAT,
	REC_STOP,
	REC_END,
	REC_ENDED,
	REC_BYE,
	REC_TRACE,
	REC_CLOCK,
	REC_GATHER,
	REC_PIECE,
	REC_GATHERED,
	REC_KINDS
};

/* Which way a frame goes: a rank may be both the caller's and a server. */
enum mpi_way { TO_SERVER = 1, TO_CALLER = 2 };

struct mpi_head {
	uint32_t magic, size; /* bytes of the whole frame */
	uint32_t executor;    /* a frame of one that has ended is dropped */
	uint32_t way;
};

struct mpi_record {
	uint32_t kind;
	uint32_t size; /* bytes of the whole record, a multiple of MPI_ALIGN */
	uint32_t id;
	uint32_t n; /* bytes behind the body */
};

struct mpi_open {
	uint32_t version;
	uint32_t patience; /* ms after which who is silent is lost */
	struct weft__token program;
	char local[MPI_TEXT]; /* the executor to run tasks on; "": the server's choice */
};

struct mpi_welcome {
	int32_t status; /* 0, or why it will not serve */
	uint32_t workers, caps;
	int32_t pid;
	struct weft__token program;
	char host[MPI_TEXT];
};

struct mpi_fn {
	struct weft__token token;
};

struct mpi_task {
	uint32_t fn;
	int32_t priority;
	uint64_t arg_size,
		result_size; /* bytes; the argument is behind this, unless it is larger than MPI_INLINE */
	int64_t left;        /* ns; WEFT_FOREVER: no deadline */
	uint64_t batch;      /* calls in it, all of one size; 0: an ordinary task */
	uint32_t flags;      /* WEFT_TASK_* */
	uint32_t reserved;
	uint64_t traced; /* what the trace of the caller's rank calls it */
};

struct mpi_data {
	uint64_t offset, reserved;
};

enum { DONE_HAS_DEATH = 1, DONE_HAS_TEXT = 2 };

/* Behind it: the path that the trace has on the caller's rank, without a NUL. */
struct mpi_trace {
	uint64_t size; /* bytes, of the raw file */
};

struct mpi_clock {
	int64_t now;                 /* of the answer */
	struct trace_clock clock[2]; /* of the question: what is known so far; for the file */
};

/* Behind it: the result, unless it came as DATA; then the text. */
struct mpi_done {
	int32_t status;
	uint32_t flags;
	uint64_t reply_size;
	uint64_t failed; /* which call of a batch */
	uint32_t result_n, text_n;
	/* struct weft_death without what differs between systems */
	int32_t pid, signal, code, more; /* more: 1 core, 2 oom */
	int64_t utime_us, stime_us, maxrss_kib, reserved;
};

/* ---- Writing. A writer with n == 0 is empty. ---- */

struct mpi_writer {
	char *at;
	size_t n, size; /* bytes there are, bytes there is room for */
	uint32_t executor, way;
};

/* Appends a record with room for n more bytes behind the body, and returns where they go; NULL: no room. Padding is
 * zeroed. body_size is what the kind says. */
void *mpi_write(struct mpi_writer *w, enum mpi_kind kind, uint32_t id, const void *body, size_t n);
/* The head of what goes out. */
struct mpi_head mpi_head_of(const struct mpi_writer *w);
/* Bytes of a record of that kind with n more behind its body. */
size_t mpi_record_size(enum mpi_kind kind, size_t n);

/* ---- Reading ---- */

struct mpi_reader {
	const char *at;
	size_t left;
	struct mpi_head head;
};

/* One record: its body, of the size that its kind has, and what is behind it. */
struct mpi_view {
	enum mpi_kind kind;
	uint32_t id;
	const void *body;
	const char *more;
	size_t n;
};

/* 0 | -EBADMSG: no frame. frame is aligned to MPI_ALIGN and belongs to this process alone. */
int mpi_read(struct mpi_reader *r, const char *frame, size_t size);
/* 1: *ret is the next record | 0: there is none | -EBADMSG: nonsense; the rest of the frame is worthless. */
int mpi_next(struct mpi_reader *r, struct mpi_view *ret);

#endif
