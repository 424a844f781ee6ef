/* SPDX-License-Identifier: MIT
 *
 * fuzz_mpi.c -- what ranks say to one another, from a rank that has lost its mind. The first byte says to whom:
 *
 *   0  to a server, which has been opened, and knows one function
 *   1  to the caller's rank, which has given it three tasks, with ids 0, 1025 and 2050
 *
 * Then come frames: a byte that says how (0: of records, which are well-formed but for what they say; else raw),
 * a length, and so many bytes. Whatever comes, each task is done in the end, and nothing is written beside its
 * result.
 */
#include "fuzz.h"
#include "mpi_caller.h"
#include "mpi_server.h"

#include <errno.h>
#include <pthread.h>
#include <weft/task.h>

enum { TASKS = 3, LONG = 100000, GUARD = 64, FRAMES = 16, EXECUTOR = 7 };

static int null_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

/* ---- A link: what was put into it comes out ---- */

struct frame {
	size_t size;
	_Alignas(MPI_ALIGN) char bytes[MPI_FRAME_MAX];
};

static struct frame frame[FRAMES];
static unsigned frames, taken;
static bool open_now; /* the rest may come */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int link_send(struct mpi_link *l, unsigned to, const struct iovec *part, int parts)
{
	(void)l, (void)to, (void)part, (void)parts;
	return 0;
}

static int link_receive(struct mpi_link *l, unsigned *from, const char **ret, size_t *ret_size)
{
	bool more;

	(void)l;
	pthread_mutex_lock(&lock);
	more = taken < frames && (open_now || taken == 0);
	pthread_mutex_unlock(&lock);
	if (!more)
		return 0;
	*from = 1;
	*ret = frame[taken].bytes;
	*ret_size = frame[taken].size;
	taken++;
	return 1;
}

static unsigned link_sending(const struct mpi_link *l, unsigned to)
{
	(void)l, (void)to;
	return 0;
}

static const struct mpi_link_ops ops = {.send = link_send, .receive = link_receive, .sending = link_sending};

/* ---- Frames out of bytes ---- */

static struct mpi_writer begin_frame(enum mpi_way way)
{
	frame[frames].size = 0;
	return (struct mpi_writer){
		.at = frame[frames].bytes, .size = MPI_FRAME_MAX, .executor = EXECUTOR, .way = way};
}

static void end_frame(const struct mpi_writer *w)
{
	struct mpi_head head = mpi_head_of(w);

	if (!w->n)
		return;
	memcpy(frame[frames].bytes, &head, sizeof head);
	frame[frames++].size = w->n;
}

static void add_record(struct mpi_writer *w, struct fuzz_bytes *b)
{
	static const uint32_t ids[] = {0, 1025, 2050, 1, 3, 1024};
	enum mpi_kind kind = 1 + fuzz_byte(b) % (REC_KINDS - 1);
	uint32_t id = ids[fuzz_byte(b) % 6];
	_Alignas(16) char body[256];
	struct mpi_task *task = (void *)body;
	size_t n = fuzz_byte(b);
	char *at;

	if (kind == REC_TRACE) /* it would write files */
		kind = REC_CLOCK;
	fuzz_read(b, body, sizeof body);
	if (kind == REC_TASK) { /* memory is not what this is about */
		task->fn %= 2;
		task->arg_size %= 2 * LONG;
		task->result_size %= 2 * LONG;
		n = task->arg_size > MPI_INLINE ? 0 : task->arg_size;
	}
	at = mpi_write(w, kind, id, body, n);
	if (at)
		fuzz_read(b, at, n < b->left ? n : b->left);
}

static void add_frame(struct fuzz_bytes *b, enum mpi_way way)
{
	struct mpi_writer w = begin_frame(way);
	bool raw = fuzz_byte(b);
	size_t n = fuzz_byte(b);

	if (raw) {
		frame[frames].size = n < b->left ? n : b->left;
		fuzz_read(b, frame[frames].bytes, frame[frames].size);
		frames++;
		return;
	}
	for (n = 1 + n % 8; n && b->left; n--)
		add_record(&w, b);
	end_frame(&w);
}

