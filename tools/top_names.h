/* SPDX-License-Identifier: MIT
 *
 * top_names.h -- what addresses in another process are called. They mean nothing here; what lies there the process's
 * map says, and the files in it.
 */
#ifndef TOOLS_TOP_NAMES_H
#define TOOLS_TOP_NAMES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct top_names;

struct top_names *top_names_new(void); /* NULL: no memory */
void top_names_free(struct top_names *names);

/* A place in a process. */
struct top_place {
	pid_t pid;
	uint64_t address; /* 0: there is none */
};

/* A task: the text at name, if there is one and it can be read, else the function at fn: its symbol, or file and
 * offset. Always a text, without control characters. */
void top_names_task(struct top_names *names, struct top_place fn, struct top_place name, char *ret,
		    size_t size);

#endif
