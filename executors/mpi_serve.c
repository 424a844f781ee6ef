/* SPDX-License-Identifier: MIT
 *
 * mpi_serve.c -- the loop of a rank that is not the caller's: receive, run, answer, beat, sleep.
 */
#include "mpi_caller.h"
#include "mpi_pace.h"
#include "mpi_server.h"

#include <errno.h>

#define BEATS       6
#define GIVE_UP     20               /* times patience ... */
#define GIVE_UP_MIN WEFT_SECONDS(60) /* ... or that, if it is longer */

static bool receive(struct mpi_link *l, struct mpi_server *s)
{
	struct mpi_reader reader;
	const char *frame;
	unsigned from;
	size_t size;
	bool some = false;

	while (mpi_link_receive(l, &from, &frame, &size) > 0) {
		/* What makes no sense is dropped here; rank 0 will miss an answer, or this rank. */
		if (!mpi_read(&reader, frame, size) && reader.head.way == TO_SERVER && from == 0)
			mpi_server_take(s, &reader);
		some = true;
		if (mpi_server_life(s) >= SERVER_ENDED)
			break;
	}
	return some;
}

/* False: rank 0 has been silent for so long that nobody will ever ask again. */
static bool beat(struct mpi_server *s)
{
	struct mpi_peer *peer = mpi_server_peer(s);
	weft_time patience = mpi_server_patience(s), now = weft_now();
	weft_time limit = GIVE_UP * patience > GIVE_UP_MIN ? GIVE_UP * patience : GIVE_UP_MIN;

	if (mpi_server_life(s) != SERVER_OPEN)
		return true;
	if (now - peer->told > patience / BEATS) {
		mpi_peer_write(peer, REC_BEAT, 0, NULL, 0);
		mpi_peer_flush(peer);
	}
	return now - peer->heard < limit;
}

static int serve(struct mpi_link *l, struct mpi_server *s, struct mpi_pace *pace, bool until_dismissed)
{
	mpi_pace_busy(pace);
	for (;;) {
		bool some = receive(l, s);

		if (mpi_server_life(s) == SERVER_DISMISSED)
			return 1;
		if (mpi_server_life(s) == SERVER_ENDED && !until_dismissed)
			return mpi_server_status(s);
		some |= mpi_server_step(s);
		if (!beat(s))
			return -EOWNERDEAD;
		if (some)
			mpi_pace_busy(pace);
		else if (mpi_pace_tired(pace) && !mpi_server_before_sleep(s))
			mpi_pace_sleep(pace, mpi_server_fd(s), WEFT_FOREVER);
	}
}

int weft__mpi_serve(struct mpi_link *link, bool until_dismissed)
{
	struct mpi_server *s;
	struct mpi_pace pace;
	int err = mpi_server_new(&s, link, 0);

	if (err)
		return err;
	err = mpi_pace_init(&pace);
	if (!err) {
		err = serve(link, s, &pace, until_dismissed);
		mpi_pace_fini(&pace);
	}
	mpi_server_free(s);
	return err;
}
