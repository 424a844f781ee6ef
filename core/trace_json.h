/* SPDX-License-Identifier: MIT
 *
 * trace_json.h -- from a raw trace to one in the format of Chrome's trace viewer.
 */
#ifndef WEFT_CORE_TRACE_JSON_H
#define WEFT_CORE_TRACE_JSON_H

#include "trace_file.h"

#include <stdio.h>

/* Writes the trace at h, of size bytes. 0 | as trace_read | -EIO, -ENOSPC, ...: out cannot be written. */
int weft__trace_json(const struct trace_head *h, size_t size, FILE *out);

#endif
