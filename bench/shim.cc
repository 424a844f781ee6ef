// SPDX-License-Identifier: MIT
//
// shim.cc -- the only C++ of the project: see shim.h.
#include "shim.h"

#include <benchmark/benchmark.h>
#include <sched.h>
#include <sys/utsname.h>

#include <cstring>
#include <fstream>
#include <string>

static benchmark::State *running;

static void run(benchmark::State &state, const struct bench &b)
{
	int err = b.setup ? b.setup(b.ctx) : 0;
	auto batch = static_cast<benchmark::IterationCount>(b.batch);

	running = &state;
	if (err >= 0)
		err = b.run(b.ctx, 1); // not measured: a pool may still be starting its workers
	if (err < 0)
		state.SkipWithError(strerror(-err));
	while (err >= 0 && state.KeepRunningBatch(batch))
		if ((err = b.run(b.ctx, b.batch)) < 0)
			state.SkipWithError(strerror(-err));
	state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(b.items));
	running = nullptr;
	if (b.teardown)
		b.teardown(b.ctx);
}

void bench_add(const struct bench *b)
{
	std::string name = std::string(b->what) + "/" + b->on;

	benchmark::RegisterBenchmark(name.c_str(), [b = *b](benchmark::State &state) {
		run(state, b);
	})->UseRealTime();
}

void bench_counter(const char *name, double value)
{
	running->counters[name] = value;
}

static std::string cpu_model()
{
	std::ifstream cpuinfo("/proc/cpuinfo");

	for (std::string line; std::getline(cpuinfo, line);)
		if (line.rfind("model name", 0) == 0)
			return line.substr(line.find(':') + 2);
	return "unknown";
}

int bench_main(int argc, char **argv)
{
	struct utsname os;
	cpu_set_t cpus;

	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 2;
	if (uname(&os) == 0)
		benchmark::AddCustomContext("kernel", os.release);
	benchmark::AddCustomContext("cpu", cpu_model());
	if (sched_getaffinity(0, sizeof cpus, &cpus) == 0)
		benchmark::AddCustomContext("cpus", std::to_string(CPU_COUNT(&cpus)));
	benchmark::RunSpecifiedBenchmarks();
	benchmark::Shutdown();
	return 0;
}
