/*
 * The cgroup of one exec, below its container's. What a command forks cannot leave it, whatever becomes of its session, its
 * parents and its output, so it can be killed whole; and nothing else of the container is in it.
 */
#ifndef EXEC_CGROUP_H
#define EXEC_CGROUP_H

#include "json.h"

/*
 * Makes it, by what the config says of the container's init (initPid, initTicks) and of the runtime's --cgroup
 * (cgroupOption: "any", or "unified" when it takes no controller). The argument of --cgroup, or NULL when this machine
 * or the runtime has none to offer.
 */
const char *exec_cgroup_make(const struct json *config, const char *container_id);
/* Kills everything in it. True when nothing is left, also where there is no such cgroup. */
bool exec_cgroup_kill(int64_t limit_ms);
/* Removes it. What the command has left behind is the container's from now on. */
void exec_cgroup_leave(void);

#endif
