/* SPDX-License-Identifier: MIT
 *
 * test_trace_part.c -- the part of a rank, put into the trace of rank 0: its times, its names, its processes, and that
 * its tasks are those of rank 0. Jobs are traced by tests/mpi.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace_json.h"
#include "tracing.h"

enum {
	CHUNKS = 4,
	PID = 100,
	HERE = 0xa000,
	THERE = 0xb000,
	AHEAD = 5000000,
	SIZE = sizeof(struct trace_head) + CHUNKS * sizeof(struct trace_chunk)
};

static struct trace_head *ours, *theirs;

static struct trace_head *head_of(uint32_t rank)
{
	struct trace_head *h = aligned_alloc(4096, SIZE);

	REQUIRE(h);
	memset(h, 0, SIZE);
	h->magic = TRACE_MAGIC;
	h->n_chunks = CHUNKS;
	h->pid = PID;
	h->rank = rank;
	strcpy(h->host, rank ? "far" : "near");
	return h;
}

/* Both ranks have one process, and it has the same number on both. */
static void make_both(void)
{
	ours = head_of(0);
	theirs = head_of(1);
	for (int i = 0; i < 2; i++) {
		struct trace_head *h = i ? theirs : ours;

		h->chunk[0].pid = h->chunk[0].tid = h->chunk[0].program = PID;
		strcpy(h->chunk[0].process, "program");
		atom_store(&h->next, 1, relaxed);
	}
}

static void write_one(struct trace_head *h, int64_t time, enum weft__trace_kind kind, uint64_t id, uint32_t a,
		      uint64_t b)
{
	struct trace_chunk *c = &h->chunk[0];
	uint32_t n = atom_load(&c->n, relaxed);

	c->event[n] = (struct trace_event){.time = time, .id = id, .kind = kind, .a = a, .b = b};
	atom_store(&c->n, n + 1, relaxed);
}

/* Submitted, sent, run on rank 1, and done. */
static void write_task(int64_t there)
{
	write_one(ours, 1000, WEFT__TRACE_SUBMIT, HERE, weft__trace_number(ours->name, "mpi"), 1);
	write_one(ours, 2000, WEFT__TRACE_SENT, HERE, weft__trace_number(ours->name, "given"), 1);
	write_one(ours, 9000, WEFT__TRACE_DONE, HERE, 0, 0);
	write_one(ours, 9500, WEFT__TRACE_GOT, HERE, 0, 0);
	write_one(theirs, there + 3000, WEFT__TRACE_TAKEN, THERE, 0, HERE);
	write_one(theirs, there + 3001, WEFT__TRACE_SUBMIT, THERE,
		  weft__trace_number(theirs->name, "threads"), 1);
	write_one(theirs, there + 4000, WEFT__TRACE_START, THERE, weft__trace_number(theirs->name, "fn"), 0);
	write_one(theirs, there + 5000, WEFT__TRACE_MARK, 0, weft__trace_number(theirs->name, "halfway"), 0);
	write_one(theirs, there + 8000, WEFT__TRACE_END, THERE, 0, 0);
	write_one(theirs, there + 8001, WEFT__TRACE_GOT, THERE, 0, 0);
}

static char *json(void)
{
	char *text;
	size_t size;
	FILE *out;

	weft__trace_adopt(ours, CHUNKS, theirs, theirs->chunk, 1);
	out = open_memstream(&text, &size);
	REQUIRE(out);
	REQUIRE_EQ(weft__trace_json(ours, SIZE, out), 0);
	fclose(out);
	free(ours);
	free(theirs);
	return text;
}

static void set_clock(int i, int64_t time, int64_t ahead)
{
	theirs->clock[i] = (struct trace_clock){time, ahead, 1};
}

