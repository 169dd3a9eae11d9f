/* The kernel's lock on who is in which cgroup. */
#ifndef CGROUP_MOVES_H
#define CGROUP_MOVES_H

/*
 * Readies that lock for the runtime, which is about to move processes between cgroups: afterwards, and until the kernel
 * has been idle for a while, a move waits for nothing. Takes as long as the kernel needs, some milliseconds; changes
 * nothing else. Where it cannot be done the runtime waits instead.
 */
void cgroup_ready_moves(void);

#endif
