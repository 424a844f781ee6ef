/* SPDX-License-Identifier: MIT
 *
 * cpu_count.c -- os.cpu_count(), multiprocessing.cpu_count(): how many workers make sense.
 *
 * weft_cpu_count() counts what this process may use: its affinity, and the CPU quota of its container. Python counts
 * the processors of the machine.
 */
#include "lesson.h"

int main(void)
{
	weft_executor *ex;
	struct weft_stats stats;

	check(weft_executor_open(&ex, "threads")); /* as many as that, by default */
	check(weft_executor_stats(ex, &stats));
	say("%u processors to use, %ld in the machine\n", weft_cpu_count(), sysconf(_SC_NPROCESSORS_ONLN));
	say("a pool of threads has %u\n", stats.workers);
	weft_executor_free(ex);
	return 0;
}
