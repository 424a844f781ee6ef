/* SPDX-License-Identifier: MIT
 *
 * trace_json.c -- from a raw trace to the "Trace Event Format" of Chrome, which Perfetto reads: one object for each
 * event, each in a line of its own, by time.
 *
 * What a thread is in lies on a stack: tasks, waits, sleeps. A thread that goes from fiber to fiber has a stack for
 * each; when it leaves one, all that is on its stack is closed, and opened again when it comes back. So the slices of
 * a thread always nest, and those of a fiber's task are the time that it ran. Its whole life is an asynchronous span.
 *
 * An arrow (flow) goes from submit to start, and from the end to who takes the outcome first. It is drawn only
 * where both ends are there.
 */
#include "trace_json.h"
#include "trace_words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <weft/base.h>

enum { COUNTER_REST = 10000 }; /* nanoseconds from one value of a counter to the next */

struct stack {
	struct trace_slice *at;
	uint32_t n, room;
};

/* Tasks of an executor that wait, and that were started. */
struct counter {
	int64_t queued, running, told;
	bool changed;
};

struct writer {
	struct trace_words words;
	struct trace_map fibers; /* lane and fiber: the number of a stack */
	struct stack *stack;
	uint32_t *current; /* of each lane: its stack */
	struct counter *counter;
	bool failed;
};

/* ---- Counters ---- */

static void tell_counter(struct writer *w, uint32_t ex, int64_t time)
{
	struct counter *c = &w->counter[ex];
	struct trace_lane program = {.pid = w->words.t->pid, .tid = w->words.t->pid};

	trace_open(&w->words, "C", &program, time);
	fprintf(w->words.out, ",\"id\":%u", ex);
	trace_name(&w->words, "depth", w->words.t->name[w->words.t->executor[ex]], " tasks");
	fprintf(w->words.out, ",\"args\":{\"queued\":%" PRId64 ",\"running\":%" PRId64 "}}", c->queued,
		c->running);
	c->told = time;
	c->changed = false;
}

static void add_to_counter(struct writer *w, const struct trace_item *item, int queued, int running)
{
	uint32_t ex = w->words.t->life[item->life].executor;
	struct counter *c = &w->counter[ex];

	if (ex == TRACE_NONE)
		return;
	c->queued += queued;
	c->running += running;
	c->changed = true;
	if (item->e.time - c->told >= COUNTER_REST)
		tell_counter(w, ex, item->e.time);
}

/* ---- Stacks ---- */

static struct stack *stack_of(struct writer *w, uint32_t lane)
{
	return &w->stack[w->current[lane]];
}

static void push(struct writer *w, uint32_t lane, struct trace_slice s, int64_t time)
{
	struct stack *k = stack_of(w, lane);

	if (k->n == k->room) {
		uint32_t room = k->room ? 2 * k->room : 4;
		struct trace_slice *wider = realloc(k->at, room * sizeof *wider);

		if (!wider) {
			w->failed = true;
			return;
		}
		k->at = wider;
		k->room = room;
	}
	k->at[k->n++] = s;
	trace_open_slice(&w->words, &w->words.t->lane[lane], &s, time);
}

/* Closes down to the topmost slice of that kind, of that life; if there is one. */
static bool pop(struct writer *w, const struct trace_item *item, uint32_t kind, uint32_t life,
		const char *args)
{
	struct stack *k = stack_of(w, item->lane);
	uint32_t i = k->n;

	while (i > 0 && (k->at[i - 1].kind != kind || (life != TRACE_NONE && k->at[i - 1].life != life)))
		i--;
	if (!i)
		return false;
	while (k->n > i) {
		trace_close_slice(&w->words, &w->words.t->lane[item->lane], item->e.time, NULL);
		k->n--;
	}
	trace_close_slice(&w->words, &w->words.t->lane[item->lane], item->e.time, args);
	k->n--;
	return true;
}

static void close_all(struct writer *w, uint32_t lane, int64_t time, const char *args)
{
	struct stack *k = stack_of(w, lane);

	for (uint32_t i = k->n; i > 0; i--)
		trace_close_slice(&w->words, &w->words.t->lane[lane], time, args);
}

