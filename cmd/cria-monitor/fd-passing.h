/* Messages that carry file descriptors (SCM_RIGHTS), over unix sockets. */
#ifndef FD_PASSING_H
#define FD_PASSING_H

#include "base.h"

enum { PASSED_FDS_MAX = 8 };

/* Sends all or nothing, never waits. 0, or -1 with errno. */
int send_with_fds(int socket, const void *data, size_t size, const int *fds, size_t count);
/*
 * One message; its descriptors are close-on-exec, and the caller's. Never waits. The number of bytes as recv gives it; a
 * message with more descriptors than PASSED_FDS_MAX arrives without those above.
 */
ssize_t receive_with_fds(int socket, void *data, size_t size, int fds[PASSED_FDS_MAX], size_t *count);

#endif
