/* SPDX-License-Identifier: MIT
 *
 * peer_bare.cc -- what the machine takes where processes are concerned, with no pool:
 *
 *   futex       hands something to another process and gets it back, when both sleep: two words in shared
 *               memory, a wake and a wait on either side
 *   futex-spin  the same when both look at their word all the time
 *   fork        forks as many as there are to be workers; each says that it is there, and stays
 *   memcpy      copies into memory that nobody has touched
 */
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <thread> // and atomics

#include "measure.h"

struct table {
	alignas(64) std::atomic<uint32_t> there; /* counts what was sent; 0: leave */
	int64_t ns;                              /* that the other is to sleep */
	alignas(64) std::atomic<uint32_t> back;  /* counts what came back */
};

static table *shared;
static uint32_t turn;
static bool spins;

static void wait_while(std::atomic<uint32_t> *word, uint32_t value)
{
	while (word->load() == value)
		if (spins)
			__builtin_ia32_pause();
		else
			syscall(SYS_futex, word, FUTEX_WAIT, value, nullptr, nullptr, 0);
}

static void set(std::atomic<uint32_t> *word, uint32_t value)
{
	word->store(value);
	if (!spins)
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

static void open_spinning(unsigned threads, size_t room)
{
	spins = true;
	open_table(threads, room);
}

static void there_and_back(void (*fn)(void *ctx), void *ctx)
{
	shared->ns = fn == measure_nothing ? 0 : *static_cast<const int64_t *>(ctx);
	set(&shared->there, ++turn);
	wait_while(&shared->back, turn - 1);
}

/* ---- processes -------------------------------------------------------------------------------------- */

static std::vector<pid_t> children;

static void start_forks(unsigned workers, const char *path)
{
	for (unsigned i = 0; i < workers; i++) {
		pid_t pid = fork();
		measure_must(pid < 0 ? -errno : 0, "fork");
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			measure_here(path);
			for (;;)
				pause();
		}
		children.push_back(pid);
	}
}

static void solo_fork(void)
{
	pid_t pid = fork();

	measure_must(pid < 0 ? -errno : 0, "fork");
	if (!pid)
		_exit(0);
	measure_must(waitpid(pid, nullptr, 0) == pid ? 0 : -errno, "waitpid");
}

static void end_forks(void)
{
	for (pid_t pid : children) {
		kill(pid, SIGKILL);
		waitpid(pid, nullptr, 0);
	}
	children.clear();
}

/* ---- large things ----------------------------------------------------------------------------------- */

static void copy_to_fresh(const char *data, size_t size)
{
	void *to = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	measure_must(to == MAP_FAILED ? -errno : 0, "mmap");
	memcpy(to, data, size);
	munmap(to, size);
}

static std::vector<char> warm;

static void warm_up(unsigned threads, size_t room)
{
	(void)threads;
	(void)room;
	warm.assign(64 << 20, 1);
}

/* data is what nobody has touched. */
static void copy_from_warm(char *data, size_t size)
{
	measure_must(size > warm.size() ? -ERANGE : 0, "size");
	memcpy(data, warm.data(), size);
}

static peer trips(const char *name, void (*open)(unsigned threads, size_t room))
{
	peer p = {};
	p.name = name;
	p.open = open;
	p.run = there_and_back;
	return p;
}

static peer forks()
{
	peer p = {};
	p.name = "fork";
	p.start = start_forks;
	p.solo = solo_fork;
	p.close = end_forks;
	return p;
}

static peer copies()
{
	peer p = {};
	p.name = "memcpy";
	p.open = warm_up;
	p.take = copy_to_fresh;
	p.give = copy_from_warm;
	return p;
}

static const peer asleep = trips("futex", open_table), spinning = trips("futex-spin", open_spinning),
		  the_forks = forks(), the_copies = copies();

extern "C" {
extern const peer *const measure_peers[];
const peer *const measure_peers[] = {&asleep, &spinning, &the_forks, &the_copies, nullptr};
}
