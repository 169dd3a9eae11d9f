/*
 * The stand-in of a container that runs in its pod's own kernel, gVisor's: for the host there is no process of it. The stand-in is
 * what its init would be: it has the container's streams until the runtime's `start` gets them, it lives as long as the container,
 * and ends with its exit code, so that whoever reaps it knows that code.
 */
#ifndef STAND_IN_H
#define STAND_IN_H

#include <sys/types.h>

/* Says to the stand-in that its container was started. */
enum { STAND_IN_STARTED = 10 /* SIGUSR1 */ };

/*
 * Starts the stand-in of a container that was created, whose monitor has this config, in the kernel that is the process
 * `sandbox` for the host. Its pid, or -1 with the text of what went wrong. Until it is released it ends with us.
 */
pid_t stand_in_start(const char *config_path, pid_t sandbox, const int streams[3], const char **wrong);
/* The container is made, and goes on without us: also when we are killed right after. Nothing where there is no stand-in. */
void stand_in_release(void);

#endif