static void switch_fiber(struct writer *w, const struct trace_item *item)
{
	uint32_t next = trace_map_find(&w->fibers, item->lane, item->e.id);

	if (next == w->current[item->lane])
		return;
	close_all(w, item->lane, item->e.time, NULL);
	w->current[item->lane] = next;
	for (uint32_t i = 0; i < w->stack[next].n; i++)
		trace_open_slice(&w->words, &w->words.t->lane[item->lane], &w->stack[next].at[i],
				 item->e.time);
}

/* ---- Events ---- */

static const struct trace_lane *main_lane_of(const struct writer *w, int32_t pid)
{
	for (uint32_t i = 0; i < w->words.t->n_lanes; i++)
		if (w->words.t->lane[i].pid == pid && w->words.t->lane[i].tid == pid)
			return &w->words.t->lane[i];
	return NULL;
}

static void write_death(struct writer *w, const struct trace_item *item)
{
	int32_t pid = (int32_t)item->e.id, signal = (int32_t)item->e.a, code = (int32_t)item->e.b;
	const struct trace_lane *lane = main_lane_of(w, pid);
	char what[64];

	for (uint32_t i = 0; i < w->words.t->n_lanes; i++) {
		if (w->words.t->lane[i].pid != pid)
			continue;
		close_all(w, i, item->e.time, "\"died\":true");
		stack_of(w, i)->n = 0;
	}
	snprintf(what, sizeof what, signal ? "death: signal %d" : "end: status %d", signal ? signal : code);
	trace_instant(&w->words, lane, item->e.time, what);
	fprintf(w->words.out, ",\"args\":{\"pid\":%d,\"signal\":%d,\"code\":%d}}", pid, signal, code);
}

static void write_start(struct writer *w, const struct trace_item *item)
{
	const struct trace_life *life = &w->words.t->life[item->life];
	bool last = item->e.a == life->starts;

	push(w, item->lane, (struct trace_slice){WEFT__TRACE_START, item->life, false}, item->e.time);
	if (life->submitted)
		trace_arrow(&w->words, last ? "f" : "t", item, TRACE_TO_START);
	if (item->e.a == 1)
		add_to_counter(w, item, -1, 1);
	if (last && life->ended)
		trace_span(&w->words, "b", item);
}

static void write_end(struct writer *w, size_t at)
{
	const struct trace_item *item = &w->words.t->item[at];
	const struct trace_life *life = &w->words.t->life[item->life];
	char args[32];

	if (!life->starts) /* its start was dropped */
		return;
	snprintf(args, sizeof args, "\"status\":%d", (int)item->e.a);
	if (at == life->last_end && life->taker != TRACE_NONE)
		trace_arrow(&w->words, "s", item, TRACE_TO_TAKER);
	pop(w, item, WEFT__TRACE_START, item->life, args);
	if (at != life->last_end)
		return;
	trace_span(&w->words, "e", item);
	add_to_counter(w, item, 0, -1);
}

static void write_done(struct writer *w, const struct trace_item *item)
{
	const struct trace_life *life = &w->words.t->life[item->life];

	if (life->ended)
		return;
	add_to_counter(w, item, life->starts ? 0 : -1, life->starts ? -1 : 0);
	trace_instant(&w->words, &w->words.t->lane[item->lane], item->e.time,
		      life->starts ? "task lost" : "task dropped");
	fprintf(w->words.out, ",\"args\":{\"task\":%u,\"status\":%d}}", item->life, (int)item->e.a);
}

static void write_taken(struct writer *w, const struct trace_item *item, size_t at)
{
	bool got = item->e.kind == WEFT__TRACE_GOT;

	if (got)
		trace_tick(&w->words, at, "get ");
	if (w->words.t->life[item->life].taker == at && w->words.t->life[item->life].starts)
		trace_arrow(&w->words, "f", item, TRACE_TO_TAKER);
	if (!got)
		pop(w, item, WEFT__TRACE_WAIT, TRACE_NONE, NULL);
}

