/* SPDX-License-Identifier: MIT
 *
 * trace_json.h -- from a raw trace to one in the format of Chrome's trace viewer; and from several to one.
 */
#ifndef WEFT_CORE_TRACE_JSON_H
#define WEFT_CORE_TRACE_JSON_H

#include "trace_file.h"

#include <stdio.h>

/* Writes the trace at h, of size bytes. 0 | as trace_read | -EIO, -ENOSPC, ...: out cannot be written. */
int weft__trace_json(const struct trace_head *h, size_t size, FILE *out);

/* ---- trace_part.c ---- */

/* Copies n chunks of the part of a rank, whose head is src, into a trace with room for n_chunks; what finds no room
 * is counted, and what the part itself has dropped, once. Times become those of rank 0. */
void weft__trace_adopt(struct trace_head *dst, uint32_t n_chunks, struct trace_head *src,
		       const struct trace_chunk *chunk, size_t n);

#endif
