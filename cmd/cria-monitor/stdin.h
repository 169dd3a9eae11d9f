/* The container's stdin. Its end is the affair of attach.c, which knows who has it. */
#ifndef STDIN_H
#define STDIN_H

#include "base.h"

/* Takes the fd over, a pipe's or a terminal's. False with errno. */
bool stdin_open(int fd);
bool stdin_is_open(void);
/* See input_put; clients_stdin_taken and clients_stdin_closed are told. */
void stdin_put(uint32_t client, const uint8_t *data, size_t size);
/* Bytes that the container has not read yet. */
size_t stdin_kept(void);
/* After what was put; a terminal has no end. */
void stdin_end(void);
/* -1 when it is closed. */
int stdin_fd(void);
void stdin_close(void);

#endif
