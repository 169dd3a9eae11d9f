/* The container's calls of the OCI runtime: its create, and its delete when that failed. One runs at a time. */
#ifndef RUNTIME_H
#define RUNTIME_H

#include "base.h"

/* Starts `create` with the streams of the container, within its create timeout. False with container.message. */
bool runtime_create(void);
/* Of a container that was created in the kernel that is the process `kernel`: starts its stand-in with the streams. As that says. */
pid_t runtime_stand_in(pid_t kernel, const char **wrong);
/* Starts `delete --force`, of what a failed create may have left. False with container.message. */
bool runtime_delete(void);
/* Ends the call that runs, with all its processes. */
void runtime_kill(void);
/* The last call was killed because it took too long. */
bool runtime_timed_out(void);
/* To be told of each reaped child: true when that was the call. */
bool runtime_reaped(pid_t pid);

#endif
