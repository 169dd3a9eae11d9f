/* What a container leaves behind when its init has ended: processes that may still hold its output. */
#ifndef ORPHANS_H
#define ORPHANS_H

#include "base.h"

/* Remembers the cgroup of the container, while its init lives. */
void orphans_find(pid_t init);
/*
 * Calls `gone` once when the last process of the container has ended. False when that is so already. Where the kernel has
 * no cgroup v2 to tell by, the end of the container's output says the same.
 */
bool orphans_watch(void (*gone)(void));

#endif
