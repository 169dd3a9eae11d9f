#include "memory.h"
#include "monitors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 100, SETTLE_S = 3 };

static struct monitor monitors[2][MOST];

static long wakeups_of(pid_t pid)
{
	static const char key[] = "\nvoluntary_ctxt_switches:";
	char path[64], text[4096];

	print_to(path, sizeof(path), "/proc/%d/status", (int)pid);
	read_small(path, text, sizeof(text));
	const char *at = strstr(text, key);

	return at == NULL ? -1 : strtol(at + strlen(key), NULL, 10);
}

static void end_all(enum kind kind, int count)
{
	int watch = exits_watch(kind);

	for (int i = 0; i < count; i++)
		monitor_kill_init(&monitors[kind][i]);
	for (int i = 0; i < count; i++)
		if (!exits_wait(watch, 10000))
			die("no exit file");
	for (int i = 0; i < count; i++)
		monitor_finish(&monitors[kind][i]);
	close(watch);
}

int idle_main(int argc, char **argv)
{
	int count = argc == 2 ? atoi(argv[0]) : MOST + 1;
	static long before[2][MOST];
	const char *separator = "[";

	if (count > MOST)
		die("idle COUNT SECONDS");
	for (enum kind kind = CONMON; kind <= CRIA; kind++) {
		for (int i = 0; i < count; i++) {
			monitor_prepare(&monitors[kind][i], kind, NULL);
			monitor_create(&monitors[kind][i]);
		}
	}
	sleep(SETTLE_S);
	for (enum kind kind = CONMON; kind <= CRIA; kind++)
		for (int i = 0; i < count; i++)
			before[kind][i] = wakeups_of(monitors[kind][i].pid);
	sleep((unsigned)atoi(argv[1]));
	for (enum kind kind = CONMON; kind <= CRIA; kind++) {
		for (int i = 0; i < count; i++) {
			pid_t pid = monitors[kind][i].pid;
			long wakeups = wakeups_of(pid) - before[kind][i];
			struct memory memory;

			if (!memory_of(pid, &memory))
				die("a monitor has ended");
			printf("%s{\"kind\":\"%s\",\"privateKb\":%ld,\"pssKb\":%ld,\"rssKb\":%ld,\"wakeups\":%ld}", separator,
			       kind == CONMON ? "conmon" : "cria", memory.private, memory.pss, memory.rss, wakeups);
			separator = ",\n";
		}
	}
	printf("]\n");
	for (enum kind kind = CONMON; kind <= CRIA; kind++)
		end_all(kind, count);
	return 0;
}