static void write_counted(struct writer *w, const struct trace_item *item, const char *what, const char *unit)
{
	trace_instant(&w->words, &w->words.t->lane[item->lane], item->e.time, what);
	fprintf(w->words.out, ",\"args\":{\"%s\":%u}}", unit, item->e.a);
}

/* On its way: from rank 0, or taken by a rank. */
static void write_step(struct writer *w, size_t at, const char *what)
{
	const struct trace_item *item = &w->words.t->item[at];
	const struct trace_life *life = &w->words.t->life[item->life];

	trace_tick(&w->words, at, what);
	if (life->submitted && life->starts && at < life->last_start)
		trace_arrow(&w->words, "t", item, TRACE_TO_START);
}

static void write_kill(struct writer *w, const struct trace_item *item)
{
	const struct trace_lane *lane = main_lane_of(w, (int32_t)item->e.id);

	trace_instant(&w->words, lane ? lane : &w->words.t->lane[item->lane], item->e.time, "kill");
	fprintf(w->words.out, ",\"args\":{\"pid\":%d}}", (int)item->e.id);
}

static void write_event(struct writer *w, size_t at)
{
	const struct trace_item *item = &w->words.t->item[at];

	switch (item->e.kind) {
	case WEFT__TRACE_SUBMIT:
		trace_tick(&w->words, at, "submit ");
		if (w->words.t->life[item->life].starts)
			trace_arrow(&w->words, "s", item, TRACE_TO_START);
		add_to_counter(w, item, 1, 0);
		return;
	case WEFT__TRACE_START:
		write_start(w, item);
		return;
	case WEFT__TRACE_END:
		write_end(w, at);
		return;
	case WEFT__TRACE_DONE:
		write_done(w, item);
		return;
	case WEFT__TRACE_WAIT:
		push(w, item->lane, (struct trace_slice){WEFT__TRACE_WAIT, item->life, false}, item->e.time);
		return;
	case WEFT__TRACE_WAITED:
	case WEFT__TRACE_GOT:
		write_taken(w, item, at);
		return;
	case WEFT__TRACE_PARK:
		push(w, item->lane, (struct trace_slice){WEFT__TRACE_PARK, TRACE_NONE, item->e.a},
		     item->e.time);
		return;
	case WEFT__TRACE_UNPARK:
		pop(w, item, WEFT__TRACE_PARK, TRACE_NONE, NULL);
		return;
	case WEFT__TRACE_STEAL:
		write_counted(w, item, "steal", "tasks");
		return;
	case WEFT__TRACE_RING:
		write_counted(w, item, "ring_enter", "requests");
		return;
	case WEFT__TRACE_SWITCH:
		switch_fiber(w, item);
		return;
	case WEFT__TRACE_KILL:
		write_kill(w, item);
		return;
	case WEFT__TRACE_DEATH:
		write_death(w, item);
		return;
	case WEFT__TRACE_SENT:
		write_step(w, at, "send ");
		return;
	case WEFT__TRACE_TAKEN:
		write_step(w, at, "take ");
		return;
	case WEFT__TRACE_MARK:
		trace_instant(&w->words, &w->words.t->lane[item->lane], item->e.time,
			      w->words.t->name[item->e.a <= TRACE_NAMES ? item->e.a : 0]);
		putc('}', w->words.out);
		return;
	default:
		return;
	}
}

/* ---- The whole ---- */

/* Is it the first lane of its process? */
static bool is_first(const struct writer *w, uint32_t lane)
{
	for (uint32_t i = 0; i < lane; i++)
		if (w->words.t->lane[i].pid == w->words.t->lane[lane].pid)
			return false;
	return true;
}

