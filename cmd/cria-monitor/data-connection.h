/*
 * A connection that carries streams: output to the peer, its stdin from it. Each side sends only what the other has
 * granted by WINDOW frames, so both always read their socket, and neither has to keep more than it wants to:
 *   WINDOW to us       so many bytes more of STDOUT and STDERR together; none are granted before the first
 *   WINDOW from us     so many bytes more of STDIN
 *   EOF on channel STDOUT or STDERR from us: this stream has ended; on channel STDIN: nobody reads it any more
 *   EOF to us          the peer's stdin has ended; so does a half-closed connection
 */
#ifndef DATA_CONNECTION_H
#define DATA_CONNECTION_H

#include "chunks.h"
#include "connection.h"

/* Of a client of a container, which has many; of a command's only one, where more makes fewer turns. */
enum { STDIN_WINDOW = 64 << 10, COMMAND_STDIN_WINDOW = 256 << 10 };

struct data_connection {
	struct connection connection;
	/* Frames that wait for credit, or behind such. The tag is type and channel. */
	struct chunks held;
	size_t credit;
	/* Of the peer's stdin: what it may still send; what has come and was not written yet. */
	size_t granted, unwritten;
	/* What it may send ahead. */
	size_t window;
	bool ending;
};

/* Takes the fd over; no output goes out before the peer has granted it. */
bool data_open(struct data_connection *data, int fd, size_t stdin_window);
/* The peer takes whatever comes. */
void data_uncontrolled(struct data_connection *data);
/* Sends, or keeps for later; false without effect when more than `limit` bytes would wait then. */
bool data_put(struct data_connection *data, struct frame_head frame, const void *bytes, size_t size, size_t limit);
/* Bytes that wait for the peer. */
size_t data_waiting(const struct data_connection *data);
/* The last frame was put: the connection ends when everything is sent. */
void data_end(struct data_connection *data);

/* A WINDOW frame came. */
enum taken data_window(struct data_connection *data, const uint8_t *payload, size_t size);
/* A STDIN frame came; bad when it is more than was granted. The caller takes the bytes. */
enum taken data_stdin(struct data_connection *data, size_t size);
/* So many of these bytes need no room any more. */
void data_written(struct data_connection *data, size_t size);
/* Grants what there is room for. */
void data_grant(struct data_connection *data);

#endif
