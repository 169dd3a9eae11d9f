/* The stdin of a command, a pipe or its terminal, and the client that writes it. */
#ifndef EXEC_STDIN_H
#define EXEC_STDIN_H

#include "data-connection.h"

/* Gives the command's end of a pipe, or of what stands in for a stdin; the caller closes it. 0 or errno. */
int command_stdin_open(int *end);
/* The same by the terminal. */
void command_stdin_terminal(int master);
/* This client may write, from the time when there is something to write to. */
void command_stdin_offer(struct data_connection *client);
/* A STDIN frame came. */
enum taken command_stdin_frame(struct data_connection *client, const uint8_t *payload, size_t size);
/* See input_end and input_close. */
void command_stdin_end(void);
void command_stdin_close(void);

#endif
