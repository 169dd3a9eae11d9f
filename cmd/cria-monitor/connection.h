/*
 * The wire: frames over a stream socket. The same in the spawner, in monitors and in the daemon's frames.ts:
 *   u32 length of what follows (little endian, at most 1 MiB), u8 type, u8 channel, payload.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "bytes.h"
#include "handover.h"
#include "json-writer.h"
#include "json.h"
#include "loop.h"

enum frame_type {
	FRAME_CONTROL = 0, /* one JSON object */
	FRAME_STDIN = 1,
	FRAME_STDOUT = 2,
	FRAME_STDERR = 3,
	FRAME_EOF = 4, /* the channel is the type of the stream that ended */
	FRAME_WINDOW = 5, /* u32: so many bytes more may be sent, see data-connection.h */
	FRAME_ERROR = 255, /* text; the connection ends */
};

enum { FRAME_HEAD = 6, FRAME_MAX = 1 << 20, DATA_MAX = 64 << 10 };

struct frame_head {
	uint8_t type;
	uint8_t channel;
};

/* What a handler did with a frame; a bad one closes the connection. */
enum taken { FRAME_TAKEN, FRAME_BAD };

struct connection {
	struct source source;
	struct bytes in;
	struct bytes out;
	/* Most bytes that may wait for the peer. */
	size_t out_limit;
	/* The peer has sent its last byte. */
	bool ended;
	/* The peer takes nothing any more. What it has sent before is still worth reading. */
	bool deaf;
	/* Nothing more is sent than what waits; what comes is dropped. */
	bool closing;
	enum taken (*on_frame)(struct connection *, uint8_t type, uint8_t *payload, size_t size);
	/* The peer ended its side, and everything before was handled. May close. */
	void (*on_end)(struct connection *);
	/* Something that waited for the peer was sent. */
	void (*on_sent)(struct connection *);
	/* The connection is closed; the slot is free again. */
	void (*on_close)(struct connection *);
};

/*
 * The next peer that waits at the listener, a process of root's or of our own user's; -1 when there is none. When we may
 * open no more files it waits a moment longer, rather than waking us without an end. For one listener per process.
 */
int connection_accept(struct source *listener);
bool connection_open(struct connection *connection, int fd, size_t out_limit);
/* Queues and tries to send; false when it does not fit into the limit (nothing is queued then). */
bool connection_send(struct connection *connection, struct frame_head frame, const void *data, size_t size);
/* The same for a payload of two parts. */
bool connection_send2(struct connection *connection, struct frame_head frame, const void *head, size_t head_size,
		      const void *data, size_t size);
/* Sends what the writer holds; the writer is ended by this. */
bool connection_send_json(struct connection *connection, struct json_writer *writer);
/* Through an execve, with what is half read and not yet sent; the connection is open again before it is restored. */
void connection_save(const struct connection *connection, struct handover *handover, const char *name);
void connection_restore(struct connection *connection, const struct handover *handover, const char *name);
void connection_close(struct connection *connection);
/*
 * Sends what waits, then ends our direction, and closes when the peer has ended its own: closed at once, a peer that
 * is just writing would get an error before it has read the end. When to wait no longer is the caller's affair.
 */
void connection_finish(struct connection *connection);

static inline bool connection_is_open(const struct connection *connection)
{
	return connection->source.fd >= 0;
}

#endif
