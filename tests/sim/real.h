/* SPDX-License-Identifier: MIT
 *
 * real.h -- what the two files of this machine know of each other.
 */
#ifndef TESTS_SIM_REAL_H
#define TESTS_SIM_REAL_H

#include "machine.h"

enum { REAL_THREADS = 62 };

struct real_thread {
	_Alignas(128) uint64_t bit;
	uint64_t accesses, transfers;
	struct sites sites;
};

struct real_thread *real_thread(unsigned i); /* NULL: there were not so many */

#endif
