/* SPDX-License-Identifier: MIT
 *
 * kit_own.h -- what models of weft_process share: a kernel with nurseries, sockets and processes in it, in place of
 * process_own_sleep.c, process_home.c, process_files.c, process_plan.c and nursery_wire.c.
 *
 * A nursery answers as soon as it is asked. That is no less than reality: the watcher may come and look as late
 * as it likes. It dies, and its processes end, by threads of the model.
 */
#ifndef TESTS_MODEL_KIT_OWN_H
#define TESTS_MODEL_KIT_OWN_H

#include "model.h"
#include "process_own.h"

enum { KIT_NURSERIES = 3, KIT_STATUS = 7 };

/* What is to go wrong. */
extern struct kit_own {
	bool memfd_fails, open_fails, spawn_fails; /* there is none to be had; the nursery says so */
	bool dies_when_asked;                      /* a nursery: without an answer */
	bool ends_at_once; /* a process has ended before anybody hears that it exists */
	bool lingers;      /* a nursery without a process goes when a sleep times out, not before the end */
	unsigned nurseries, spawned; /* how many there have been */
} kit_own;

/* In the body: nothing is there; so many threads will start processes. */
void kit_own_start(unsigned starters);
void kit_own_nursery(void); /* in the body: there is one, and the watcher is about to look at it */

/* weft_process_start, and the last that a starter does. */
int kit_own_process(weft_process **ret, uint32_t flags);
void kit_own_starter_ends(void);

/* Threads of a model. The first nursery is killed, with what it has; a process, by its number, which is not killed,
 * ends, and has left its outcome. */
void kit_own_kill_nursery(void *unused);
void kit_own_process_ends(void *number);
unsigned kit_own_nursery_of(unsigned process);

/* After model_run: nothing is left of nurseries, processes, descriptors and memory. */
void kit_own_check(void);

#endif
