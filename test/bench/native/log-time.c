#include "memory.h"
#include "monitors.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TIMEOUT_MS = 120000, SAMPLE_MS = 2 };

/* The highest of what a look every few milliseconds sees, until the exit file is there. */
static long peak_private(const struct monitor *monitor, int watch)
{
	struct memory memory;
	long peak = 0;

	while (!exits_wait(watch, SAMPLE_MS))
		if (memory_of(monitor->pid, &memory) && memory.private > peak)
			peak = memory.private;
	return peak;
}

static struct monitor neighbour;

/* On a node with more than one container the pages of the program are nobody's private ones. */
static void start_neighbour(enum kind kind)
{
	monitor_prepare(&neighbour, kind, NULL);
	monitor_create(&neighbour);
}

static void end_neighbour(int watch)
{
	monitor_kill_init(&neighbour);
	if (!exits_wait(watch, TIMEOUT_MS))
		die("no exit file of the neighbour");
	monitor_finish(&neighbour);
}

int log_main(int argc, char **argv)
{
	struct monitor monitor;
	bool samples = argc == 3 && strcmp(argv[2], "sample") == 0;
	long peak = 0;

	if (argc < 2)
		die("log KIND LOAD [sample]");
	int watch = exits_watch(kind_of(argv[0]));

	if (samples)
		start_neighbour(kind_of(argv[0]));
	monitor_prepare(&monitor, kind_of(argv[0]), argv[1]);
	monitor_create(&monitor);
	usleep(20000);
	int64_t begin = now_ns();

	monitor_start_load(&monitor);
	if (samples)
		peak = peak_private(&monitor, watch);
	else if (!exits_wait(watch, TIMEOUT_MS))
		die("no exit file after %d ms", TIMEOUT_MS);
	int64_t took = now_ns() - begin;
	int64_t processor = monitor_finish(&monitor);

	if (samples)
		end_neighbour(watch);
	printf("{\"log\":\"%s\",\"tookNs\":%ld,\"processorNs\":%ld,\"peakPrivateKb\":%ld}\n", monitor.log, took, processor, peak);
	return 0;
}
