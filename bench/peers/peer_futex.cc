/* SPDX-License-Identifier: MIT
 *
 * peer_futex.cc -- what the kernel takes to hand something to another process and to get it back, when both
 * sleep: two words in shared memory, a wake and a wait on either side. No pool can be quicker when it sleeps.
 */
#include <csignal>
#include <ctime>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread> // and atomics

#include "measure.h"

struct table {
	alignas(64) std::atomic<uint32_t> there; /* counts what was sent; 0: leave */
	int64_t ns;                              /* that the other is to sleep */
	alignas(64) std::atomic<uint32_t> back;  /* counts what came back */
};

static table *shared;
static uint32_t turn;

static void wait_while(std::atomic<uint32_t> *word, uint32_t value)
{
	while (word->load() == value)
		syscall(SYS_futex, word, FUTEX_WAIT, value, nullptr, nullptr, 0);
}

static void set(std::atomic<uint32_t> *word, uint32_t value)
{
	word->store(value);
	syscall(SYS_futex, word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

static void serve(void)
{
	for (uint32_t t = 0;; set(&shared->back, t)) {
		wait_while(&shared->there, t);
		t = shared->there.load();
		if (!t)
			_exit(0);
		timespec nap = {shared->ns / 1000000000, shared->ns % 1000000000};
		if (shared->ns)
			nanosleep(&nap, nullptr);
	}
}

static void open_table(unsigned threads, size_t room)
{
	pid_t pid;

	(void)threads;
	(void)room;
	void *memory =
		mmap(nullptr, sizeof(table), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	measure_must(memory == MAP_FAILED ? -1 : 0, "mmap");
	shared = static_cast<table *>(memory);
	pid = fork();
	measure_must(pid < 0 ? -1 : 0, "fork");
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	serve();
}

static void there_and_back(void (*fn)(void *ctx), void *ctx)
{
	shared->ns = fn == measure_nothing ? 0 : *static_cast<const int64_t *>(ctx);
	set(&shared->there, ++turn);
	wait_while(&shared->back, turn - 1);
}

static peer futex()
{
	peer p = {};
	p.name = "futex";
	p.open = open_table;
	p.run = there_and_back;
	return p;
}

static const peer the_futex = futex();

extern "C" {
extern const peer *const measure_peers[];
const peer *const measure_peers[] = {&the_futex, nullptr};
}
