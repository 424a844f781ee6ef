/* SPDX-License-Identifier: MIT
 *
 * worker_own.h -- the memory that a weft_process shares with the program: its one task, and the outcome. It cannot
 * change its size; the process may write what it likes into it, so the program copies once, and then checks.
 *
 *   tag  word    from -> to           order                    carries
 *   W1   state   process -> program   store rel -> load acq    the outcome
 *
 * The program writes the rest before the process is there, and looks at the outcome when it has ended. Death: then
 * state says whether the outcome is whole.
 */
#ifndef WEFT_EXECUTORS_WORKER_OWN_H
#define WEFT_EXECUTORS_WORKER_OWN_H

#include "state.h"
#include "token.h"
#include "worker_plan.h"
#include <weft/thread.h>

enum { OWN_RUNS, OWN_DONE, OWN_ALIGN = 16 };

struct own_task {
	atom_u32 state;
	atom_u32 cancel; /* the program raises it */
	struct weft__token fn;
	uint64_t arg_size, result_size; /* bytes */
	uint64_t traced;                /* the task's address in the program */
	int32_t status;                 /* the outcome, as the next three */
	uint32_t has_text;
	uint64_t reply_size;
	char text[WEFT_ERROR_TEXT_MAX + 1];
	char name[WEFT_NAME_MAX + 1];
	_Alignas(OWN_ALIGN) char payload[]; /* argument, then result */
};

/* Where the result lies in the payload. */
static inline size_t own_result_at(size_t arg_size)
{
	return (arg_size + OWN_ALIGN - 1) & ~(size_t)(OWN_ALIGN - 1);
}

/* worker_own.c: as worker_start, for a task that has the process to itself. space NULL: as there. */
struct weft__space;
_Noreturn void worker_own(const struct worker_plan *plan, int memfd, int bell, int trace,
			  const struct weft__space *space, int space_fd);

#endif
