/* SPDX-License-Identifier: MIT
 *
 * test_frame.c -- what is a frame, and what is none.
 */
#include "harness.h"

#include <errno.h>
#include <string.h>

#include "frame.h"

enum { MAX = 100 };

static size_t frame(uint8_t *ret, uint8_t kind, size_t size, uint8_t verdict)
{
	weft__frame_head(ret, kind, size);
	memset(ret + FRAME_HEAD, 'x', size);
	ret[FRAME_HEAD + size] = verdict;
	return weft__frame_bytes(size);
}

TEST(whole_ones_are_read)
{
	static const size_t sizes[] = {0, 1, MAX - 1, MAX};
	uint8_t bytes[MAX + 16];
	struct weft__frame f;

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		size_t n = frame(bytes, FRAME_MESSAGE, sizes[i], FRAME_GOOD);

		CHECK_EQ(weft__frame_read(bytes, n + 3, MAX, &f), 1);
		CHECK(f.kind == FRAME_MESSAGE && f.size == sizes[i] && !f.is_void &&
		      f.message == bytes + FRAME_HEAD);
		frame(bytes, FRAME_MESSAGE, sizes[i], FRAME_VOID);
		CHECK_EQ(weft__frame_read(bytes, n, MAX, &f), 1);
		CHECK(f.is_void);
	}
	CHECK_EQ(weft__frame_read(bytes, frame(bytes, FRAME_DESCRIPTOR, 0, FRAME_GOOD), 0, &f), 1);
	CHECK_EQ(f.kind, FRAME_DESCRIPTOR);
}

TEST(a_part_is_no_frame_yet)
{
	uint8_t bytes[MAX + 16];
	size_t n = frame(bytes, FRAME_MESSAGE, MAX, FRAME_GOOD);
	struct weft__frame f;

	for (size_t i = 0; i < n; i++) {
		CHECK_EQ(weft__frame_read(bytes, i, MAX, &f), 0);
		CHECK_EQ(f.size, i < FRAME_HEAD ? 0 : MAX);
	}
}

TEST(garbage_is_refused)
{
	uint8_t bytes[MAX + 16];
	struct weft__frame f;
	size_t n = frame(bytes, FRAME_MESSAGE, MAX, FRAME_GOOD);

	CHECK_EQ(weft__frame_read(bytes, n, MAX - 1, &f), -EPROTO);
	CHECK_EQ(weft__frame_read(bytes, FRAME_HEAD, MAX - 1, &f), -EPROTO); /* before it has come */
	frame(bytes, FRAME_MESSAGE, MAX, 2);
	CHECK_EQ(weft__frame_read(bytes, n, MAX, &f), -EPROTO);
	for (uint8_t kind = 0; kind != 255; kind++) {
		frame(bytes, kind, 1, FRAME_GOOD);
		CHECK_EQ(weft__frame_read(bytes, 10, MAX, &f), kind == FRAME_MESSAGE ? 1 : -EPROTO);
	}
	for (unsigned i = 5; i < FRAME_HEAD; i++) {
		frame(bytes, FRAME_MESSAGE, 1, FRAME_GOOD);
		bytes[i] = 1;
		CHECK_EQ(weft__frame_read(bytes, 10, MAX, &f), -EPROTO);
	}
	memset(bytes, 0xff, sizeof bytes);
	CHECK_EQ(weft__frame_read(bytes, sizeof bytes, UINT32_MAX, &f), -EPROTO);
}

/* The lowest byte first, so that both sides agree whatever they run on. */
TEST(numbers_lie_as_agreed)
{
	uint8_t bytes[4];

	weft__put_u32(bytes, 0x01020304);
	CHECK(!memcmp(bytes, "\4\3\2\1", 4));
	CHECK_EQ(weft__get_u32(bytes), 0x01020304);
	memset(bytes, 0xff, 4);
	CHECK_EQ(weft__get_u32(bytes), UINT32_MAX);
}
