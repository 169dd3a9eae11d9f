/* The stdin of a program that gets none. */
#ifndef NULL_H
#define NULL_H

#include <sys/types.h>

/*
 * Opens /dev/null in a way in which its owner cannot be changed: crun gives its stdin to the container's user, and the
 * host's device would be that user's from then on. -1 for root, to whom it belongs anyway, where the kernel cannot do it, and
 * on errors: then the plain device is as good.
 */
int null_open(uid_t uid, gid_t gid);

#endif
