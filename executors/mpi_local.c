/* SPDX-License-Identifier: MIT
 *
 * mpi_local.c -- what a rank runs tasks on, and what it says of itself.
 */
#include "mpi_errand.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void mpi_local_welcome(struct mpi_server *s, int status)
{
	struct mpi_welcome body = {.status = status, .pid = getpid()};
	struct weft_stats stats;

	if (s->local && !weft_executor_stats(s->local, &stats)) {
		body.workers = s->local->ops.workers ? s->local->ops.workers : 1;
		body.caps = weft_executor_caps(s->local);
	}
	if (weft__token_program(&body.program))
		memset(&body.program, 0, sizeof body.program);
	if (gethostname(body.host, sizeof body.host - 1))
		snprintf(body.host, sizeof body.host, "?");
	mpi_peer_write(&s->peer, REC_WELCOME, 0, &body, 0);
	mpi_peer_flush(&s->peer);
}

/* What this rank runs tasks on: its own environment comes first, since machines differ. */
static const char *local_text(const struct mpi_open *open)
{
	const char *text = getenv("WEFT_MPI_LOCAL"); /* NOLINT(concurrency-mt-unsafe) */

	if (text && *text)
		return text;
	return *open->local ? open->local : "processes";
}

int mpi_local_open(struct mpi_server *s, const struct mpi_open *open)
{
	struct weft__token program;
	const char *text = local_text(open);
	int err = weft__token_program(&program);

	if (err || open->version != MPI_WIRE_VERSION || !weft__token_same_file(&program, &open->program))
		return -ENOEXEC;
	if (strncmp(text, "threads", 7) != 0 && strncmp(text, "processes", 9) != 0)
		return -EINVAL;
	err = weft_executor_open(&s->local, text);
	if (!err)
		s->depth = s->local->ops.workers + MPI_AHEAD;
	return err;
}
