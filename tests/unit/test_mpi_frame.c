/* SPDX-License-Identifier: MIT
 *
 * test_mpi_frame.c -- what ranks say to one another comes out as it went in, and what is cut, longer or nonsense
 * does not come out at all.
 */
#include "harness.h"
#include "mpi_frame.h"

#include <errno.h>
#include <string.h>

static _Alignas(MPI_ALIGN) char frame[4096];

static struct mpi_writer empty(void)
{
	memset(frame, 0xff, sizeof frame);
	return (struct mpi_writer){.at = frame, .size = sizeof frame, .executor = 5, .way = TO_SERVER};
}

static size_t finish(const struct mpi_writer *w)
{
	struct mpi_head head = mpi_head_of(w);

	memcpy(frame, &head, sizeof head);
	return w->n;
}

/* A task with an argument of three bytes, a cancel, an outcome with result and text. */
static size_t write_three(void)
{
	struct mpi_writer w = empty();
	struct mpi_task task = {.fn = 9, .arg_size = 3, .left = 77};
	struct mpi_done done = {.status = -5, .result_n = 2, .text_n = 4};

	memcpy(mpi_write(&w, REC_TASK, 1, &task, 3), "arg", 3);
	mpi_write(&w, REC_CANCEL, 2, NULL, 0);
	memcpy(mpi_write(&w, REC_DONE, 3, &done, 6), "rrtext", 6);
	return finish(&w);
}

TEST(comes_out_as_it_went_in)
{
	size_t size = write_three();
	struct mpi_reader r;
	struct mpi_view v;

	REQUIRE_EQ(mpi_read(&r, frame, size), 0);
	CHECK_EQ(r.head.executor, 5);
	CHECK_EQ(r.head.way, TO_SERVER);
	REQUIRE_EQ(mpi_next(&r, &v), 1);
	CHECK_EQ(v.kind, REC_TASK);
	CHECK_EQ(v.id, 1);
	CHECK_EQ(((const struct mpi_task *)v.body)->left, 77);
	CHECK(v.n == 3 && !memcmp(v.more, "arg", 3));
	CHECK_EQ((uintptr_t)v.more % MPI_ALIGN, 0);
	REQUIRE_EQ(mpi_next(&r, &v), 1);
	CHECK_EQ(v.kind, REC_CANCEL);
	REQUIRE_EQ(mpi_next(&r, &v), 1);
	CHECK_EQ(v.id, 3);
	CHECK(v.n == 6 && !memcmp(v.more, "rrtext", 6));
	CHECK_EQ(mpi_next(&r, &v), 0);
}

TEST(cut_at_every_byte)
{
	size_t size = write_three(), n;
	struct mpi_reader r;
	struct mpi_view v;

	for (n = 0; n < size; n++)
		CHECK_EQ(mpi_read(&r, frame, n), -EBADMSG);
	/* The head says so many, but the records are cut. */
	for (n = sizeof(struct mpi_head) + 1; n < size; n++) {
		int more = 1, whole = 0;

		memcpy(frame + offsetof(struct mpi_head, size), &(uint32_t){(uint32_t)n}, 4);
		REQUIRE_EQ(mpi_read(&r, frame, n), 0);
		while ((more = mpi_next(&r, &v)) > 0)
			whole++;
		CHECK(whole < 3);
		CHECK(more == -EBADMSG || r.left == 0);
	}
}

static int next_of(enum mpi_kind kind, const void *body, size_t n)
{
	struct mpi_writer w = empty();
	struct mpi_reader r;
	struct mpi_view v;

	REQUIRE(mpi_write(&w, kind, 0, body, n) != NULL);
	REQUIRE_EQ(mpi_read(&r, frame, finish(&w)), 0);
	return mpi_next(&r, &v);
}

TEST(sizes_that_do_not_fit)
{
	CHECK_EQ(next_of(REC_TASK, &(struct mpi_task){.arg_size = 4}, 3), -EBADMSG);
	CHECK_EQ(next_of(REC_TASK, &(struct mpi_task){.arg_size = MPI_INLINE + 1}, 3), -EBADMSG);
	CHECK_EQ(next_of(REC_TASK, &(struct mpi_task){.arg_size = MPI_INLINE + 1}, 0), 1);
	CHECK_EQ(next_of(REC_TASK, &(struct mpi_task){.arg_size = 4, .batch = 3}, 4), -EBADMSG);
	CHECK_EQ(next_of(REC_TASK, &(struct mpi_task){.arg_size = 6, .batch = 3}, 6), 1);
	CHECK_EQ(next_of(REC_DATA, &(struct mpi_data){.offset = 0}, 0), -EBADMSG);
	CHECK_EQ(next_of(REC_DATA, &(struct mpi_data){.offset = UINT64_MAX}, 1), -EBADMSG);
	CHECK_EQ(next_of(REC_DONE, &(struct mpi_done){.text_n = WEFT_ERROR_TEXT_MAX + 1}, 112), -EBADMSG);
	CHECK_EQ(next_of(REC_DONE, &(struct mpi_done){.text_n = 2, .result_n = 2}, 3), -EBADMSG);
	CHECK_EQ(next_of(REC_CANCEL, NULL, 1), -EBADMSG);
	struct mpi_open open = {.version = 1};
	memset(open.local, 'x', sizeof open.local); /* no NUL */
	CHECK_EQ(next_of(REC_OPEN, &open, 0), -EBADMSG);
}

TEST(no_room_is_said)
{
	struct mpi_writer w = empty();
	size_t n;

	w.size = sizeof(struct mpi_head) + 2 * mpi_record_size(REC_BEAT, 0);
	CHECK(mpi_write(&w, REC_BEAT, 0, NULL, 0) != NULL);
	CHECK(mpi_write(&w, REC_BEAT, 0, NULL, 0) != NULL);
	n = w.n;
	CHECK(mpi_write(&w, REC_BEAT, 0, NULL, 0) == NULL);
	CHECK_EQ(w.n, n);
}