TEST(one_task_on_two_ranks)
{
	char *text;

	make_both();
	write_task(AHEAD);
	set_clock(0, AHEAD, AHEAD);
	set_clock(1, AHEAD, AHEAD);
	text = json();
	CHECK(strstr(text, "\"name\":\"program 100\""));
	/* One of the two is shown by a number that no process has. */
	CHECK(strstr(text, "\"pid\":4194304,\"tid\":4194304,\"ts\":0.000,\"name\":\"process_name\",\"args\":{"
			   "\"name\":\"rank 1 on far: program 100\"}"));
	CHECK(strstr(text, "\"ph\":\"B\",\"pid\":4194304,\"tid\":4194304,\"ts\":4.000,\"cat\":\"task\","
			   "\"name\":\"given\",\"args\":{\"task\":0,\"queued_us\":3.000}"));
	CHECK(strstr(text, "\"ts\":5.000,\"cat\":\"weft\",\"name\":\"halfway\""));
	CHECK(strstr(text, "\"name\":\"submit given\"") && strstr(text, "\"name\":\"send given\"") &&
	      strstr(text, "\"name\":\"take given\""));
	/* From submit, by both of the ways, to the start; from the end to who took it here. */
	CHECK(strstr(text, "\"ph\":\"s\",\"pid\":100,\"tid\":100,\"ts\":1.000,\"cat\":\"flow\",\"name\":"
			   "\"run\",\"id\":0"));
	CHECK(strstr(text, "\"ph\":\"t\",\"pid\":100,\"tid\":100,\"ts\":2.000,\"cat\":\"flow\",\"name\":"
			   "\"run\",\"id\":0"));
	CHECK(strstr(text, "\"ph\":\"t\",\"pid\":4194304,\"tid\":4194304,\"ts\":3.000,\"cat\":\"flow\","
			   "\"name\":\"run\",\"id\":0"));
	CHECK(strstr(text, "\"ph\":\"f\",\"pid\":4194304,\"tid\":4194304,\"ts\":4.000,\"cat\":\"flow\","
			   "\"name\":\"run\",\"id\":0"));
	CHECK(strstr(text, "\"ph\":\"s\",\"pid\":4194304,\"tid\":4194304,\"ts\":8.000,\"cat\":\"flow\","
			   "\"name\":\"result\",\"id\":1"));
	CHECK(strstr(text, "\"ph\":\"f\",\"pid\":100,\"tid\":100,\"ts\":9.500,\"cat\":\"flow\",\"name\":"
			   "\"result\",\"id\":1"));
	free(text);
}

/* It gains one in a thousand: after 8 us that is 8 ns, on top of what it was ahead at first. */
TEST(a_clock_that_gains)
{
	char *text;

	make_both();
	write_task(AHEAD);
	set_clock(0, AHEAD, AHEAD);
	set_clock(1, AHEAD + 100000, AHEAD + 100);
	text = json();
	CHECK(strstr(text, "\"ts\":3.996,\"cat\":\"task\",\"name\":\"given\""));
	CHECK(strstr(text, "\"ts\":7.992,\"cat\":\"flow\",\"name\":\"result\""));
	free(text);
}

/* By a clock that is wrong it was taken before it was submitted: no arrow, and two tasks. */
TEST(a_clock_that_is_wrong)
{
	char *text;

	make_both();
	write_task(AHEAD - 2500);
	set_clock(0, AHEAD, AHEAD);
	set_clock(1, AHEAD, AHEAD);
	text = json();
	CHECK(strstr(text, "\"cat\":\"task\",\"name\":\"fn\",\"args\":{\"task\":0"));
	CHECK(strstr(text, "\"name\":\"submit given\",\"args\":{\"task\":1"));
	free(text);
}

/* A worker's death on rank 1 is on the line that is shown; one of the same number here is another. */
TEST(a_death_is_on_the_line_of_its_rank)
{
	char *text;

	make_both();
	write_one(ours, 1000, WEFT__TRACE_PARK, 0, 1, 0);
	write_one(theirs, 2000, WEFT__TRACE_KILL, 200, 0, 0);
	write_one(theirs, 2001, WEFT__TRACE_DEATH, PID, 9, 0);
	text = json();
	CHECK(strstr(text, "\"ph\":\"i\",\"pid\":4194304,\"tid\":4194304,\"ts\":2.001,\"cat\":\"weft\","
			   "\"name\":\"death: signal 9\""));
	CHECK(strstr(text, "\"ph\":\"E\",\"pid\":100,\"tid\":100,\"ts\":2.001,\"args\":{\"cut_off\":true}"));
	free(text);
}

/* What finds no room is counted, and what the part had no room for itself. */
TEST(no_room_is_counted)
{
	char *text;

	make_both();
	write_task(0);
	atom_store(&theirs->dropped, 1000, relaxed);
	atom_store(&theirs->full_at, 7000, relaxed);
	atom_store(&ours->next, CHUNKS, relaxed);
	text = json();
	CHECK(strstr(text, "\"dropped\":1006}"));
	free(text);
}
