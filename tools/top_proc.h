/* SPDX-License-Identifier: MIT
 *
 * top_proc.h -- what the kernel tells anybody of a process or thread.
 */
#ifndef TOOLS_TOP_PROC_H
#define TOOLS_TOP_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct top_proc {
	char state;     /* as in proc(5): R, S, D, T, Z, ... */
	uint64_t cpu;   /* ns of processor time so far, of all its threads if it is a process */
	uint64_t began; /* ns after the machine */
};

/* tid 0: all of the process. False: there is no such. */
bool top_proc_read(pid_t pid, pid_t tid, struct top_proc *ret);

/* Its command line with spaces between the arguments, or its name; without control characters. */
void top_proc_command(pid_t pid, char *ret, size_t size);

#endif
