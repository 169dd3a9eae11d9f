/* What /proc/PID/stat says of a process. */
#ifndef PROC_STAT_H
#define PROC_STAT_H

#include "base.h"

struct proc_stat {
	char state;
	pid_t parent;
	pid_t session;
	uint64_t start_ticks;
	/* As waitpid would give it; of a zombie only, since Linux 3.5. */
	int wait_status;
};

/* Its text as the kernel writes it; false when it is not that. */
bool proc_stat_parse(const char *text, struct proc_stat *stat);
/* False when there is no such process. */
bool proc_stat_read(pid_t pid, struct proc_stat *stat);

static inline bool proc_stat_is_dead(const struct proc_stat *stat)
{
	return stat->state == 'Z' || stat->state == 'X';
}

#endif
