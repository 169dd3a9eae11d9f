/* The socket on which the OCI runtime hands over the master of the container's terminal. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include "base.h"

/* 0 or errno. */
int console_listen(const char *path);
/* Looks once more for a terminal that was sent just before the runtime ended; true when it is here. */
bool console_is_open(void);
/* The master of a terminal that was set up before us. */
void console_adopt(int master);
/* The init has ended: the terminal ends with the last process that holds it. */
void console_release(void);
void console_close(void);

/* In stdio.c: takes the master over. */
void stdio_set_terminal(int master);

#endif
