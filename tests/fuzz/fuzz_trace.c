/* SPDX-License-Identifier: MIT
 *
 * fuzz_trace.c -- raw traces: what is in the head, in chunks, and the events, whatever a process gone bad has written.
 * The trace that is made of it is thrown away. The last chunks are the part of a rank, by another clock, which is put
 * into it first.
 */
#include "fuzz.h"
#include "trace_json.h"
#include "tracing.h"

#include <stdio.h>
#include <string.h>

enum { CHUNKS = 4, OWN = 2, SIZE = sizeof(struct trace_head) + CHUNKS * sizeof(struct trace_chunk) };

/* A few bytes make an event that belongs to others, more often than not. */
static void read_events(struct fuzz_bytes *b, struct trace_chunk *c)
{
	uint32_t n = fuzz_byte(b) % 64;

	fuzz_read(b, c->process, 4);
	c->pid = fuzz_byte(b) % 4;
	c->tid = fuzz_byte(b) % 4;
	c->program = c->pid;
	c->rank = fuzz_byte(b) % 8 ? 0 : fuzz_byte(b) % 3;
	c->host = fuzz_byte(b) % 8 ? 0 : fuzz_u32(b);
	atom_store(&c->n, fuzz_byte(b) % 8 ? n : fuzz_u32(b), relaxed);
	atom_store(&c->dropped, fuzz_byte(b), relaxed);
	for (uint32_t i = 0; i < n && b->left; i++) {
		c->event[i].kind = fuzz_byte(b) % (WEFT__TRACE_KINDS + 2);
		c->event[i].time = fuzz_byte(b) % 16 ? 1000000 + 100 * (int64_t)i
						     : (int64_t)((uint64_t)fuzz_u32(b) << 32);
		c->event[i].id = fuzz_byte(b) % 4;
		c->event[i].a = fuzz_byte(b) % 8 ? fuzz_byte(b) : fuzz_u32(b);
		c->event[i].b = fuzz_byte(b) % 2;
	}
}

static void adopt(struct fuzz_bytes *b, struct trace_head *h)
{
	static struct trace_head part;
	static struct trace_chunk theirs[CHUNKS - OWN];

	memset(&part, 0, sizeof part);
	part.rank = fuzz_byte(b) % 3;
	memcpy(part.name, h->name, sizeof part.name);
	memcpy(theirs, &h->chunk[OWN], sizeof theirs);
	memset(&h->chunk[OWN], 0, sizeof theirs);
	if (fuzz_byte(b) % 2)
		fuzz_read(b, part.clock, sizeof part.clock);
	atom_store(&part.dropped, fuzz_byte(b), relaxed);
	weft__trace_adopt(h, CHUNKS, &part, theirs, CHUNKS - OWN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_bytes b = {data, size};
	struct trace_head *h = aligned_alloc(4096, SIZE);
	FILE *out = fopen("/dev/null", "we");
	size_t cut;

	fuzz_check(h && out);
	memset(h, 0, SIZE);
	h->magic = fuzz_byte(&b) % 16 ? TRACE_MAGIC : fuzz_u32(&b);
	h->n_chunks = fuzz_byte(&b) % 4 ? CHUNKS : fuzz_u32(&b);
	atom_store(&h->next, fuzz_byte(&b) % 4 ? CHUNKS : fuzz_u32(&b), relaxed);
	h->began = fuzz_byte(&b) % 4 ? 1000000 : fuzz_u32(&b);
	fuzz_read(&b, h->program, 8);
	for (int i = 0; i < 4; i++)
		fuzz_read(&b, h->name[i].text, 8);
	cut = fuzz_byte(&b) % 4 ? 0 : fuzz_u32(&b) % SIZE;
	for (int i = 0; i < CHUNKS; i++)
		read_events(&b, &h->chunk[i]);
	if (atom_load(&h->next, relaxed) == CHUNKS && fuzz_byte(&b) % 2) {
		atom_store(&h->next, OWN, relaxed);
		adopt(&b, h);
	}
	weft__trace_json(h, SIZE - cut, out);
	fclose(out);
	free(h);
	return 0;
}
