#include "monitors.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int64_t created_in(enum kind kind)
{
	struct monitor monitor;
	int watch = exits_watch(kind);

	monitor_prepare(&monitor, kind, NULL);
	int64_t begin = now_ns();

	monitor_create(&monitor);
	int64_t took = now_ns() - begin;

	monitor_kill_init(&monitor);
	if (!exits_wait(watch, 10000))
		die("no exit file");
	monitor_finish(&monitor);
	close(watch);
	return took;
}

int spawn_main(int argc, char **argv)
{
	int count = argc == 1 ? atoi(argv[0]) : 0;
	const char *separator = "[";

	for (int i = 0; i < count; i++) {
		int64_t alone = runtime_alone(), conmon = created_in(CONMON), cria = created_in(CRIA);

		printf("%s{\"runtime\":%ld,\"conmon\":%ld,\"cria\":%ld}", separator, alone, conmon, cria);
		separator = ",\n";
	}
	printf("]\n");
	return 0;
}
