#include "monitors.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int storm_main(int argc, char **argv)
{
	int count = argc == 2 ? atoi(argv[1]) : 0, found = 0;
	struct monitor *monitors = calloc((size_t)count, sizeof(*monitors));

	if (count == 0 || monitors == NULL)
		die("storm KIND COUNT");
	enum kind kind = kind_of(argv[0]);
	int watch = exits_watch(kind);
	int64_t begin = now_ns();

	for (int i = 0; i < count; i++) {
		monitor_prepare(&monitors[i], kind, NULL);
		monitor_create(&monitors[i]);
	}
	int64_t created = now_ns() - begin;

	begin = now_ns();
	for (int i = 0; i < count; i++)
		monitor_kill_init(&monitors[i]);
	while (found < count && exits_wait(watch, 10000))
		found++;
	int64_t took = now_ns() - begin;
	int missing = 0;

	for (int i = 0; i < count; i++)
		missing += access(monitors[i].exit_file, F_OK) != 0;
	printf("{\"createdNs\":%ld,\"tookNs\":%ld,\"missing\":%d}\n", created, took, missing);
	for (int i = 0; i < count; i++)
		monitor_finish(&monitors[i]);
	return 0;
}
