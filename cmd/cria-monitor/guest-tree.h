#ifndef GUEST_TREE_H
#define GUEST_TREE_H

#include "json.h"

/*
 * For a runtime whose containers have a kernel of their own, a guest's as gVisor's: the host sees no process of a command.
 * Kills the process `root` of the container and every descendant of it, until the runtime's `ps` lists none of them. Pids are the
 * guest's; `config` names the runtime. What has lost its parent before is not found: no runtime tells who had started it. False
 * when something may be alive after the time.
 */
bool guest_tree_kill(const struct json *config, const char *container_id, pid_t root, int64_t limit_ms);

#endif
