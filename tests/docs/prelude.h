/* SPDX-License-Identifier: MIT
 *
 * prelude.h -- what examples in the documents may use without having declared it. A fragment is compiled inside a
 * function behind this; what it declares itself hides what is here. For single pages there are parts below, by the
 * name of the page: PAGE_lock for weft/lock.h. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <weft/weft.h>

#ifndef __cplusplus
/* Functions of whatever arguments. */
int copy_the_table(), drop(), give_up(), go_on(), print_round(), show_progress(), slow_down(), step(), use(),
	work();

static int argc, code, err;
#ifndef PAGE_subprocess
static char **argv;
#endif
static bool ready;
static char buffer[4096], text[4096];
static size_t size;
static weft_call *call;
static void *result, *tag;
static weft_time deadline;
static weft_executor *ex;
static weft_fn is_prime;
static uint64_t numbers[3];
static bool prime[3];
static int is_prime(weft_call *c, const void *a, void *r)
{
	(void)c, (void)a;
	*(bool *)r = true;
	return 0;
}

#if defined(PAGE_barrier)
static weft_barrier b;
#elif defined(PAGE_base)
static weft_future *f;
#elif defined(PAGE_call)
static weft_future *f;
static char *line;
static int fd, i, x;
static size_t n;
#elif defined(PAGE_cond)
static weft_cond c;
static weft_lock l;
static bool queue_has_some;
#elif defined(PAGE_cq)
static weft_cq *q;
static weft_future *f;
static int item;
static size_t n;
#elif defined(PAGE_event)
static weft_event e;
#elif defined(PAGE_executor)
static size_t n;
#elif defined(PAGE_executor_impl)
int move(), push();
weft_task *pop();
static struct weft_executor_ops my_ops;
static struct weft_offer *offer;
static weft_task *t, *dropped;
static struct {
	weft_executor *ex;
} * pool;
static struct {
	void *head;
} * q;
#elif defined(PAGE_future)
static weft_future *f, *keep, *all[8];
static weft_task fetch, parse;
#elif defined(PAGE_group)
static weft_group g;
static weft_task t[2];
#elif defined(PAGE_io)
static char block[4096], body[4096], *path;
static int dir, fd, i, pipe_in;
static int64_t at;
static uint32_t head;
static ssize_t n;
static struct iovec v[2];
#elif defined(PAGE_lock)
static weft_lock l, *lock_in_region;
static weft_rlock r;
static long balance;
#elif defined(PAGE_pipe)
static weft_listener *l;
static weft_pipe *a, *b, *p;
static char key[32];
static int job, file;
static ssize_t n;
static struct weft_listen_opts o;
#elif defined(PAGE_process)
static weft_process *a, *b, *p;
static weft_queue *q;
static weft_fn *writer;
#elif defined(PAGE_queue)
static weft_queue *q;
static int item, row[100];
static ssize_t n;
static struct weft_queue_opts opts;
#elif defined(PAGE_region)
struct node {
	struct node *next;
};
static weft_region *r;
static weft_ref ref;
static struct node *list, *n, *node;
static void *block, *row;
#elif defined(PAGE_rwlock)
static weft_rwlock rw;
#elif defined(PAGE_semaphore)
static weft_semaphore s;
#elif defined(PAGE_shared)
static weft_region *r, *region;
static double *sum;
static int *grid;
#elif defined(PAGE_socket)
static char body[4096], packet[4096], reply[4096];
static int fd, listener;
static ssize_t n;
static socklen_t from_size;
static struct sockaddr_in address, from, to;
static struct iovec v[2];
#elif defined(PAGE_spawn)
static struct half {
	weft_child child;
} left;
static void (*sort)(void *ctx);
#elif defined(PAGE_subprocess)
static weft_subprocess *p;
static const char *const *argv;
static const char *name;
static char command[4096];
static ssize_t n;
static struct weft_output o;
#elif defined(PAGE_task)
static weft_future *f;
static weft_task t, tasks[100];
static bool yes;
static uint64_t n;
static size_t rows;
static int (*scale_rows)(weft_call *c, size_t begin, size_t end, void *ctx);
static struct image {
	int width;
} image;
#elif defined(PAGE_thread)
static weft_thread *t;
static weft_fn *serve;
static int n, port;
#elif defined(PAGE_uring)
static weft_executor *threads;
static weft_fn *hash;
static char block[4096];
static uint64_t sum;
#endif
#endif
