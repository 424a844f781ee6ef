/* SPDX-License-Identifier: MIT
 *
 * kit_pool.h -- what models of the pool of threads share: a pool put together by hand, of the sources of
 * executors/thread_*.c, in which no thread was started. The threads of a model are its workers.
 *
 * It has one shard, so that which one a thread takes is no matter of chance. Its queues are as small as the
 * models are, and begin just before their positions wrap.
 */
#ifndef TESTS_MODEL_KIT_POOL_H
#define TESTS_MODEL_KIT_POOL_H

#include "kit_task.h"
#include "thread_parts.h"

enum { KIT_WORKERS = 3, KIT_CELLS = 4 };

extern struct thread_pool *const kit_pool;
extern struct thread_queue *const kit_shard;

/* In the body: fresh tasks, and a fresh pool of size seats, with a worker on each, more workers without one, and
 * room for limit tasks. It is the executor of kit_submit, too. */
void kit_pool_start(unsigned size, unsigned workers, uint32_t limit);

/* In the body: puts task i into the queue of seat number seat, as if its owner had submitted it. */
void kit_pool_put(unsigned seat, int i);

/* In the body: gives everybody credit, and each queue a token, as far as they go. Else nobody has any. */
void kit_pool_ready(void);

/* In the body: worker i searches; or sleeps; or waits in reserve, without a seat. */
void kit_pool_searches(unsigned i);
void kit_pool_sleeps(unsigned i);
void kit_pool_waits(unsigned i);

/* The calling thread is worker i from now on. */
struct thread_worker *kit_worker(unsigned i);

/* Worker w works until it has run n tasks. */
void kit_serve(struct thread_worker *w, unsigned n);

/* In the body, when all have returned: is task i in a queue; how many are; are there n, and is every token
 * somewhere? */
bool kit_is_queued(int i);
unsigned kit_queued(void);
void kit_pool_check(unsigned n);

#endif
