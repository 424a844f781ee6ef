/* SPDX-License-Identifier: MIT
 *
 * trace_link.c -- reading a raw trace. Nothing in it is trusted: it may be cut off, and a process gone bad may have
 * written to it, or still be writing. So everything is copied, and numbers are checked before they lead anywhere.
 *
 * Which events belong together follows from their times: an address is that of one task from its submission to its
 * end. A rank of a job runs what rank 0 has submitted as a task of its own, which it has said to be that one: so
 * both have one life. Should clocks differ by more than the way takes, they are not brought together.
 * T1 is that of trace.c.
 */
#include "trace_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Maps ---- */

int trace_map_init(struct trace_map *m, size_t most)
{
	*m = (struct trace_map){.room = 16};
	while (m->room < 2 * most)
		m->room *= 2;
	m->pair = calloc(m->room, sizeof *m->pair);
	return m->pair ? 0 : -ENOMEM;
}

void trace_map_fini(struct trace_map *m)
{
	free(m->pair);
}

static struct trace_pair *place_of(const struct trace_map *m, uint64_t a, uint64_t b)
{
	uint64_t h = (a ^ (b << 32 | b >> 32)) * UINT64_C(0x9e3779b97f4a7c15);
	size_t at = (size_t)(h >> 20) & (m->room - 1);

	while (m->pair[at].value && (m->pair[at].a != a || m->pair[at].b != b))
		at = (at + 1) & (m->room - 1);
	return &m->pair[at];
}

uint32_t trace_map_put(struct trace_map *m, uint64_t a, uint64_t b)
{
	struct trace_pair *p = place_of(m, a, b);

	if (!p->value)
		*p = (struct trace_pair){a, b, ++m->n};
	return p->value - 1;
}

uint32_t trace_map_find(const struct trace_map *m, uint64_t a, uint64_t b)
{
	return place_of(m, a, b)->value - 1;
}

/* ---- Reading ---- */

enum { PID_LIMIT = 1 << 22 }; /* of Linux: greater numbers are free */

static uint32_t name_of(uint32_t a)
{
	return a <= TRACE_NAMES ? a : 0;
}

static uint32_t least(uint64_t a, uint64_t b)
{
	return (uint32_t)(a < b ? a : b);
}

static uint32_t chunks_of(const struct trace_head *h, size_t size)
{
	uint64_t there = (size - sizeof *h) / sizeof(struct trace_chunk);

	/* Relaxed: a chunk that comes too late is not read. */
	return least(least(h->n_chunks, there), atom_load((atom_u32 *)(uintptr_t)&h->next, relaxed));
}

static uint32_t events_of(const struct trace_chunk *c)
{
	/* T1 acquire: pairs with record; the events. */
	return least(atom_load((atom_u32 *)(uintptr_t)&c->n, acquire), TRACE_EVENTS);
}

static void copy_text(char *to, const char *from, size_t size)
{
	memcpy(to, from, size - 1);
	to[size - 1] = 0;
}

static void read_head(struct trace *t, const struct trace_head *h)
{
	t->pid = h->pid;
	t->rank = h->rank;
	t->began = h->began;
	t->began_wall = h->began_wall;
	t->id = h->id;
	copy_text(t->program, h->program, sizeof t->program);
	/* Relaxed, both: figures for people. */
	t->dropped = atom_load((atom_u64 *)(uintptr_t)&h->dropped, relaxed);
	t->full_at = (int64_t)atom_load((atom_u64 *)(uintptr_t)&h->full_at, relaxed);
	strcpy(t->name[0], "?");
	for (int i = 0; i < TRACE_NAMES; i++) {
		copy_text(t->name[i + 1], h->name[i].text, sizeof h->name[i].text);
		if (!*t->name[i + 1])
			strcpy(t->name[i + 1], "?");
	}
	trace_symbols_find(t);
}

