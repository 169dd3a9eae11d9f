/* The container's stdin: our end of its pipe, or the terminal. */
#ifndef STDIN_H
#define STDIN_H

#include "base.h"

/* Takes the fd over; it must not block. False with errno. */
bool stdin_open(int fd);
/* How many bytes of the data were taken; less than size: later more, by clients_resume_stdin. */
size_t stdin_write(const uint8_t *data, size_t size);
/* The container reads the end of the file; a terminal stays open. */
void stdin_end(void);
/* -1 when it is closed. */
int stdin_fd(void);
void stdin_close(void);

#endif
