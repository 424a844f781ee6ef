/* SPDX-License-Identifier: MIT
 *
 * cpu.h -- the parts of weft_cpu_count(), for its unit test.
 */
#ifndef WEFT_CORE_CPU_H
#define WEFT_CORE_CPU_H

#include <weft/base.h>

/* How many CPUs the calling thread may be scheduled on, at least 1. */
unsigned weft__cpu_affinity(void);

/* How many CPUs' worth of time the control groups of this process leave it, rounded up; UINT_MAX: no
 * limit. root stands before /proc and before every mount point found there; "" in earnest. */
unsigned weft__cpu_quota(const char *root);

#endif