/* The number by which a process is shown: its own, unless one of another rank has it. */
static int32_t shown_pid(const struct trace *t, uint32_t rank, int32_t pid)
{
	int32_t next = PID_LIMIT;
	bool taken = false;

	for (uint32_t i = 0; i < t->n_lanes; i++) {
		const struct trace_lane *lane = &t->lane[i];

		if (lane->rank == rank && lane->real == pid)
			return lane->pid;
		taken |= lane->pid == pid;
		if (lane->pid >= next && lane->pid < INT32_MAX)
			next = lane->pid + 1;
	}
	return taken ? next : pid;
}

static struct trace_lane *add_lane(struct trace *t, struct trace_map *lanes, uint32_t rank, int32_t pid,
				   int32_t tid)
{
	uint32_t i = trace_map_put(lanes, (uint64_t)rank << 32 | (uint32_t)pid, (uint32_t)tid);
	int32_t shown;

	if (i < t->n_lanes)
		return &t->lane[i];
	shown = shown_pid(t, rank, pid);
	t->lane[t->n_lanes] =
		(struct trace_lane){.pid = shown, .tid = tid == pid ? shown : tid, .real = pid, .rank = rank};
	return &t->lane[t->n_lanes++];
}

static void read_chunk(struct trace *t, struct trace_map *lanes, const struct trace_chunk *c, uint32_t n)
{
	struct trace_lane *lane = add_lane(t, lanes, c->rank ? c->rank : t->rank, c->pid, c->tid);

	lane->host = name_of(c->host);
	copy_text(lane->process, c->process, sizeof lane->process);
	copy_text(lane->thread, c->thread, sizeof lane->thread);
	/* Relaxed: a figure for people. */
	t->dropped += atom_load((atom_u32 *)(uintptr_t)&c->dropped, relaxed);
	for (uint32_t i = 0; i < n; i++) {
		struct trace_item *item = &t->item[t->n++];

		*item = (struct trace_item){c->event[i], (uint32_t)(lane - t->lane), (uint32_t)c->program};
		lane->fibers |= item->e.kind == WEFT__TRACE_SWITCH;
	}
}

/* By time; in the order of the file where that is the same, so that of a thread none overtakes another. */
static int compare(const void *a, const void *b)
{
	const struct trace_item *x = a, *y = b;

	return x->e.time != y->e.time ? (x->e.time < y->e.time ? -1 : 1) : 0;
}

static size_t count(const struct trace *t, uint32_t kind)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += t->item[i].e.kind == kind;
	return n;
}

/* One lane more for each process whose death is told of, and which has not written; and from here on a process that is
 * told of is known by the number that is shown. */
static int add_dead(struct trace *t)
{
	size_t deaths = count(t, WEFT__TRACE_DEATH);
	struct trace_lane *wider = realloc(t->lane, (t->n_lanes + deaths + 1) * sizeof *wider);
	struct trace_map lanes;

	if (!wider)
		return -ENOMEM;
	t->lane = wider;
	if (trace_map_init(&lanes, t->n_lanes + deaths))
		return -ENOMEM;
	for (uint32_t i = 0; i < t->n_lanes; i++)
		trace_map_put(
			&lanes, (uint64_t)t->lane[i].rank << 32 | (uint32_t)t->lane[i].real,
			(uint32_t)(t->lane[i].tid == t->lane[i].pid ? t->lane[i].real : t->lane[i].tid));
	for (size_t i = 0; i < t->n; i++) {
		const struct trace_lane *teller = &t->lane[t->item[i].lane];
		int32_t pid = (int32_t)t->item[i].e.id;
		uint32_t before = t->n_lanes;

		if (t->item[i].e.kind != WEFT__TRACE_DEATH)
			continue;
		add_lane(t, &lanes, teller->rank, pid, pid)->host = teller->host;
		if (t->n_lanes != before)
			strcpy(t->lane[before].process, "weft-worker");
	}
	trace_map_fini(&lanes);
	for (size_t i = 0; i < t->n; i++)
		if (t->item[i].e.kind == WEFT__TRACE_DEATH || t->item[i].e.kind == WEFT__TRACE_KILL)
			t->item[i].e.id = (uint32_t)shown_pid(t, t->lane[t->item[i].lane].rank,
							      (int32_t)t->item[i].e.id);
	return 0;
}