/* ---- To a server ---- */

static void feed(struct mpi_server *s, const struct frame *f)
{
	struct mpi_reader r;

	if (!mpi_read(&r, f->bytes, f->size))
		mpi_server_take(s, &r);
	mpi_server_step(s);
}

static void to_server(struct fuzz_bytes *b)
{
	struct mpi_open open = {.version = MPI_WIRE_VERSION, .patience = 1000, .local = "threads:1"};
	struct mpi_writer w = begin_frame(TO_SERVER);
	struct mpi_server *s;
	struct mpi_link l;
	struct mpi_fn fn;

	mpi_link_init(&l, &ops, 0, 2);
	fuzz_check(!mpi_server_new(&s, &l, 1));
	fuzz_check(!weft__token_program(&open.program) && !weft__token_make(null_fn, &fn.token));
	mpi_write(&w, REC_OPEN, 0, &open, 0);
	mpi_write(&w, REC_FN, 0, &fn, 0);
	end_frame(&w);
	while (b->left && frames < FRAMES)
		add_frame(b, TO_SERVER);
	for (unsigned i = 0; i < frames; i++)
		feed(s, &frame[i]);
	mpi_server_free(s);
	mpi_link_fini(&l);
}

/* ---- To the caller's rank ---- */

static void gone(struct mpi_link *link, unsigned lost, void *ctx)
{
	(void)lost, (void)ctx;
	mpi_link_fini(link);
}

static void check_results(weft_task t[TASKS], char result[TASKS][LONG + GUARD])
{
	for (int i = 0; i < TASKS; i++) {
		fuzz_check(!weft_future_wait(weft_task_future(&t[i]), weft_after(WEFT_SECONDS(10))));
		fuzz_check(weft_future_status(weft_task_future(&t[i])) != -EINPROGRESS);
		for (size_t k = t[i].result_size; k < LONG + GUARD; k++)
			fuzz_check(result[i][k] == 0x55);
	}
}

static void to_caller(struct fuzz_bytes *b)
{
	static char result[TASKS][LONG + GUARD];
	struct mpi_caller_opts o = {.queue = 8,
				    .patience = 3600000,
				    .start = 10000,
				    .executor = EXECUTOR,
				    .flags = WEFT_MPI_ROOT_IDLE,
				    .gone = gone};
	struct mpi_welcome welcome = {.workers = TASKS, .host = "fuzz"};
	struct mpi_writer w = begin_frame(TO_CALLER);
	weft_task t[TASKS] = {{.fn = null_fn, .result_size = 8},
			      {.fn = null_fn, .result_size = LONG, .flags = WEFT_TASK_IDEMPOTENT},
			      {.fn = null_fn}};
	struct mpi_link l;
	weft_executor *ex;

	fuzz_check(!weft__token_program(&welcome.program));
	mpi_write(&w, REC_WELCOME, 0, &welcome, 0);
	end_frame(&w);
	while (b->left && frames < FRAMES - 1)
		add_frame(b, TO_CALLER);
	frame[frames].size = 1; /* no frame: the rank is lost */
	frames++;
	mpi_link_init(&l, &ops, 0, 2);
	fuzz_check(!weft__mpi_new(&ex, &l, &o));
	memset(result, 0x55, sizeof result);
	for (int i = 0; i < TASKS; i++)
		t[i].result = t[i].result_size ? result[i] : NULL;
	fuzz_check(!weft_submit_many(ex, t, TASKS, NULL));
	pthread_mutex_lock(&lock);
	open_now = true;
	pthread_mutex_unlock(&lock);
	check_results(t, result);
	weft_executor_free(ex);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_bytes b = {data, size};

	frames = taken = 0;
	open_now = false;
	if (fuzz_byte(&b) % 2)
		to_caller(&b);
	else
		to_server(&b);
	return 0;
}
