/* SPDX-License-Identifier: MIT
 *
 * zombies.c -- children that have ended, and that nobody has waited for, stay in the system's table as zombies. In
 * Python until somebody calls join() or active_children(); in weft they are waited for as they end, joined or not.
 */
#include <weft/process.h>

#include "lesson.h"

enum { PROCESSES = 5 };

static int nothing(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

/* How many of the processes in pid are zombies, by /proc/PID/stat: "PID (NAME) STATE ...". */
static int zombies(const pid_t *pid)
{
	int n = 0;

	for (int i = 0; i < PROCESSES; i++) {
		char path[32], state = 0;
		snprintf(path, sizeof path, "/proc/%d/stat", pid[i]);
		FILE *file = fopen(path, "r");
		if (!file)
			continue; /* gone for good */
		n += fscanf(file, "%*d (%*[^)]) %c", &state) == 1 && state == 'Z';
		fclose(file);
	}
	return n;
}

int main(void)
{
	weft_process *p[PROCESSES];
	weft_future *f[PROCESSES];
	pid_t pid[PROCESSES];

	for (int i = 0; i < PROCESSES; i++) {
		check(weft_process_start(&p[i], nothing, NULL, 0, NULL));
		pid[i] = weft_process_pid(p[i]);
		f[i] = weft_process_future(p[i]);
	}
	check(weft_wait_all(f, PROCESSES, WEFT_FOREVER)); /* nobody joins */
	say("%d processes have ended, %d of them are zombies\n", PROCESSES, zombies(pid));
	for (int i = 0; i < PROCESSES; i++)
		weft_process_free(p[i]);
	return 0;
}
