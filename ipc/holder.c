/* SPDX-License-Identifier: MIT
 *
 * holder.c -- the list of robust futexes of a thread.
 *
 *   tag  words                       from -> to              order                  carries
 *   H1   pending, newest, next       thread -> the kernel,   program order, by      which words to look at
 *                                    when the thread ends    release, and by the
 *                                                            exchange of the word
 *
 * The kernel looks when the thread has executed its last instruction, so all that counts is that the compiler leaves
 * these stores, and the exchange of the word between them, in their order.
 *
 * Where the head of the list is, only the C library knows for sure. It shows it by a robust mutex of its own: one
 * that is alone in the list points back to the head. If that does not look as it should, it is another library.
 *
 * Known to be left open: who is killed after it has given up a word, and before it has said that this is no longer
 * pending, has the kernel look at a word that another may have freed by then. If its memory holds the dead
 * thread's number by then, it is changed. The C library's own robust mutexes have that, too (its bug 14485).
 */
#include "holder.h"
#include "lock_order.h"
#include "lot.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

_Thread_local struct weft__holder weft__holder __attribute__((tls_model("initial-exec")));

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int key_error;

static void in_child(void)
{
	/* What the parent holds, its child does not. The C library has emptied the list. */
	weft__holder.tid = weft__holder.room = weft__holder.n = 0;
	weft__lot_reset();
	if (WEFT__LOCK_ORDER)
		weft__lock_order_reset();
}

static void at_thread_end(void *book)
{
	weft__holder.n = weft__holder.room = 0; /* other destructors may still take some */
	weft__holder.book = NULL;
	free(book);
}

static void arrange(void)
{
	pthread_atfork(NULL, NULL, in_child);
	key_error = -pthread_key_create(&key, at_thread_end);
}

/* Does m, which is locked and the newest in the list, lie where the kernel looks? Then where the head is. */
static struct robust_list_head *head_behind(const pthread_mutex_t *m)
{
	const char *node = (const char *)m + WEFT__NODE_OFFSET;
	struct robust_list_head *head;

	if (sizeof *m < WEFT__NODE_OFFSET + sizeof(void *))
		return NULL;
	memcpy(&head, node - sizeof head, sizeof head);
	if (!head || (const char *)head->list.next != node || head->futex_offset != -WEFT__NODE_OFFSET)
		return NULL;
	return head;
}

static struct robust_list_head *find_head(void)
{
	struct robust_list_head *head = NULL;
	pthread_mutexattr_t attr;
	pthread_mutex_t m;

	if (sizeof(void *) != 8 || pthread_mutexattr_init(&attr))
		return NULL;
	if (!pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) && !pthread_mutex_init(&m, &attr)) {
		pthread_mutex_lock(&m);
		head = head_behind(&m);
		pthread_mutex_unlock(&m);
		pthread_mutex_destroy(&m);
	}
	pthread_mutexattr_destroy(&attr);
	return head;
}

/* The anchor goes behind all that the C library has in the list: nothing of its own comes behind it later. If it is
 * there already, with what is held, the thread is about to end, and what comes leads on to that. */
static void anchor(struct weft__holder *h, struct robust_list_head *head)
{
	struct robust_list *last = &head->list, *own = (struct robust_list *)(void *)&h->anchor.next;

	h->pending = (atom_ptr *)(void *)&head->list_op_pending;
	h->newest = &h->anchor.next;
	while (last->next != &head->list && last != own)
		last = last->next;
	if (last == own) {
		h->end = atom_load(h->newest, relaxed);
		return;
	}
	h->end = (atom_ptr *)(void *)&head->list;
	atom_store(h->newest, (void *)h->end, relaxed);
	h->anchor.previous = last;
	/* H1 release: its own link first. */
	atom_store((atom_ptr *)(void *)&last->next, (void *)own, release);
}

static int prepare_shared(struct weft__holder *h)
{
	struct robust_list_head *head = find_head();

	if (!head)
		return -ENOTSUP;
	if (!h->book)
		h->book = malloc(WEFT_LOCKS_HELD_MAX * sizeof *h->book); /* touched as far as it is used */
	if (!h->book)
		return -ENOMEM;
	if (!key_error)
		pthread_setspecific(key, h->book); /* where that fails, it is left behind */
	anchor(h, head);
	h->room = WEFT_LOCKS_HELD_MAX;
	return 0;
}

int weft__holder_prepare(struct weft__holder *h, bool is_shared)
{
	if (!h->tid) {
		pthread_once(&once, arrange);
		h->tid = (uint32_t)syscall(SYS_gettid);
	}
	if (!is_shared || h->n < h->room)
		return 0;
	return h->room ? -ENOLCK : prepare_shared(h);
}

struct weft__holder *weft__holder_mine(void)
{
	return &weft__holder;
}

int weft__holder_supported(void)
{
	return find_head() ? 0 : -ENOTSUP;
}
