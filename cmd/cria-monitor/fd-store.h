/* The spawner's side of keep.h. */
#ifndef FD_STORE_H
#define FD_STORE_H

#include "base.h"

/* Listens there for monitors. 0 or errno. */
int fd_store_listen(const char *path);
/* 0 when a monitor that died has left something for this container, ENOENT when there is nothing, EBUSY when it lives. */
int fd_store_check(const char *id);
/* Sends what is kept to the program that goes on, which deposits it anew. 0 or errno. */
int fd_store_hand_over(const char *id, int gate);
void fd_store_forget(const char *id);
/* A process that was orphaned to us has ended, perhaps the init of such a container. */
void fd_store_reaped(pid_t pid, int status);

#endif
