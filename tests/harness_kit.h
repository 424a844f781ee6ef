/* SPDX-License-Identifier: MIT
 *
 * harness_kit.h -- between harness.c and harness_kit.c. Tests include harness.h only.
 */
#ifndef TESTS_HARNESS_KIT_H
#define TESTS_HARNESS_KIT_H

#include "harness.h"

#define HARNESS_PROCESSES_MAX 4096

struct harness_process {
	pid_t pid, parent, group;
	char state;
	char comm[32];
};

extern const char *harness_spec; /* the executor under test */
extern char harness_dir[80];     /* the directory of this test */

/* The processes of the machine. Returns how many were written to ret. */
size_t harness_processes(struct harness_process ret[], size_t max);

/* Which one of an MPI job this program is; 0: the first, or there is none. */
unsigned harness_rank(void);

/* Unmaps what test_board and test_memory made. */
void harness_boards_free(void);

#endif
