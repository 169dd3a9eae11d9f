/* The socket on which the OCI runtime hands over the master of the container's terminal. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include "base.h"

/*
 * Where the runtime is to connect to comes in `address`: short enough for a unix socket, whatever the length of `path`.
 * `opened` gets the master, with what is known of its size set. 0 or errno.
 */
int console_listen(const char *path, void (*opened)(int master), char *address, size_t size);
/* Of the terminal, also of one that is not there yet. 0 or errno. */
int console_resize(int64_t columns, int64_t rows);
/* Looks once more for a terminal that was sent just before the runtime ended. NULL when it is here, else what is wrong. */
const char *console_missing(void);
/* The master of a terminal that was set up before us. */
void console_adopt(int master);
/* The init has ended: the terminal ends with the last process that holds it. */
void console_release(void);
void console_close(void);

#endif
