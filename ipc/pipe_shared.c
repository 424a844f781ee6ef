/* SPDX-License-Identifier: MIT
 *
 * pipe_shared.c -- an end in shared memory: two queues, one each way, and who uses which end.
 *
 * A queue does not notice that nobody is left who would put or get. So each end has the life of the process that used
 * it last, and who waits looks now and then whether that of the other end is over. He does not look at the clock for
 * that as long as he need not wait: the time of the next look is kept, and one that has passed is only noticed by the
 * first wait.
 *
 * The last who closes an end frees what there is, in whichever process. Only a region that was made for the pipe is its
 * maker's to free: he does at his next weft_pipe_new or weft_pipe_close.
 *
 *   tag  word          from -> to          order                    carries
 *   H1   channel.closed  close -> last     or rel -> or acq, load   all that was done with the pipe
 *                        close, sweep      acq
 *
 * The lives are hints: relaxed. Death: an end is closed by one addition to a word, and closing it may be begun anew by
 * another: so whoever dies in weft_pipe_close has closed his end, or who is left does it. Who dies of the last close,
 * behind that, leaves memory in the region that was given.
 */
#include "clock.h"
#include "forked.h"
#include "pipe_parts.h"
#include "queue_parts.h"
#include "spec.h"
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BOTH = 3 }; /* ends are closed */

#define LOOK_EVERY           WEFT_MS(100)
#define MESSAGE_SIZE_DEFAULT ((size_t)64 << 10)
#define CAPACITY_DEFAULT     1024
#define MEMORY_DEFAULT       ((uint64_t)256 << 10)

struct channel;

struct shared_pipe {
	struct weft_pipe base;
	unsigned side;
	weft_queue *out, *in;
	struct channel *channel;
	atom_u64 user; /* the life of who used it last; 0: nobody, or his death was told */
};

/* In a region. */
struct channel {
	struct shared_pipe end[2];
	weft_region *region;
	bool own_region;
	atom_u32 closed; /* ends: a bit each */
};

static _Thread_local weft_time next_look WEFT__TLS;

static struct shared_pipe *inside(weft_pipe *base)
{
	return list_entry(base, struct shared_pipe, base);
}

static struct shared_pipe *other(struct shared_pipe *p)
{
	return &p->channel->end[!p->side];
}

/* ---- Messages ---- */

static int begin(struct shared_pipe *p)
{
	uint64_t life = weft__life_own();

	/* Relaxed, both: a hint. Looks first, so as not to take the line from who looks at it. */
	if (atom_load(&p->user, relaxed) != life)
		atom_store(&p->user, life, relaxed);
	return weft__current && weft__asked(weft__current) ? -ECANCELED : 0;
}

/* A wait has come to an end with nothing: 0: go on; or why not. */
static int look(struct shared_pipe *p, weft_time deadline)
{
	weft_time now = weft_now();
	uint64_t life;

	if (now >= deadline)
		return -ETIMEDOUT;
	if (weft__cancelled(weft__current))
		return weft__asked(weft__current) ? -ECANCELED : -ETIMEDOUT;
	if (now < next_look)
		return 0;
	next_look = now + LOOK_EVERY;
	/* Relaxed, both: a hint, which is taken by the one who tells of it. */
	life = atom_load(&other(p)->user, relaxed);
	if (life && weft__life_is_over(life) && atom_cas(&other(p)->user, &life, 0, relaxed, relaxed))
		return -EOWNERDEAD;
	return 0;
}

int weft__shared_send(weft_pipe *base, const void *msg, size_t size, weft_time deadline)
{
	struct shared_pipe *p = inside(base);
	int err = begin(p), why;

	if (err)
		return err;
	while ((err = weft_queue_put(p->out, msg, size, weft__earlier(deadline, next_look))) == -ETIMEDOUT) {
		why = look(p, deadline);
		if (why)
			return why;
	}
	return err;
}

ssize_t weft__shared_recv(weft_pipe *base, void *msg, size_t room, weft_time deadline)
{
	struct shared_pipe *p = inside(base);
	ssize_t n = begin(p);
	int why = (int)n;

	while (!why) {
		n = weft_queue_get(p->in, msg, room, weft__earlier(deadline, next_look));
		if (n != -ETIMEDOUT)
			return n;
		why = look(p, deadline);
	}
	if (why != -EOWNERDEAD)
		return why;
	n = weft_queue_get(p->in, msg, room, 0); /* the last that the dead one has sent */
	return n == -ETIMEDOUT ? why : n;
}

/* A message of a size that there is none of: it stays. */
static int await_message(struct shared_pipe *p, weft_time deadline)
{
	char none;
	ssize_t n = weft_queue_get_many(p->in, &none, p->in->map.message_size + 1, 1, deadline);

	return n == -EMSGSIZE || n == -EPIPE ? 0 : (int)n;
}

int weft__shared_poll(weft_pipe *base, weft_time deadline)
{
	struct shared_pipe *p = inside(base);
	int err = begin(p), why;

	if (err)
		return err;
	while ((err = await_message(p, weft__earlier(deadline, next_look))) == -ETIMEDOUT) {
		why = look(p, deadline);
		if (why)
			return why == -EOWNERDEAD && !await_message(p, 0) ? 0 : why;
	}
	return err;
}

