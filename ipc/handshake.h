/* SPDX-License-Identifier: MIT
 *
 * handshake.h -- what both sides of a new connection say before the first message, without waiting. Both:
 *
 *   "weftpipe" | version (1 byte) | has a secret (1) | zeros (2) | size of the largest message (4) | random (32)
 *
 * Then, where both have a secret, the one that connected its proof, and, if that is right, the listener its own:
 *
 *   HMAC-SHA-256 by the key, of: which side says it (16 bytes) | hello of who connected | hello of the listener
 *
 * So a proof is good for this connection, this side, and for all that was said: one that is played back, or sent back
 * to who said it, is wrong. Who connects goes first: a listener says nothing that depends on the secret to a stranger.
 */
#ifndef WEFT_IPC_HANDSHAKE_H
#define WEFT_IPC_HANDSHAKE_H

#include "secret.h"

enum { HELLO_SIZE = 48, PROOF_SIZE = SECRET_MAC_SIZE };

struct weft__handshake {
	bool is_listener;
	bool has_key;
	uint8_t key[SECRET_KEY_SIZE];
	uint32_t message_size_out; /* what the other side takes */
	unsigned stage;            /* of handshake.c */
	size_t at;                 /* bytes of it that are done */
	uint8_t hello[2][HELLO_SIZE], proof[PROOF_SIZE];
};

/* key: NULL, none. */
void weft__handshake_begin(struct weft__handshake *h, bool is_listener, const uint8_t key[SECRET_KEY_SIZE],
			   size_t message_size);

/* Goes on as far as it can without waiting. 0: it is through | -EAGAIN: fd has to be ready for *ret_events |
 * -EACCES: refused, or the other side refuses | -EPROTO: garbage | -ECONNRESET. Never reads more than the
 * handshake. */
int weft__handshake_step(struct weft__handshake *h, int fd, short *ret_events);

#endif
