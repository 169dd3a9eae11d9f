#include "pidfd-exit.h"

#include "proc-stat.h"

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
	struct proc_stat stat;

	if (!proc_stat_read(pid, &stat) || stat.start_ticks != ticks || stat.state != 'Z')
		return false;
	*status = stat.wait_status;
	return true;
}
