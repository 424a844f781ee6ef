/* SPDX-License-Identifier: MIT
 *
 * measure_lock.h -- workloads of locks: what a peer fills in. As in measure.h the loop lies in the peer's file.
 */
#ifndef MEASURE_LOCK_H
#define MEASURE_LOCK_H

#include "measure.h"

struct lock_peer {
	bool is_shared;                                         /* between processes */
	void (*init)(void *lock);                               /* of at most 128 bytes, zeroed */
	void (*turns)(void *lock, uint64_t *counter, size_t n); /* n times: take it, add 1, give it up */
};

#endif
