/* SPDX-License-Identifier: MIT
 *
 * weft/uv.h -- futures in a libuv loop: for each that gets done, a callback on the loop's thread.
 *
 *   static void done(weft_uv *u, weft_future *f, void *tag) { ... }
 *   ...
 *   weft_uv u;
 *   int err = weft_uv_init(&u, loop, done);
 *   if (!err) err = weft_submit(ex, &task);
 *   if (!err) err = weft_uv_watch(&u, weft_task_future(&task), &task);
 *   uv_run(loop, UV_RUN_DEFAULT);              // returns when nothing is awaited any more
 *   weft_uv_close(&u, NULL);
 *   uv_run(loop, UV_RUN_DEFAULT);              // libuv closes handles in the loop
 *
 * While futures are awaited, and only then, the handle is active and keeps uv_run() from returning.
 * uv_unref((uv_handle_t *)&u.poll) lets the loop end in spite of them, uv_ref() undoes that.
 *
 * This header holds code, which is compiled into your program: link libuv and libweft. C11 and C++.
 * Errors are negative errnos, as libuv's are on Linux.
 */
#ifndef WEFT_UV_H
#define WEFT_UV_H

#include <stddef.h>
#include <uv.h>

#include <weft/cq.h>

/* How many callbacks one round of the loop makes at most: what each of them submits to an executor that is done at
 * once (weft_inline()) would otherwise keep the loop from its other handles. */
#define WEFT_UV_BATCH 256

typedef struct weft_uv weft_uv;

/** Called on the loop's thread, once for each weft_uv_watch: f is done. It may watch more, submit f's task again, and
 * close u. f is not given away: use it only while you hold its task or a reference of your own. */
typedef void weft_uv_done(weft_uv *u, weft_future *f, void *tag);

/** In the caller's memory, until weft_uv_close has called back. Only data is the caller's to change. */
struct weft_uv {
	uv_poll_t poll;
	weft_cq *cq;
	weft_uv_done *done;
	void (*closed)(weft_uv *u);
	size_t awaited;
	void *data;
};

static inline void weft_uv_on_ready_(uv_poll_t *poll, int status, int events)
{
	weft_uv *u = (weft_uv *)poll->data;
	weft_future *f;
	void *tag;

	(void)status, (void)events; /* a descriptor that did not work would show in weft_cq_next */
	/* What is left over keeps the descriptor readable, so the next round goes on with it. After a close there is
	 * no queue, which weft_cq_next answers with -EINVAL. */
	for (int i = 0; i < WEFT_UV_BATCH && weft_cq_next(u->cq, &f, &tag, 0) == 0; i++) {
		if (--u->awaited == 0)
			uv_poll_stop(poll);
		u->done(u, f, tag);
	}
}

static inline void weft_uv_on_closed_(uv_handle_t *handle)
{
	weft_uv *u = (weft_uv *)handle->data;

	if (u->closed)
		u->closed(u);
}

/** Makes u ready, for one loop. Nothing is awaited yet, so it does not keep the loop going.
 *
 * @return 0 | -ENOMEM, -EMFILE, -ENFILE | an error of uv_poll_init. Then u needs no close.
 * @owns   *u is the library's and libuv's until weft_uv_close has called back.
 * @from   The loop's thread.
 * @waits  Never.
 * @orders Nothing.
 * Example: weft_uv u; int err = weft_uv_init(&u, uv_default_loop(), done); */
static inline int weft_uv_init(weft_uv *u, uv_loop_t *loop, weft_uv_done *done)
{
	int err = weft_cq_new(&u->cq);

	if (err)
		return err;
	err = uv_poll_init(loop, &u->poll, weft_cq_fd(u->cq));
	if (err) {
		weft_cq_free(u->cq);
		return err;
	}
	u->poll.data = u;
	u->done = done;
	u->closed = NULL;
	u->awaited = 0;
	u->data = NULL;
	return 0;
}

/** Has done(u, f, tag) called once f is done; in a later round of the loop, even if it is done already.
 *
 * @return 0 | -ECANCELED: u is closed | as weft_cq_watch. Then done is not called.
 * @owns   A caller's own task must stay until done was called for it, or u is closed.
 * @from   The loop's thread, done included. (Others have uv_async_send.)
 * @waits  Never.
 * @orders What f's body wrote happens before done is called.
 * Example: err = weft_uv_watch(&u, f, &item); */
static inline int weft_uv_watch(weft_uv *u, weft_future *f, void *tag)
{
	int err = u->cq ? weft_cq_watch(u->cq, f, tag) : UV_ECANCELED;

	if (err)
		return err;
	if (u->awaited++ == 0)
		err = uv_poll_start(&u->poll, UV_READABLE, weft_uv_on_ready_);
	return err;
}

/** Ends it: no callback comes any more, not even for futures that are done. They go on unwatched.
 *
 * @param closed  Called by a later round of the loop; from then on u's memory is the caller's. May be NULL.
 * @owns   The tasks are no longer watched: those that are done are the caller's.
 * @from   The loop's thread, done included; once.
 * @waits  For short critical sections only.
 * @orders Nothing.
 * Example: weft_uv_close(&u, NULL); uv_run(loop, UV_RUN_DEFAULT); */
static inline void weft_uv_close(weft_uv *u, void (*closed)(weft_uv *u))
{
	u->closed = closed;
	uv_close((uv_handle_t *)&u->poll, weft_uv_on_closed_); /* libuv lets go of the descriptor at once */
	weft_cq_free(u->cq);
	u->cq = NULL;
}

#endif
