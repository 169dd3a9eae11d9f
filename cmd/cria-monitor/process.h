/* Starting another program without copying our page tables, and with nothing of ours in its hands. */
#ifndef PROCESS_H
#define PROCESS_H

#include "base.h"

struct process {
	/* argv[0] is an absolute path; both lists end with NULL. */
	const char *const *argv;
	const char *const *env;
	/* NULL stays where we are. */
	const char *directory;
	/* Become 0, 1, 2, 3 and 4. -1: /dev/null for the first three, absent for the others. */
	int fds[5];
	/* A process group of its own, so that it can be killed with what it started. */
	bool own_group;
	/* Sent to the program when we die; 0 is none. */
	int death_signal;
	/* Written to its oom_score_adj; NULL leaves ours. */
	const char *oom_score;
	/* Set when it could not be started. */
	const char *failed_step;
	int failed_errno;
};

/* The pid once the program runs in it, or -1 with failed_step and failed_errno. */
pid_t process_start(struct process *process);

/* Closes our ends of what the program has, or would have had. */
void process_close_fds(struct process *process);

/* Gives back the memory that a start has used. */
void process_trim(void);

/* A pipe, CLOEXEC; `nonblocking` is the index of the end that is ours. 0, or -1 with errno. */
int pipe_open(int fds[2], int nonblocking);
/* It may hold 256 KiB from now on, so that who writes and who reads wake up less often; where that is too much for the
 * user's share it stays as it is. */
void pipe_widen(int fd);

#endif