static int read_events(struct trace *t, const struct trace_head *h, uint32_t chunks)
{
	struct trace_map lanes = {0};
	uint32_t *of = calloc(chunks + 1, sizeof *of); /* events, which may grow meanwhile */
	size_t n = 0;
	int err = of ? trace_map_init(&lanes, chunks) : -ENOMEM;

	for (uint32_t i = 0; !err && i < chunks; i++)
		n += of[i] = events_of(&h->chunk[i]);
	t->item = calloc(n + 1, sizeof *t->item);
	t->lane = calloc(chunks + 1, sizeof *t->lane);
	if (!t->item || !t->lane)
		err = -ENOMEM;
	for (uint32_t i = 0; !err && i < chunks; i++)
		read_chunk(t, &lanes, &h->chunk[i], of[i]);
	free(of);
	trace_map_fini(&lanes);
	if (err)
		return err;
	qsort(t->item, t->n, sizeof *t->item, compare);
	return add_dead(t);
}

/* ---- Linking ---- */

struct linker {
	struct trace *t;
	struct trace_map tasks, executors;
	uint32_t *current; /* of each task: the life that it is in */
	/* Of each task: does it do one of rank 0? Then it is LENT once it has been submitted there. */
	enum { OWN, TO_BE_LENT, LENT } * lent;
};

/* Whose addresses the events of this lane have. */
static uint64_t program_of(const struct linker *l, const struct trace_item *item)
{
	return (uint64_t)l->t->lane[item->lane].rank << 32 | item->life;
}

static bool is_of_task(uint32_t kind)
{
	return (kind >= WEFT__TRACE_SUBMIT && kind <= WEFT__TRACE_GOT) || kind == WEFT__TRACE_SENT ||
	       kind == WEFT__TRACE_TAKEN;
}

/* The life of the task that an event is about; a new one, if it is the first that is heard of it. */
static struct trace_life *live(struct linker *l, struct trace_item *item, bool anew)
{
	struct trace *t = l->t;
	uint32_t before = l->tasks.n, task = trace_map_put(&l->tasks, item->e.id, program_of(l, item));

	if (anew || l->tasks.n != before) {
		l->current[task] = t->n_lives;
		t->life[t->n_lives++] = (struct trace_life){.executor = TRACE_NONE, .taker = TRACE_NONE};
	}
	item->life = l->current[task];
	return &t->life[item->life];
}

static void link_submit(struct linker *l, struct trace_item *item)
{
	uint32_t before = l->executors.n, ex = trace_map_put(&l->executors, item->e.b, program_of(l, item));
	struct trace_life *life = live(l, item, true);

	if (l->executors.n != before)
		l->t->executor[l->t->n_executors++] = name_of(item->e.a);
	life->submitted = item->e.time;
	life->executor = ex;
}

static void link_start(struct linker *l, struct trace_item *item, uint32_t at)
{
	struct trace_life *life = live(l, item, false);

	/* Its submission was dropped. */
	if (life->done || life->ended)
		life = live(l, item, true);
	if (!life->starts++)
		life->started = item->e.time;
	life->name = life->given ? life->given : name_of(item->e.a);
	life->last_start = at;
	item->e.a = life->starts; /* which of them */
}

/* A worker of a rank that is lost may end a task, too, which somebody else has run or will run. */
static void link_end(struct linker *l, struct trace_item *item, uint32_t at)
{
	struct trace_life *life = live(l, item, false);

	if (life->done && life->ended)
		return;
	life->ended = item->e.time;
	life->last_end = at;
	life->status = (int32_t)item->e.a;
}

/* From here on a task of a rank is in the life of that of rank 0 which it does; if that one is there to be found. */
static void link_taken(struct linker *l, struct trace_item *item)
{
	uint64_t caller = l->t->rank ? UINT64_MAX : (uint32_t)l->t->pid;
	uint32_t theirs = trace_map_find(&l->tasks, item->e.b, caller);
	uint32_t task = trace_map_put(&l->tasks, item->e.id, program_of(l, item));

	if (theirs == TRACE_NONE || l->t->life[l->current[theirs]].done)
		live(l, item, true);
	else
		item->life = l->current[task] = l->current[theirs];
	l->lent[task] = TO_BE_LENT;
}