/* ---- Regions that were made for pipes ---- */

struct own {
	struct own *next;
	struct channel *channel;
};

static struct {
	struct weft__lock lock;
	uint32_t generation;
	struct own *list;
} owns;

/* Under the lock: frees those that nobody has open. */
static void sweep(void)
{
	struct own **at = &owns.list, *o;

	while ((o = *at)) {
		/* H1 acquire: pairs with weft__shared_close. */
		if (atom_load(&o->channel->closed, acquire) != BOTH) {
			at = &o->next;
			continue;
		}
		weft_region_free(o->channel->region);
		*at = o->next;
		free(o);
	}
}

/* o: one more, or NULL. */
static void own(struct own *o)
{
	uint32_t generation = weft__generation();

	weft__lock(&owns.lock);
	if (owns.generation != generation) { /* those of the process that this one is a fork of */
		owns.generation = generation;
		owns.list = NULL;
	}
	sweep();
	if (o) {
		o->next = owns.list;
		owns.list = o;
	}
	weft__unlock(&owns.lock);
}

/* ---- Beginning and end ---- */

static int check_opts(const struct weft_pipe_opts *opts, struct weft_queue_opts *ret)
{
	struct weft_pipe_opts o;
	uint64_t all;
	int err = weft__opts_copy(&o, sizeof o, opts);

	if (err)
		return err;
	*ret = (struct weft_queue_opts){.size = sizeof *ret,
					.capacity = o.capacity ? o.capacity : CAPACITY_DEFAULT,
					.message_size =
						o.message_size ? o.message_size : MESSAGE_SIZE_DEFAULT,
					.memory = o.memory,
					.region = o.region};
	if (ret->message_size > WEFT_MESSAGE_SIZE_MAX || ret->capacity > WEFT_QUEUE_CAPACITY_MAX)
		return -ERANGE;
	if (o.memory)
		return 0;
	ret->memory = 2 * (ret->message_size + 16);
	if (ret->memory < MEMORY_DEFAULT)
		ret->memory = MEMORY_DEFAULT;
	all = ret->capacity * (uint64_t)(ret->message_size + 16);
	if (ret->memory > all)
		ret->memory = 0; /* the queue's own idea */
	return 0;
}

static void discard(struct channel *c)
{
	weft_queue_free(c->end[0].out);
	weft_queue_free(c->end[0].in);
	weft_region_dealloc(c->region, c);
}

/* Both ends, in o->region. */
static int make(const struct weft_queue_opts *o, struct channel **ret)
{
	weft_queue *q[2] = {NULL, NULL};
	struct channel *c;
	int err = weft_region_alloc(o->region, sizeof *c, (void **)&c);

	if (err)
		return err;
	memset(c, 0, sizeof *c);
	c->region = o->region;
	err = weft_queue_new(&q[0], o);
	if (!err)
		err = weft_queue_new(&q[1], o);
	for (unsigned i = 0; i < 2; i++) {
		c->end[i].base.kind = WEFT__PIPE_SHARED;
		c->end[i].side = i;
		c->end[i].channel = c;
		c->end[i].out = q[i];
		c->end[i].in = q[!i];
	}
	if (err)
		discard(c);
	else
		*ret = c;
	return err;
}

static int make_with_region(struct weft_queue_opts *o, struct channel **ret)
{
	struct weft_region_opts r = {.size = sizeof r};
	struct own *place = malloc(sizeof *place);
	struct queue_shape shape;
	int err = weft__queue_shape(o, &shape);

	if (!err && !place)
		err = -ENOMEM;
	if (!err) {
		r.limit = 2 * (uint64_t)weft__queue_size(&shape) + 2 * WEFT_REGION_LIMIT_MIN;
		err = weft_region_new(&o->region, &r);
	}
	if (!err) {
		err = make(o, ret);
		if (err)
			weft_region_free(o->region);
	}
	if (err) {
		free(place);
		return err;
	}
	(*ret)->own_region = true;
	place->channel = *ret;
	own(place);
	return 0;
}

int weft_pipe_new(weft_pipe **ret_a, weft_pipe **ret_b, const struct weft_pipe_opts *opts)
{
	struct weft_queue_opts o;
	struct channel *c = NULL;
	int err = ret_a && ret_b ? check_opts(opts, &o) : -EINVAL;

	if (!err)
		err = o.region ? make(&o, &c) : make_with_region(&o, &c);
	if (err)
		return err;
	*ret_a = &c->end[0].base;
	*ret_b = &c->end[1].base;
	return 0;
}

int weft__shared_close(weft_pipe *base)
{
	struct shared_pipe *p = inside(base);
	struct channel *c = p->channel;
	uint32_t end = 1u << p->side, before;
	bool is_own = c->own_region;

	base->kind = WEFT__PIPE_CLOSING;
	weft_queue_close(p->out);
	weft_queue_close(p->in);
	/* H1 release, and acquire by the last: pairs with each other and with sweep. Unless we are the last, whoever that
	 * is may free it from here on. */
	before = atom_or(&c->closed, end, acq_rel);
	if (before & end)
		return -EINVAL;
	if ((before | end) == BOTH && !is_own)
		discard(c);
	if (is_own)
		own(NULL);
	return 0;
}
