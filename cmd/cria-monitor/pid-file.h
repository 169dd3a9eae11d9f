/* The file into which an OCI runtime writes the pid of what it made. Whatever it holds, it is no reason to believe it. */
#ifndef PID_FILE_H
#define PID_FILE_H

#include "base.h"

/* A decimal number above 1 on the first line, which is all that counts; else -1. */
pid_t pid_file_parse(const char *text);
/* -1 also when there is no such file. */
pid_t pid_file_read(const char *path);

#endif
