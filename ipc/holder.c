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
 * Where the head of the list is, the kernel tells. Where a sandbox denies that call, the C library shows it by a
 * robust mutex of its own: one that is the newest in the list points back to the head. Nothing else may be put in the
 * head's place: the C library's own mutexes, and all that lies behind the anchor, would be forgotten.
 *
 * Known to be left open: who is killed after it has given up a word, and before it has said that this is no longer
 * pending, has the kernel look at a word that another may have freed by then. If its memory holds the dead
 * thread's number by then, it is changed. The C library's own robust mutexes have that, too (its bug 14485). And where a
 * signal handler puts into a queue, robust.h names its lock as pending in the place of what the thread was just
 * taking or giving up: if it is killed in the handler, that is not looked at.
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

_Static_assert(HOLDER_TID == FUTEX_TID_MASK && HOLDER_DIED == FUTEX_OWNER_DIED &&
		       HOLDER_WAITERS == FUTEX_WAITERS,
	       "the kernel's bits");

_Thread_local struct weft__holder weft__holder __attribute__((tls_model("initial-exec")));
/* Where the C library has none. */
static _Thread_local struct robust_list_head spare __attribute__((tls_model("initial-exec")));

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int key_error;

static void in_child(void)
{
	/* What the parent holds, its child does not. The C library has emptied the list. */
	weft__holder.tid = weft__holder.room = weft__holder.n = 0;
	weft__holder.pending = NULL;
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

	if (sizeof(void *) != 8 || sizeof *m < WEFT__NODE_OFFSET + sizeof(void *))
		return NULL;
	memcpy(&head, node - sizeof head, sizeof head);
	if (!head || (const char *)head->list.next != node || head->futex_offset != -WEFT__NODE_OFFSET)
		return NULL;
	return head;
}

static struct robust_list_head *head_shown(void)
{
	struct robust_list_head *head = NULL;
	pthread_mutexattr_t attr;
	pthread_mutex_t m;

	if (pthread_mutexattr_init(&attr))
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

static struct robust_list_head *head_told(void)
{
	struct robust_list_head *head = NULL;
	size_t size = 0;

	return syscall(SYS_get_robust_list, 0, &head, &size) ? NULL : head;
}

/* Does the kernel know of such lists? The C library does not say: qemu-user has none. A wrong size changes nothing. */
static bool kernel_looks(void)
{
	return !syscall(SYS_set_robust_list, NULL, 0) || errno != ENOSYS;
}

/* Never one of ours while the C library has one: the kernel would forget that. */
static struct robust_list_head *find_head(void)
{
	struct robust_list_head *head = head_told();

	if (!head)
		head = head_shown();
	if (!head) /* musl tells the kernel when the thread takes its first robust mutex: just now */
		head = head_told();
	if (!head) {
		spare = (struct robust_list_head){.list = {&spare.list}};
		syscall(SYS_set_robust_list, &spare, sizeof spare);
		head = &spare;
	}
	return head;
}

static void know_thread(struct weft__holder *h)
{
	pthread_once(&once, arrange);
	h->tid = (uint32_t)syscall(SYS_gettid);
}

struct weft__holder *weft__holder_listed(void)
{
	struct weft__holder *h = weft__holder_mine();
	struct robust_list_head *head;

	if (h->pending)
		return h;
	know_thread(h);
	head = find_head();
	h->offset = kernel_looks() ? head->futex_offset : 0;
	h->pending = (atom_ptr *)(void *)&head->list_op_pending;
	return h;
}

/* The anchor goes behind all that the C library has in the list: nothing of its own comes behind it later. If it is
 * there already, with what is held, the thread is about to end, and what comes leads on to that. */
static void anchor(struct weft__holder *h)
{
	struct robust_list_head *head =
		(void *)((char *)h->pending - offsetof(struct robust_list_head, list_op_pending));
	struct robust_list *last = &head->list, *own = (struct robust_list *)(void *)&h->anchor.next;

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
	int err = weft__holder_supported();

	if (err)
		return err;
	if (!h->book)
		h->book = malloc(WEFT_LOCKS_HELD_MAX * sizeof *h->book); /* touched as far as it is used */
	if (!h->book)
		return -ENOMEM;
	if (!key_error)
		pthread_setspecific(key, h->book); /* where that fails, it is left behind */
	anchor(h);
	h->room = WEFT_LOCKS_HELD_MAX;
	return 0;
}

int weft__holder_prepare(struct weft__holder *h, bool is_shared)
{
	if (!h->tid)
		know_thread(h);
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
	return sizeof(void *) == 8 && weft__holder_listed()->offset == -WEFT__NODE_OFFSET ? 0 : -ENOTSUP;
}
