#include "pidfd-exit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* linux/pidfd.h, which the C library of an older build machine does not have. */
struct pidfd_info {
	uint64_t mask;
	uint64_t cgroup_id;
	uint32_t ids[11];
	int32_t exit_code;
};

#define PIDFD_GET_INFO _IOWR(0xff, 11, struct pidfd_info)

bool pidfd_exit_status(int pidfd, int *status)
{
	enum { PIDFD_INFO_EXIT = 1 << 3 };
	struct pidfd_info info = { .mask = PIDFD_INFO_EXIT };

	if (ioctl(pidfd, (int)PIDFD_GET_INFO, &info) != 0 || (info.mask & PIDFD_INFO_EXIT) == 0)
		return false;
	*status = info.exit_code;
	return true;
}

bool zombie_status(pid_t pid, uint64_t ticks, int *status)
{
	char path[32], text[1024];

	format(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (start_ticks(pid) != ticks || read_file(path, text, sizeof(text)) <= 0)
		return false;
	/* Behind the name, which may hold anything: field 3, and 52, the last. */
	char *at = strrchr(text, ')'), *last = strrchr(text, ' ');

	if (at == NULL || last < at || at[1] == '\0' || at[2] != 'Z')
		return false;
	*status = (int)strtol(last, NULL, 10);
	return true;
}
