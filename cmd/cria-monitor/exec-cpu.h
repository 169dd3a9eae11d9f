/*
 * The CPU on which a command runs. A runtime that knows OCI's execCPUAffinity sets it by itself; older ones pass on what
 * they were started with, and some of the newer ones undo that: so it is set before them and after them.
 */
#ifndef EXEC_CPU_H
#define EXEC_CPU_H

#include <stdint.h>
#include <sys/types.h>

/* `pid` 0 is this process. A negative `cpu` is any. A CPU that the process may not use changes nothing. */
void exec_cpu_set(pid_t pid, int64_t cpu);

#endif
