/* SPDX-License-Identifier: MIT
 *
 * frame.h -- how messages lie in a stream of bytes:
 *
 *   size (4 bytes, lowest first) | kind (1) | zeros (3) | size bytes | verdict (1)
 *
 * The verdict is there for who is called off when a part of a frame is out: it fills up the rest with zeros, which is
 * also the verdict that the frame is void.
 */
#ifndef WEFT_IPC_FRAME_H
#define WEFT_IPC_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FRAME_HEAD = 8, /* bytes */
	FRAME_TAIL = 1,
	FRAME_MESSAGE = 1, /* kinds */
	FRAME_DESCRIPTOR = 2,
	FRAME_VOID = 0, /* verdicts */
	FRAME_GOOD = 1,
};

struct weft__frame {
	uint32_t size; /* bytes of the message */
	uint8_t kind;
	bool is_void;
	const uint8_t *message;
};

static inline size_t weft__frame_bytes(size_t size)
{
	return FRAME_HEAD + size + FRAME_TAIL;
}

/* Little endian, on any machine. */
static inline void weft__put_u32(uint8_t *ret, uint32_t n)
{
	for (unsigned i = 0; i < 4; i++)
		ret[i] = (uint8_t)(n >> 8 * i);
}

static inline uint32_t weft__get_u32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

static inline void weft__frame_head(uint8_t ret[FRAME_HEAD], uint8_t kind, size_t size)
{
	weft__put_u32(ret, (uint32_t)size);
	ret[4] = kind;
	ret[5] = ret[6] = ret[7] = 0;
}

/* Looks at n bytes, which come from somebody else. 1: a frame begins them, *ret has it | 0: a part of one; if
 * ret->size is not 0, that is its size | -EPROTO: neither, or a message of more than size_max bytes. */
int weft__frame_read(const uint8_t *bytes, size_t n, size_t size_max, struct weft__frame *ret);

#endif
