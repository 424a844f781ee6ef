/* SPDX-License-Identifier: MIT
 *
 * kit_locks.h -- what models of locks share: in place of ipc/holder.c, threads that have numbers, and a kernel that
 * goes through the list of one that has died.
 */
#ifndef TESTS_MODEL_KIT_LOCKS_H
#define TESTS_MODEL_KIT_LOCKS_H

#include "model.h"
#include "mutex.h"

/* In the body. */
void kit_locks_start(void);

/* First of all in each thread: its number, from 1, as model_thread gave it. */
void kit_locks_thread(uint32_t number);

/* A thread: when thread 1 is dead, does what the kernel does. Ends when that one has called kit_locks_end. */
void kit_locks_kernel(void *arg);
void kit_locks_end(void);

#endif
