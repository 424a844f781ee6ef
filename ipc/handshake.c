/* SPDX-License-Identifier: MIT
 *
 * handshake.c -- both sides of it as one row of stages, each of which moves a number of bytes and then looks at them.
 */
#include "handshake.h"
#include "frame.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <weft/socket.h>

static const uint8_t magic[9] = {'w', 'e', 'f', 't', 'p', 'i', 'p', 'e', 1};

enum { AT_SECRET = 9, AT_ZEROS = 10, AT_SIZE = 12, AT_RANDOM = 16 };
enum { OURS, THEIRS };

enum stage { SEND_HELLO, READ_HELLO, SEND_PROOF, READ_PROOF, DONE };

/* Who connected says its proof first. */
static const enum stage after_hello[2] = {SEND_PROOF, READ_PROOF}; /* by is_listener */
static const enum stage after_sent[2] = {READ_PROOF, DONE};
static const enum stage after_read[2] = {DONE, SEND_PROOF};

void weft__handshake_begin(struct weft__handshake *h, bool is_listener, const uint8_t key[SECRET_KEY_SIZE],
			   size_t message_size)
{
	uint8_t *hello = h->hello[OURS];

	*h = (struct weft__handshake){.is_listener = is_listener, .has_key = key != NULL};
	memcpy(hello, magic, sizeof magic);
	hello[AT_SECRET] = h->has_key;
	weft__put_u32(hello + AT_SIZE, (uint32_t)message_size);
	if (!key)
		return;
	memcpy(h->key, key, sizeof h->key);
	weft__secret_random(hello + AT_RANDOM, HELLO_SIZE - AT_RANDOM);
}

/* What the proof of one side, of which is_listener speaks, is a proof of. */
enum { CLAIM_SIZE = 16 + 2 * HELLO_SIZE };

static void make_claim(const struct weft__handshake *h, bool is_listener, uint8_t ret[CLAIM_SIZE])
{
	static const uint8_t side[2][16] = {"weft connector", "weft listener"};

	memcpy(ret, side[is_listener], 16);
	memcpy(ret + 16, h->hello[h->is_listener ? THEIRS : OURS], HELLO_SIZE);
	memcpy(ret + 16 + HELLO_SIZE, h->hello[h->is_listener ? OURS : THEIRS], HELLO_SIZE);
}

static int check_hello(struct weft__handshake *h)
{
	const uint8_t *hello = h->hello[THEIRS];

	if (memcmp(hello, magic, sizeof magic) || hello[AT_SECRET] > 1 || hello[AT_ZEROS] ||
	    hello[AT_ZEROS + 1])
		return -EPROTO;
	if (hello[AT_SECRET] != h->has_key)
		return -EACCES;
	h->message_size_out = weft__get_u32(hello + AT_SIZE);
	return 0;
}

static bool check_proof(const struct weft__handshake *h)
{
	uint8_t claim[CLAIM_SIZE];

	make_claim(h, !h->is_listener, claim);
	return weft__secret_verify(h->key, claim, sizeof claim, h->proof);
}

static void enter(struct weft__handshake *h, enum stage stage)
{
	uint8_t claim[CLAIM_SIZE];

	h->stage = stage;
	h->at = 0;
	if (stage != SEND_PROOF)
		return;
	make_claim(h, h->is_listener, claim);
	weft__secret_mac(h->key, claim, sizeof claim, h->proof);
}

/* All bytes of a stage have been moved. */
static int conclude(struct weft__handshake *h)
{
	int err;

	switch ((enum stage)h->stage) {
	case SEND_HELLO:
		enter(h, READ_HELLO);
		return 0;
	case READ_HELLO:
		err = check_hello(h);
		if (!err)
			enter(h, h->has_key ? after_hello[h->is_listener] : DONE);
		return err;
	case SEND_PROOF:
		enter(h, after_sent[h->is_listener]);
		return 0;
	default:
		if (!check_proof(h))
			return -EACCES;
		enter(h, after_read[h->is_listener]);
		return 0;
	}
}

/* Bytes, 0 for the end, or an error. */
static ssize_t move(struct weft__handshake *h, int fd, size_t *ret_size, short *ret_events)
{
	bool sends = h->stage == SEND_HELLO || h->stage == SEND_PROOF;
	bool is_hello = h->stage == SEND_HELLO || h->stage == READ_HELLO;
	uint8_t *bytes = is_hello ? h->hello[sends ? OURS : THEIRS] : h->proof;

	*ret_size = is_hello ? HELLO_SIZE : PROOF_SIZE;
	*ret_events = sends ? POLLOUT : POLLIN;
	if (sends)
		return weft_send(fd, bytes + h->at, *ret_size - h->at, MSG_DONTWAIT);
	return weft_recv(fd, bytes + h->at, *ret_size - h->at, MSG_DONTWAIT);
}

int weft__handshake_step(struct weft__handshake *h, int fd, short *ret_events)
{
	int err;

	while (h->stage != DONE) {
		size_t size;
		ssize_t n = move(h, fd, &size, ret_events);

		if (n == -EAGAIN)
			return -EAGAIN;
		if (n <= 0) /* who has seen a proof, and hangs up, refuses it */
			return h->stage == READ_PROOF && !h->is_listener ? -EACCES : -ECONNRESET;
		h->at += (size_t)n;
		err = h->at == size ? conclude(h) : 0;
		if (err)
			return err;
	}
	return 0;
}
