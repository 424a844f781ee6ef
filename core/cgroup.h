/* SPDX-License-Identifier: MIT
 *
 * cgroup.h -- where the control groups of this process show their files.
 */
#ifndef WEFT_CORE_CGROUP_H
#define WEFT_CORE_CGROUP_H

#include <stdbool.h>

/* Is called with a directory of a control group, of version 1 or 2 of their interface. False: to end here. */
typedef bool weft__cgroup_visit(const char *dir, int version, void *ctx);

/* Visits, for every mount that shows them, the group of this process in the hierarchy of that controller,
 * then each group above it, up to the mount point. root stands before /proc and before every mount point
 * found there; "" in earnest. What is missing or malformed is not visited. */
void weft__cgroup_walk(const char *root, const char *controller, weft__cgroup_visit *visit, void *ctx);

#endif
