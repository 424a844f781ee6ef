/* SPDX-License-Identifier: MIT
 *
 * worker_plan.h -- what the workers of a pool are made with, and where they find the files of functions that
 * the program has loaded with dlopen.
 *
 * A plan is a memfd that the pool writes and every worker has mapped, but for reading only: once the pool has
 * its own mapping it is sealed (F_SEAL_FUTURE_WRITE), so that a worker gone bad cannot change what the next one
 * runs. All but the list of modules is written before the nursery gets it. The list grows at its end:
 *
 *   a module is added before the first task that needs it is published to a lane, and a worker looks for it
 *   when it has taken that task; so the lane's S1 carries the entry, and n_modules needs no order of its own.
 */
#ifndef WEFT_EXECUTORS_WORKER_PLAN_H
#define WEFT_EXECUTORS_WORKER_PLAN_H

#include "atomic.h"
#include "token.h"
#include <weft/process_pool.h>

enum {
	PLAN_MODULES = 1024,
	PLAN_PATH = 4096 - sizeof(struct weft__token) /* bytes, with the NUL */
};

struct worker_module {
	struct weft__token token; /* of any function in it */
	char path[PLAN_PATH];     /* "": it has none that leads to it */
};

struct worker_plan {
	uint64_t slot_size; /* bytes */
	enum weft_start start;
	uint32_t flags;               /* WEFT_PROCESSES_* */
	uint32_t max_rss, max_memory; /* MiB; 0, here and below: no limit */
	uint32_t max_cpu, max_files;  /* seconds; descriptors */
	uint32_t nice;                /* added */
	bool own;                     /* each worker is a weft_process: worker_own.h */
	bool alone;                   /* there is one processor: weft__spin_alone */
	bool shown; /* workers keep their lanes' descriptors, by which others find what they run */
	struct weft__token init, fini; /* id_len 0: none */
	size_t init_arg_size;          /* bytes */
	_Alignas(16) char init_arg[WEFT_INIT_ARG_MAX];
	atom_u32 n_modules;
	struct worker_module module[PLAN_MODULES];
};

/* How a worker's start went; in its lane, so in a memory that the worker may write as it likes. */
enum { WORKER_STARTING, WORKER_UP, WORKER_FAILED };

struct worker_report {
	uint32_t number; /* the pool's: which of its workers it is */
	atom_u32 state;  /* WORKER_* */
	int32_t error;   /* FAILED: negative errno */
	char text[WEFT_ERROR_TEXT_MAX + 1];
};

/* ---- The pool's side: process_plan.c ---- */

/* Makes a plan of checked options; returns its sealed memfd. */
int plan_create(struct worker_plan **ret, const struct weft_process_pool_opts *o);
int plan_renew(struct worker_plan **io); /* a copy in its place; returns the copy's memfd */
void plan_destroy(struct worker_plan *plan);

/* The token of fn, whose file is in the plan then. Under the pool's lock. 0 | -ENOEXEC: as weft__token_make; or
 * there are PLAN_MODULES files; or it is none of those that workers in a sandbox have loaded. */
int plan_token(struct worker_plan *plan, weft_fn *fn, struct weft__token *ret);

/* Adds a file, unless it is there. 0 | -ENOEXEC: there are PLAN_MODULES. */
int plan_add(struct worker_plan *plan, const struct weft__token *token, const char *path);

/* ---- Both ---- */

size_t plan_size(void);

/* The module with that token's build-id; NULL: none. */
const struct worker_module *plan_find(const struct worker_plan *plan, const struct weft__token *token);

#endif