static void write_names(struct writer *w)
{
	for (uint32_t i = 0; i < w->words.t->n_lanes; i++) {
		const struct trace_lane *lane = &w->words.t->lane[i];
		char process[TRACE_NAME_ROOM + 64];

		if (lane->rank)
			snprintf(process, sizeof process, "rank %u on %s: %s %d", lane->rank,
				 w->words.t->name[lane->host], lane->process, lane->real);
		else
			snprintf(process, sizeof process, "%s %d", lane->process, lane->pid);
		if (is_first(w, i))
			trace_metadata(&w->words, "process_name", lane, process);
		trace_metadata(&w->words, "thread_name", lane, *lane->thread ? lane->thread : lane->process);
	}
}

static void write_dropped(struct writer *w)
{
	struct trace_lane program = {.pid = w->words.t->pid, .tid = w->words.t->pid};

	if (!w->words.t->dropped)
		return;
	trace_open(&w->words, "i", &program, w->words.t->last);
	trace_name(&w->words, "weft", "the trace was full: not all is in it", "");
	fprintf(w->words.out,
		",\"s\":\"g\",\"args\":{\"dropped\":%" PRIu64 ",\"from_us\":", w->words.t->dropped);
	trace_microseconds(&w->words, w->words.t->full_at - w->words.t->began);
	fputs("}}", w->words.out);
}

static void write_all(struct writer *w)
{
	const struct trace *t = w->words.t;

	fputs("{\"traceEvents\":[", w->words.out);
	write_names(w);
	for (size_t i = 0; i < t->n; i++)
		write_event(w, i);
	for (uint32_t i = 0; i < t->n_lanes; i++)
		close_all(w, i, t->last, "\"cut_off\":true");
	for (uint32_t i = 0; i < t->n_executors; i++)
		if (w->counter[i].changed)
			tell_counter(w, i, t->last);
	write_dropped(w);
	fputs("\n],\n\"otherData\":{\"program\":", w->words.out);
	trace_text(&w->words, t->program);
	fprintf(w->words.out,
		",\"pid\":%d,\"weft\":\"%d.%d.%d\",\"began_unix_us\":%" PRId64
		",\"events\":%zu,\"dropped\":%" PRIu64 "}}\n",
		t->pid, WEFT_VERSION_MAJOR, WEFT_VERSION_MINOR, WEFT_VERSION_PATCH, t->began_wall / 1000,
		t->n, t->dropped);
}

/* Numbers of stacks: at first one for each lane, which is where it is as long as it says nothing else. */
static int open_stacks(struct writer *w)
{
	const struct trace *t = w->words.t;
	size_t most = t->n_lanes;

	for (size_t i = 0; i < t->n; i++)
		most += t->item[i].e.kind == WEFT__TRACE_SWITCH;
	w->current = calloc(t->n_lanes + 1U, sizeof *w->current);
	w->counter = calloc(t->n_executors + 1U, sizeof *w->counter);
	if (!w->current || !w->counter || trace_map_init(&w->fibers, most + 1))
		return -ENOMEM;
	for (uint32_t i = 0; i < t->n_lanes; i++)
		w->current[i] = trace_map_put(&w->fibers, i, UINT64_MAX);
	for (size_t i = 0; i < t->n; i++)
		if (t->item[i].e.kind == WEFT__TRACE_SWITCH)
			trace_map_put(&w->fibers, t->item[i].lane, t->item[i].e.id);
	w->stack = calloc(w->fibers.n + 1U, sizeof *w->stack);
	return w->stack ? 0 : -ENOMEM;
}

static void close_stacks(struct writer *w)
{
	for (uint32_t i = 0; w->stack && i < w->fibers.n; i++)
		free(w->stack[i].at);
	free(w->stack);
	free(w->current);
	free(w->counter);
	trace_map_fini(&w->fibers);
}

int weft__trace_json(const struct trace_head *h, size_t size, FILE *out)
{
	struct trace *t = NULL;
	struct writer w = {.words.out = out};
	int err = trace_read(&t, h, size);

	w.words.t = t;
	if (!err)
		err = open_stacks(&w);
	if (!err)
		write_all(&w);
	close_stacks(&w);
	trace_free(t);
	if (!err && w.failed)
		err = -ENOMEM;
	if (!err && (fflush(out) || ferror(out)))
		err = errno ? -errno : -EIO;
	return err;
}
