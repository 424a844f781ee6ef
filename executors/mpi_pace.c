/* SPDX-License-Identifier: MIT
 *
 * mpi_pace.c -- how to wait for a network that can only be asked.
 *
 * The price of asking: while there is something to do, and SPIN after, the thread asks all the time, but lets others
 * have the processor in between. Then it sleeps, each time a little longer. So an idle rank takes a hundredth of
 * a processor, and a task that comes out of nowhere waits for some hundreds of microseconds, once.
 */
#include "mpi_pace.h"
#include "clock.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SPIN     WEFT_US(60)
#define REST_MIN WEFT_US(20)
#define REST_MAX WEFT_MS(1)

int mpi_pace_init(struct mpi_pace *p)
{
	p->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->since = weft_now();
	p->rest = 0;
	return p->bell < 0 ? -errno : 0;
}

void mpi_pace_fini(struct mpi_pace *p)
{
	close(p->bell);
}

void mpi_pace_busy(struct mpi_pace *p)
{
	p->since = weft_now();
	p->rest = 0;
}

bool mpi_pace_tired(struct mpi_pace *p)
{
	if (weft_now() - p->since > SPIN)
		return true;
	sched_yield();
	return false;
}

void mpi_pace_sleep(struct mpi_pace *p, int fd, weft_time most)
{
	struct pollfd at[2] = {{.fd = p->bell, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
	uint64_t rings;
	struct timespec t;

	p->rest = p->rest ? p->rest + p->rest / 4 : REST_MIN;
	p->rest = weft__earlier(p->rest, weft__earlier(REST_MAX, most));
	t = weft__timespec(p->rest);
	if (ppoll(at, 2, &t, NULL) > 0 && at[0].revents && read(p->bell, &rings, sizeof rings) < 0)
		return; /* somebody else has read it: there is nobody else */
}

void mpi_pace_ring(struct mpi_pace *p)
{
	uint64_t one = 1;
	ssize_t n = write(p->bell, &one, sizeof one);

	(void)n; /* only fails if it is full, and then it rings */
}
