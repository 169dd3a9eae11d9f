#include "memory.h"

#include "bench.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long figure(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at == NULL ? 0 : strtol(at + strlen(name), NULL, 10);
}

bool memory_of(pid_t pid, struct memory *memory)
{
	char path[64], text[4096];

	print_to(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';
	memory->private = figure(text, "\nPrivate_Clean:") + figure(text, "\nPrivate_Dirty:");
	memory->pss = figure(text, "\nPss:");
	memory->rss = figure(text, "\nRss:");
	return true;
}
