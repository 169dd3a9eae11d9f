/* The container's calls of the OCI runtime: its create, and its delete when that failed. One runs at a time. */
#ifndef RUNTIME_H
#define RUNTIME_H

#include "base.h"

/* Starts `create` with the streams of the container, within its create timeout. False with container.message. */
bool runtime_create(void);
/* Starts `delete --force`, of what a failed create may have left. False with container.message. */
bool runtime_delete(void);
/* Ends the call that runs, with all its processes. */
void runtime_kill(void);
/* The last call was killed because it took too long. */
bool runtime_timed_out(void);
/* To be told of each reaped child: true when that was the call. */
bool runtime_reaped(pid_t pid);

#endif
