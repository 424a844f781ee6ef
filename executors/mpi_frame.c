/* SPDX-License-Identifier: MIT
 *
 * mpi_frame.c -- frames: putting records in, and taking them out again without trusting what they say.
 */
#include "mpi_frame.h"

#include <errno.h>
#include <string.h>

/* Bytes of the body of each kind; what may lie behind it is checked below. */
static const uint32_t body_size[REC_KINDS] = {
	[REC_OPEN] = sizeof(struct mpi_open),   [REC_WELCOME] = sizeof(struct mpi_welcome),
	[REC_FN] = sizeof(struct mpi_fn),       [REC_TASK] = sizeof(struct mpi_task),
	[REC_DATA] = sizeof(struct mpi_data),   [REC_DONE] = sizeof(struct mpi_done),
	[REC_TRACE] = sizeof(struct mpi_trace), [REC_CLOCK] = sizeof(struct mpi_clock),
	[REC_PIECE] = sizeof(struct mpi_data),
};

static size_t aligned(size_t n)
{
	return (n + MPI_ALIGN - 1) & ~(size_t)(MPI_ALIGN - 1);
}

size_t mpi_record_size(enum mpi_kind kind, size_t n)
{
	return sizeof(struct mpi_record) + aligned(body_size[kind]) + aligned(n);
}

void *mpi_write(struct mpi_writer *w, enum mpi_kind kind, uint32_t id, const void *body, size_t n)
{
	size_t size = mpi_record_size(kind, n), begin = w->n ? w->n : sizeof(struct mpi_head);
	struct mpi_record head = {kind, (uint32_t)size, id, (uint32_t)n};
	char *at = w->at + begin;

	if (n > MPI_FRAME_MAX || begin > w->size || size > w->size - begin)
		return NULL;
	memcpy(at, &head, sizeof head);
	at += sizeof head;
	memset(at, 0, size - sizeof head - n);
	if (body_size[kind])
		memcpy(at, body, body_size[kind]);
	at += aligned(body_size[kind]);
	memset(at + n, 0, aligned(n) - n);
	w->n = begin + size;
	return at;
}

struct mpi_head mpi_head_of(const struct mpi_writer *w)
{
	return (struct mpi_head){MPI_WIRE_MAGIC, (uint32_t)w->n, w->executor, w->way};
}

int mpi_read(struct mpi_reader *r, const char *frame, size_t size)
{
	if (size < sizeof r->head || size > MPI_FRAME_MAX)
		return -EBADMSG;
	memcpy(&r->head, frame, sizeof r->head);
	if (r->head.magic != MPI_WIRE_MAGIC || r->head.size != size ||
	    (r->head.way != TO_SERVER && r->head.way != TO_CALLER))
		return -EBADMSG;
	r->at = frame + sizeof r->head;
	r->left = size - sizeof r->head;
	return 0;
}

static bool is_text(const char *text)
{
	return memchr(text, 0, MPI_TEXT) != NULL;
}

/* Does what lies behind the body fit what the body says? */
static bool is_sound(const struct mpi_view *v)
{
	const struct mpi_task *task = v->body;
	const struct mpi_data *data = v->body;
	const struct mpi_done *done = v->body;

	switch (v->kind) {
	case REC_OPEN:
		return !v->n && is_text(((const struct mpi_open *)v->body)->local);
	case REC_WELCOME:
		return !v->n && is_text(((const struct mpi_welcome *)v->body)->host);
	case REC_TASK:
		return v->n == (task->arg_size > MPI_INLINE ? 0 : task->arg_size) &&
		       (!task->batch ||
			(task->arg_size % task->batch == 0 && task->result_size % task->batch == 0));
	case REC_TRACE:
		return v->n && v->n <= MPI_PATH && !memchr(v->more, 0, v->n);
	case REC_DATA:
	case REC_PIECE:
		return v->n && v->n <= MPI_CHUNK && data->offset <= SIZE_MAX - v->n;
	case REC_DONE:
		return done->text_n <= WEFT_ERROR_TEXT_MAX && done->result_n <= MPI_INLINE &&
		       v->n == (size_t)done->result_n + done->text_n;
	default:
		return !v->n;
	}
}

int mpi_next(struct mpi_reader *r, struct mpi_view *ret)
{
	struct mpi_record head;

	if (!r->left)
		return 0;
	if (r->left < sizeof head)
		return -EBADMSG;
	memcpy(&head, r->at, sizeof head);
	if (head.kind < REC_OPEN || head.kind >= REC_KINDS || head.n > MPI_FRAME_MAX || head.size > r->left ||
	    head.size != mpi_record_size(head.kind, head.n))
		return -EBADMSG;
	ret->kind = head.kind;
	ret->id = head.id;
	ret->body = r->at + sizeof head;
	ret->more = r->at + sizeof head + aligned(body_size[head.kind]);
	ret->n = head.n;
	if (!is_sound(ret))
		return -EBADMSG;
	r->at += head.size;
	r->left -= head.size;
	return 1;
}
