/* SPDX-License-Identifier: MIT
 *
 * trace_load.c -- reading a trace. A trace has millions of events, too many for one tree of JSON, but weft writes each
 * into a line of its own: so one line at a time is handed to the library for JSON.
 */
#include "trace_load.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Room for one more in a growing array. */
static void *grow(void *at, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return at;
	*room = *room ? 2 * *room : 64;
	at = realloc(at, *room * size);
	if (!at)
		die("out of memory");
	return at;
}

#define GROW(t, array) ((t)->array = grow((t)->array, (t)->n_##array, &(t)->room_##array, sizeof *(t)->array))

static char *copy(const char *text)
{
	char *s = strdup(text);

	if (!s)
		die("out of memory");
	return s;
}

/* There are few, and the last ones come again soonest. */
static size_t name_number(struct loaded *t, const char *name)
{
	for (size_t i = t->n_names; i > 0; i--)
		if (!strcmp(t->names[i - 1], name))
			return i - 1;
	GROW(t, names);
	t->names[t->n_names] = copy(name);
	return t->n_names++;
}

static size_t lane_number(struct loaded *t, int pid, int tid)
{
	static size_t last; /* events come in rows */

	if (last < t->n_lanes && t->lanes[last].pid == pid && t->lanes[last].tid == tid)
		return last;
	for (last = 0; last < t->n_lanes; last++)
		if (t->lanes[last].pid == pid && t->lanes[last].tid == tid)
			return last;
	GROW(t, lanes);
	t->lanes[t->n_lanes] = (struct lane){.pid = pid, .tid = tid};
	return t->n_lanes++;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

static void name_lane(struct loaded *t, size_t lane, const json_t *event)
{
	const char *thread = text_of(json_object_get(event, "args"), "name");
	char name[160];

	if (strcmp(text_of(event, "name"), "thread_name") != 0)
		return;
	snprintf(name, sizeof name, "%s %d", thread, t->lanes[lane].tid);
	free(t->lanes[lane].name);
	t->lanes[lane].name = copy(name);
}

/* ---- Runs of tasks ---- */

/* Where the number of the latest run of a task is; NULL: no number of a task. */
static size_t *run_of(struct loaded *t, const json_t *task)
{
	json_int_t i = json_integer_value(task);
	size_t before = t->room_run_of;

	if (!json_is_integer(task) || i < 0 || i > INT32_MAX)
		return NULL;
	while ((size_t)i >= t->room_run_of)
		t->run_of = grow(t->run_of, t->room_run_of, &t->room_run_of, sizeof *t->run_of);
	memset(t->run_of + before, 0, (t->room_run_of - before) * sizeof *t->run_of);
	return &t->run_of[i];
}

/* The number of the run + 1 that a slice belongs to; 0: of none. */
static size_t begin_run(struct loaded *t, const json_t *args, size_t name, double at)
{
	size_t *number = run_of(t, json_object_get(args, "task"));
	const json_t *queued = json_object_get(args, "queued_us");

	if (!number)
		return 0;
	if (*number && !t->runs[*number - 1].over)
		return *number; /* a fiber goes on */
	GROW(t, runs);
	/* A second run was not submitted again. */
	t->runs[t->n_runs] = (struct run){
		.name = name, .queued = queued && !*number ? json_number_value(queued) : -1, .from = at};
	return *number = ++t->n_runs;
}

static void end_run(struct loaded *t, const struct slice *s, const json_t *args)
{
	const json_t *status = json_object_get(args, "status");
	struct run *r = s->run ? &t->runs[s->run - 1] : NULL;

	if (!r || !(status || s->died))
		return;
	r->to = s->to;
	r->over = true;
	r->died = s->died;
	r->status = (int)json_integer_value(status);
}

/* ---- Slices ---- */

static void open_slice(struct loaded *t, size_t lane, const json_t *event, double at)
{
	struct lane *l = &t->lanes[lane];
	bool task = !strcmp(text_of(event, "cat"), "task");

	GROW(t, slices);
	l->open = grow(l->open, l->n_open, &l->room_open, sizeof *l->open);
	t->slices[t->n_slices] = (struct slice){.lane = lane,
						.depth = l->n_open,
						.name = name_number(t, text_of(event, "name")),
						.kind = task ? SLICE_TASK : SLICE_WAIT,
						.from = at};
	if (task)
		t->slices[t->n_slices].run =
			begin_run(t, json_object_get(event, "args"), t->slices[t->n_slices].name, at);
	l->open[l->n_open++] = t->n_slices++;
	l->depth = l->n_open > l->depth ? l->n_open : l->depth;
}

static void close_slice(struct loaded *t, size_t lane, const json_t *event, double at)
{
	struct lane *l = &t->lanes[lane];
	const json_t *args = json_object_get(event, "args");
	struct slice *s;

	if (!l->n_open)
		return;
	s = &t->slices[l->open[--l->n_open]];
	s->to = at;
	s->died = json_is_true(json_object_get(args, "died"));
	end_run(t, s, args);
}

static void add_tick(struct loaded *t, size_t lane, const json_t *event, double at)
{
	GROW(t, slices);
	t->slices[t->n_slices++] =
		(struct slice){.lane = lane,
			       .depth = t->lanes[lane].n_open,
			       .name = name_number(t, text_of(event, "name")),
			       .kind = SLICE_TICK,
			       .from = at,
			       .to = at + json_number_value(json_object_get(event, "dur"))};
	if (t->lanes[lane].depth < t->lanes[lane].n_open + 1)
		t->lanes[lane].depth = t->lanes[lane].n_open + 1;
}

static void add_instant(struct loaded *t, size_t lane, const json_t *event, double at)
{
	const char *name = text_of(event, "name");
	bool death = !strncmp(name, "death: ", 7);

	if (!strcmp(text_of(event, "s"), "g"))
		t->dropped += json_integer_value(json_object_get(json_object_get(event, "args"), "dropped"));
	if (!death && json_object_get(event, "args"))
		return; /* not one of the program's marks */
	GROW(t, instants);
	t->instants[t->n_instants++] = (struct instant){lane, name_number(t, name), at, death};
}

/* ---- Lines ---- */

static void add_event(struct loaded *t, const json_t *event)
{
	double at = json_number_value(json_object_get(event, "ts"));
	size_t lane = lane_number(t, (int)json_integer_value(json_object_get(event, "pid")),
				  (int)json_integer_value(json_object_get(event, "tid")));

	t->end = at > t->end ? at : t->end;
	switch (*text_of(event, "ph")) {
	case 'M':
		name_lane(t, lane, event);
		return;
	case 'B':
		open_slice(t, lane, event, at);
		return;
	case 'E':
		close_slice(t, lane, event, at);
		return;
	case 'X':
		add_tick(t, lane, event, at);
		return;
	case 'i':
		add_instant(t, lane, event, at);
		return;
	default: /* arrows, spans and counters are for viewers */
		return;
	}
}

void load(struct loaded *ret, FILE *in, const char *path)
{
	char *line = NULL;
	size_t room = 0, events = 0, number = 0;
	ssize_t n;

	memset(ret, 0, sizeof *ret);
	while ((n = getline(&line, &room, in)) >= 0) {
		json_error_t error;
		json_t *event;

		number++;
		if (strncmp(line, "{\"ph\":", 6) != 0)
			continue;
		event = json_loadb(line, (size_t)n, JSON_DISABLE_EOF_CHECK, &error);
		if (!event)
			die("%s:%zu: %s", path, number, error.text);
		add_event(ret, event);
		json_decref(event);
		events++;
	}
	free(line);
	if (ferror(in))
		die("%s: cannot be read", path);
	if (!events)
		die("%s: no trace that weft has written", path);
}