/* Of what a lent task goes through on its rank, only its start and its end count: the rest is for rank 0 to say. */
static bool is_hushed(struct linker *l, const struct trace_item *item)
{
	uint32_t task = trace_map_find(&l->tasks, item->e.id, program_of(l, item));

	if (task == TRACE_NONE || l->lent[task] == OWN)
		return false;
	if (item->e.kind == WEFT__TRACE_SUBMIT) {
		l->lent[task] =
			l->lent[task] == TO_BE_LENT ? LENT : OWN; /* another one, which has got its memory */
		return l->lent[task] == LENT;
	}
	return item->e.kind == WEFT__TRACE_DONE ||
	       (item->e.kind >= WEFT__TRACE_WAIT && item->e.kind <= WEFT__TRACE_GOT);
}

static void link_item(struct linker *l, struct trace_item *item, uint32_t at)
{
	struct trace_life *life;

	if (is_of_task(item->e.kind) && is_hushed(l, item))
		item->e.kind = WEFT__TRACE_NOTHING;
	switch (item->e.kind) {
	case WEFT__TRACE_SUBMIT:
		link_submit(l, item);
		return;
	case WEFT__TRACE_START:
		link_start(l, item, at);
		return;
	case WEFT__TRACE_SENT:
		life = live(l, item, false);
		life->given = life->name = name_of(item->e.a);
		return;
	case WEFT__TRACE_TAKEN:
		link_taken(l, item);
		return;
	case WEFT__TRACE_END:
		link_end(l, item, at);
		return;
	case WEFT__TRACE_DONE:
		life = live(l, item, false);
		life->done = item->e.time;
		life->status = (int32_t)item->e.a;
		return;
	case WEFT__TRACE_WAIT:
		live(l, item, false);
		return;
	case WEFT__TRACE_WAITED:
	case WEFT__TRACE_GOT:
		life = live(l, item, false);
		if (life->taker == TRACE_NONE && life->ended &&
		    (item->e.kind == WEFT__TRACE_GOT || !item->e.a))
			life->taker = at;
		return;
	default:
		item->life = TRACE_NONE;
	}
}

static int link_all(struct trace *t)
{
	struct linker l = {.t = t};
	size_t of_tasks = 0, submits = count(t, WEFT__TRACE_SUBMIT);
	int err = -ENOMEM;

	for (size_t i = 0; i < t->n; i++)
		of_tasks += is_of_task(t->item[i].e.kind);
	t->life = calloc(of_tasks + 1, sizeof *t->life);
	t->executor = calloc(submits + 1, sizeof *t->executor);
	l.current = calloc(of_tasks + 1, sizeof *l.current);
	l.lent = calloc(of_tasks + 1, sizeof *l.lent);
	if (t->life && t->executor && l.current && l.lent && !trace_map_init(&l.tasks, of_tasks + 1) &&
	    !trace_map_init(&l.executors, submits + 1)) {
		for (size_t i = 0; i < t->n; i++)
			link_item(&l, &t->item[i], (uint32_t)i);
		err = 0;
	}
	trace_map_fini(&l.tasks);
	trace_map_fini(&l.executors);
	free(l.current);
	free(l.lent);
	return err;
}

int trace_read(struct trace **ret, const struct trace_head *h, size_t size)
{
	struct trace *t;
	int err;

	if (size < sizeof *h || h->magic != TRACE_MAGIC)
		return -EINVAL;
	t = calloc(1, sizeof *t);
	if (!t)
		return -ENOMEM;
	read_head(t, h);
	err = read_events(t, h, chunks_of(h, size));
	if (!err)
		err = link_all(t);
	if (err) {
		trace_free(t);
		return err;
	}
	t->last = t->n ? t->item[t->n - 1].e.time : t->began;
	*ret = t;
	return 0;
}

void trace_free(struct trace *t)
{
	if (!t)
		return;
	free(t->item);
	free(t->lane);
	free(t->life);
	free(t->executor);
	free(t);
}
