/* How a process ended that may be no child of ours. */
#ifndef PIDFD_EXIT_H
#define PIDFD_EXIT_H

#include "base.h"

/* The wait status of a process that was reaped, by anybody; false before Linux 6.15. */
bool pidfd_exit_status(int pidfd, int *status);
/* The same while nobody has reaped it; `ticks` says that the pid is still its own. */
bool zombie_status(pid_t pid, uint64_t ticks, int *status);

#endif
