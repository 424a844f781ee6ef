/* SPDX-License-Identifier: MIT
 *
 * measure_programs.h -- workloads of other programs: what a peer fills in.
 */
#ifndef MEASURE_PROGRAMS_H
#define MEASURE_PROGRAMS_H

#include "measure.h"

struct program_peer {
	void (*start)(const char *path); /* runs it without arguments, and waits for its end */
	size_t (*collect)(
		const char *path); /* has "cat" write that file; all of it in memory at once; bytes */
};

#endif
