#ifndef KILL_TREE_H
#define KILL_TREE_H

#include "base.h"

/*
 * Kills every process that descends from us, belongs to session `session` (0: none) or holds one of the pipes, until
 * a look at all processes finds none alive. The pipes are known by their inode, 0 is none. One that holds a pipe and is older
 * than we are got it from the command and is not of it: gVisor's kernel, in which the command is one of many. False when something
 * is still alive after the time, which only a process stuck in the kernel can do.
 */
bool kill_tree(pid_t session, const ino_t pipes[2], int64_t limit_ms);

/* Kills every process that descends from `root`, but not `root`, in the same way; a child of ours that is not reaped. */
bool kill_below(pid_t root, int64_t limit_ms);

#endif
