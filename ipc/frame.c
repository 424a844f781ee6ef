/* SPDX-License-Identifier: MIT
 *
 * frame.c -- a frame, as it came from somebody else, is checked.
 */
#include "frame.h"

#include <errno.h>

static bool is_head(const uint8_t *bytes, uint32_t size, size_t size_max)
{
	if (bytes[5] || bytes[6] || bytes[7])
		return false;
	if (bytes[4] == FRAME_DESCRIPTOR)
		return size == 0;
	return bytes[4] == FRAME_MESSAGE && size <= size_max;
}

int weft__frame_read(const uint8_t *bytes, size_t n, size_t size_max, struct weft__frame *ret)
{
	uint32_t size;
	uint8_t verdict;

	*ret = (struct weft__frame){0};
	if (n < FRAME_HEAD)
		return 0;
	size = weft__get_u32(bytes);
	if (!is_head(bytes, size, size_max))
		return -EPROTO;
	ret->size = size;
	if (n < weft__frame_bytes(size))
		return 0;
	verdict = bytes[FRAME_HEAD + size];
	if (verdict != FRAME_VOID && verdict != FRAME_GOOD)
		return -EPROTO;
	ret->kind = bytes[4];
	ret->is_void = verdict == FRAME_VOID;
	ret->message = bytes + FRAME_HEAD;
	return 1;
}
