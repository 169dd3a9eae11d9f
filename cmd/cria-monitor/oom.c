#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int counter_fd = -1;
static uint64_t kills_at_start;
static uint64_t kills_seen;

/* Both files have a line "oom_kill N": memory.oom_control since Linux 4.13, memory.events. */
static bool read_kills(uint64_t *kills)
{
	char text[1024];
	ssize_t got = pread(counter_fd, text, sizeof(text) - 1, 0);

	if (got <= 0)
		return false; /* the cgroup is gone: what was seen last counts */
	text[got] = '\0';
	for (char *line = text; line != NULL && *line != '\0';) {
		if (strncmp(line, "oom_kill ", 9) == 0) {
			*kills = strtoull(line + 9, NULL, 10);
			return true;
		}
		line = strchr(line, '\n');
		line = line == NULL ? NULL : line + 1;
	}
	return false;
}

/*
 * The memory controller may be on v1 while a unified hierarchy exists, so the process's own list decides: a line
 * "N:...,memory,...:PATH" is v1, without one "0::PATH" is v2.
 */
static bool counter_path(char *list, char *path, size_t size)
{
	const char *unified = NULL;

	for (char *line = strtok(list, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		char *controllers = strchr(line, ':');
		char *place = controllers == NULL ? NULL : strchr(controllers + 1, ':');

		if (place == NULL)
			continue;
		*place++ = '\0';
		if (strncmp(line, "0:", 3) == 0 && controllers[1] == '\0')
			unified = place;
		for (char *name = controllers + 1; name != NULL; name = strchr(name, ',') ? strchr(name, ',') + 1 : NULL)
			if (strncmp(name, "memory", 6) == 0 && (name[6] == '\0' || name[6] == ','))
				return format(path, size, "/sys/fs/cgroup/memory%s/memory.oom_control", place);
	}
	return unified != NULL && format(path, size, "/sys/fs/cgroup%s/memory.events", unified);
}

void oom_watch(pid_t pid)
{
	char list[4096], path[4096];

	format(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	if (read_file(path, list, sizeof(list)) <= 0 || !counter_path(list, path, sizeof(path)))
		return;
	/* Kept open: systemd may remove the scope before the exit is seen here. */
	counter_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (counter_fd >= 0 && read_kills(&kills_at_start))
		kills_seen = kills_at_start;
}

bool oom_happened(void)
{
	if (counter_fd >= 0)
		read_kills(&kills_seen);
	return kills_seen > kills_at_start;
}

int oom_fd(void)
{
	return counter_fd;
}

uint64_t oom_kills_at_start(void)
{
	return kills_at_start;
}

void oom_adopt(int fd, uint64_t kills)
{
	counter_fd = fd;
	kills_at_start = kills_seen = kills;
}
