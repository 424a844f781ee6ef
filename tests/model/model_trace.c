/* SPDX-License-Identifier: MIT
 *
 * model_trace.c -- core/trace.c: threads that write events, while a trace begins, and ends, and its file goes away;
 * and who reads what they have written. The file is plain data here, so a thread that touches it too early or too
 * late is a data race to the checker.
 */
#include "model.h"
#include "probe.h"
#include "trace_file.h"

#include <stdlib.h>
#include <string.h>

#define THREAD(name) static void name(void *arg __attribute__((unused)))

enum { CHUNKS = 2 };

static struct trace_head *head;
static uint32_t seen;

/* The environment wants nothing. */
void weft__trace_open(void)
{
}

static void make_file(void)
{
	if (!head)
		head = aligned_alloc(4096, sizeof *head + CHUNKS * sizeof head->chunk[0]);
	for (int i = 0; i < CHUNKS; i++) {
		atom_store(&head->chunk[i].n, 0, relaxed);
		atom_store(&head->chunk[i].dropped, 0, relaxed);
	}
	atom_store(&head->next, 0, relaxed);
	atom_store(&head->closed, 0, relaxed);
}

/* As switch_on in trace_start.c. */
static void begin(void)
{
	weft__trace.head = head;
	weft__trace.n_chunks = CHUNKS;
	weft__trace.file = "";
	/* T4 release. */
	atom_or(&weft__probes.on, WEFT__PROBE_TRACE, release);
}

static void start(bool on)
{
	make_file();
	memset(&weft__trace, 0, sizeof weft__trace);
	weft__trace.file = "";
	weft__trace_users_reset();
	atom_store(&weft__trace.epoch, 1, relaxed);
	atom_store(&weft__probes.on, 0, relaxed);
	seen = 0;
	model_name(&weft__probes.on, "on");
	model_name(&head->next, "next");
	model_name(&head->chunk[0].n, "n 0");
	model_name(&head->chunk[1].n, "n 1");
	if (on)
		begin();
}

THREAD(writer)
{
	if (weft__probed())
		weft__trace_record(WEFT__TRACE_MARK, 7, 0, 0);
}

THREAD(beginner)
{
	begin();
}

/* What is counted is there, as it was written. */
THREAD(reader)
{
	for (int i = 0; i < CHUNKS; i++)
		/* T1 acquire. */
		if (atom_load(&head->chunk[i].n, acquire)) {
			model_assert(head->chunk[i].event[0].id == 7);
			seen++;
		}
}

/* After that nobody touches the file, or what leads to it. */
THREAD(ender)
{
	weft__trace_switch_off();
	reader(NULL);
	weft__trace.head = NULL;
	head->chunk[0].event[0].id = 0;
	head->chunk[0].pid = 0;
}

MODEL(trace_is_read_while_written)
{
	start(true);
	model_thread("writer", writer, NULL);
	model_thread("reader", reader, NULL);
	model_run();
	model_assert(seen <= 1);
}

MODEL(trace_ends_under_a_writer)
{
	start(true);
	model_thread("writer", writer, NULL);
	model_thread("ender", ender, NULL);
	model_run();
	model_assert(seen <= 1);
}

MODEL(trace_begins_and_ends)
{
	start(false);
	model_thread("writer", writer, NULL);
	model_thread("beginner", beginner, NULL);
	model_run();
	ender(NULL);
	model_assert(seen <= 1);
}

MODEL(trace_of_two_writers)
{
	start(true);
	model_thread("writer 1", writer, NULL);
	model_thread("writer 2", writer, NULL);
	model_run();
	ender(NULL);
	model_assert(seen == 2);
}
