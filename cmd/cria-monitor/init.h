/* The container's first process. */
#ifndef INIT_H
#define INIT_H

#include "base.h"

/*
 * Makes sure that the exit of container.pid, whose container.pidfd is open, is told to container_exited. Of a child of ours
 * that is the loop's affair; of any other process the kernel, or the spawner that has reaped it, says how it ended.
 */
bool init_watch(void);

#endif
