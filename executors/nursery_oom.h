/* SPDX-License-Identifier: MIT
 *
 * nursery_oom.h -- has the kernel killed for want of memory? A death by SIGKILL does not say so itself; the
 * control group of the process counts.
 */
#ifndef WEFT_EXECUTORS_NURSERY_OOM_H
#define WEFT_EXECUTORS_NURSERY_OOM_H

#include <stdbool.h>
#include <stdint.h>

struct nursery_oom {
	int fd; /* of the file that counts; -1: none can be read */
	uint64_t kills;
};

/* Opens the counter of this process's control group; root as for weft__cgroup_walk. */
void nursery_oom_init(struct nursery_oom *o, const char *root);

/* Has it counted since the last look? */
bool nursery_oom_look(struct nursery_oom *o);

#endif
