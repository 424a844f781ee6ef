/* SPDX-License-Identifier: MIT
 *
 * weft/glib.h -- futures in a GLib main loop: a GSource that calls back for each that gets done.
 *
 *   static gboolean done(weft_future *f, gpointer tag, gpointer data) { ...; return G_SOURCE_CONTINUE; }
 *   ...
 *   GSource *source;
 *   int err = weft_glib_source_new(&source, done, data, NULL);
 *   if (!err) g_source_attach(source, NULL);
 *   if (!err) err = weft_submit(ex, &task);
 *   if (!err) err = weft_glib_watch(source, weft_task_future(&task), &task);
 *   g_main_loop_run(loop);                     // until somebody calls g_main_loop_quit()
 *   g_source_destroy(source);
 *   g_source_unref(source);
 *
 * It is a GSource like any other: it belongs to the context to which it was attached, has a priority and a name, and
 * goes when done returns G_SOURCE_REMOVE. GLib's loops do not end by themselves.
 *
 * This header holds code, which is compiled into your program: link glib-2.0 and libweft. C11 and C++.
 */
#ifndef WEFT_GLIB_H
#define WEFT_GLIB_H

#include <glib-unix.h>
#include <glib.h>

#include <weft/cq.h>

/* How many callbacks one dispatch makes at most: what each of them submits to an executor that is done at once
 * (weft_inline()) would otherwise keep the loop from its other sources. */
#define WEFT_GLIB_BATCH 256

/** Called in the source's context, once for each weft_glib_watch: f is done. It may watch more, submit f's task again,
 * and destroy the source. f is not given away: use it only while you hold its task or a reference of your own.
 *
 * @return G_SOURCE_CONTINUE | G_SOURCE_REMOVE: the source is destroyed; no callback comes any more. */
typedef gboolean (*weft_glib_func)(weft_future *f, gpointer tag, gpointer data);

struct weft_glib_source {
	GSource source;
	weft_cq *cq;
};

static inline gboolean weft_glib_dispatch_(GSource *source, GSourceFunc callback, gpointer data)
{
	weft_cq *cq = ((struct weft_glib_source *)source)->cq;
	weft_glib_func func = (weft_glib_func)(void (*)(void))callback;
	weft_future *f;
	void *tag;

	/* What is left over keeps the descriptor readable, so the next round goes on with it. */
	for (int i = 0; i < WEFT_GLIB_BATCH && !g_source_is_destroyed(source); i++) {
		if (weft_cq_next(cq, &f, &tag, 0))
			break;
		if (!func(f, tag, data))
			return G_SOURCE_REMOVE;
	}
	return G_SOURCE_CONTINUE;
}

static inline void weft_glib_finalize_(GSource *source)
{
	weft_cq_free(((struct weft_glib_source *)source)->cq);
}

/** Makes a source, which has to be attached to a context: g_source_attach.
 *
 * @param func    Must not be NULL.
 * @param data    Handed to func.
 * @param notify  Called with data when the source no longer needs it. May be NULL.
 * @return 0 | -ENOMEM, -EMFILE, -ENFILE.
 * @owns   *ret is the caller's: g_source_unref. A context to which it is attached has a reference of its own until
 *         g_source_destroy. With the last reference the futures are no longer watched.
 * @from   Any thread.
 * @waits  Never.
 * @orders Nothing.
 * Example: GSource *source; int err = weft_glib_source_new(&source, done, NULL, NULL); */
static inline int weft_glib_source_new(GSource **ret, weft_glib_func func, gpointer data,
				       GDestroyNotify notify)
{
	/* prepare and check are GLib's own: the descriptor decides. */
	static GSourceFuncs funcs = {NULL, NULL, weft_glib_dispatch_, weft_glib_finalize_, NULL, NULL};
	weft_cq *cq;
	int err = weft_cq_new(&cq);
	GSource *source;

	if (err)
		return err;
	source = g_source_new(&funcs, sizeof(struct weft_glib_source));
	((struct weft_glib_source *)source)->cq = cq;
	g_source_add_unix_fd(source, weft_cq_fd(cq), G_IO_IN);
	g_source_set_callback(source, (GSourceFunc)(void (*)(void))func, data, notify);
	*ret = source;
	return 0;
}

/** Has the source's func called once f is done; in a later round of the loop, even if it is done already.
 *
 * @param source  From weft_glib_source_new.
 * @return 0 | as weft_cq_watch. Then func is not called.
 * @owns   A caller's own task must stay until func was called for it, or the last reference to source is gone.
 * @from   Any thread that has a reference to source, func included.
 * @waits  Never.
 * @orders What f's body wrote happens before func is called.
 * Example: err = weft_glib_watch(source, f, &item); */
static inline int weft_glib_watch(GSource *source, weft_future *f, gpointer tag)
{
	return weft_cq_watch(((struct weft_glib_source *)source)->cq, f, tag);
}

#endif
