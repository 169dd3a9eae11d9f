#include "connection.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { READ_SIZE = DATA_MAX + 64 };

static uint32_t read_u32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void update_interest(struct connection *connection)
{
	uint32_t events = connection->ended ? EPOLLHUP : EPOLLIN;

	if (bytes_length(&connection->out) > 0)
		events |= EPOLLOUT;
	loop_want(&connection->source, events);
}

static void all_sent(struct connection *connection)
{
	if (!connection->closing)
		return;
	shutdown(connection->source.fd, SHUT_WR);
	if (connection->ended || connection->deaf)
		connection_close(connection);
}

/* The number of bytes, 0 when there is no room or no reader any more. */
static size_t send_some(struct connection *connection, const struct iovec *parts, int count)
{
	ssize_t sent;

	do
		sent = writev(connection->source.fd, parts, count);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && errno != EAGAIN) {
		connection->deaf = true;
		bytes_free(&connection->out);
	}
	return sent > 0 ? (size_t)sent : 0;
}

static void flush(struct connection *connection)
{
	while (bytes_length(&connection->out) > 0) {
		struct iovec part = { bytes_front(&connection->out), bytes_length(&connection->out) };
		size_t sent = send_some(connection, &part, 1);

		if (sent == 0)
			break;
		bytes_take(&connection->out, sent);
	}
	if (bytes_length(&connection->out) == 0)
		all_sent(connection);
	if (connection_is_open(connection))
		update_interest(connection);
}

/* Hands out whole frames; false when the connection was closed on the way. */
static bool handle_frames(struct connection *connection)
{
	while (!connection->closing && bytes_length(&connection->in) >= FRAME_HEAD) {
		uint8_t *head = bytes_front(&connection->in);
		size_t length = read_u32(head);

		if (length < 2 || length > FRAME_MAX) {
			connection_close(connection);
			return false;
		}
		if (bytes_length(&connection->in) < 4 + length)
			break;
		enum taken taken = connection->on_frame(connection, head[4], head + FRAME_HEAD, length - 2);

		if (!connection_is_open(connection))
			return false;
		if (taken == FRAME_BAD) {
			connection_close(connection);
			return false;
		}
		bytes_take(&connection->in, 4 + length);
	}
	if (connection->closing)
		bytes_free(&connection->in);
	if (!connection->ended)
		return true;
	if (connection->closing && bytes_length(&connection->out) == 0)
		connection_close(connection);
	else if (!connection->closing && connection->on_end != NULL)
		connection->on_end(connection);
	return connection_is_open(connection);
}

static void receive(struct connection *connection)
{
	if (!bytes_reserve(&connection->in, READ_SIZE, 2 * (size_t)FRAME_MAX)) {
		connection_close(connection);
		return;
	}
	ssize_t got = read(connection->source.fd, connection->in.data + connection->in.end, READ_SIZE);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		got = 0;
	else if (got <= 0)
		connection->ended = true;
	if (got > 0)
		connection->in.end += (size_t)got;
	if (bytes_length(&connection->in) == 0)
		bytes_free(&connection->in);
	if (handle_frames(connection))
		update_interest(connection);
}

static void ready(struct source *source, uint32_t events)
{
	struct connection *connection = (struct connection *)source;

	if (events & EPOLLOUT) {
		flush(connection);
		if (connection_is_open(connection) && connection->on_sent != NULL)
			connection->on_sent(connection);
	}
	if (connection_is_open(connection) && (events & EPOLLIN) && !connection->ended)
		receive(connection);
	else if (connection_is_open(connection) && (events & (EPOLLERR | EPOLLHUP)))
		connection_close(connection); /* both directions are gone: there is nobody to tell */
}

bool connection_open(struct connection *connection, int fd, size_t out_limit)
{
	connection->source = (struct source){ .fd = fd, .ready = ready };
	connection->out_limit = out_limit;
	connection->ended = connection->deaf = connection->closing = false;
	if (loop_add(&connection->source, EPOLLIN))
		return true;
	close(fd);
	connection->source.fd = -1;
	return false;
}

bool connection_send2(struct connection *connection, struct frame_head frame, const void *head, size_t head_size,
		      const void *data, size_t size)
{
	size_t length = 2 + head_size + size;
	uint8_t start[FRAME_HEAD] = { (uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16),
				      (uint8_t)(length >> 24), frame.type, frame.channel };

	const struct iovec parts[] = { { start, sizeof(start) }, { (void *)head, head_size }, { (void *)data, size } };

	if (!connection_is_open(connection) || connection->closing || connection->deaf)
		return false;
	if (bytes_length(&connection->out) + 4 + length > connection->out_limit)
		return false;
	size_t sent = bytes_length(&connection->out) > 0 ? 0 : send_some(connection, parts, LENGTH(parts));

	for (size_t i = 0; i < LENGTH(parts) && !connection->deaf; i++) {
		size_t skip = sent < parts[i].iov_len ? sent : parts[i].iov_len;

		sent -= skip;
		if (skip == parts[i].iov_len)
			continue;
		if (!bytes_put(&connection->out, (uint8_t *)parts[i].iov_base + skip, parts[i].iov_len - skip, SIZE_MAX)) {
			connection_close(connection); /* no memory, and half a frame is sent */
			return false;
		}
	}
	update_interest(connection);
	return true;
}

bool connection_send(struct connection *connection, struct frame_head frame, const void *data, size_t size)
{
	return connection_send2(connection, frame, NULL, 0, data, size);
}

bool connection_send_json(struct connection *connection, struct json_writer *writer)
{
	size_t size = json_end(writer);

	return size > 0 && connection_send(connection, (struct frame_head){ FRAME_CONTROL, 0 }, writer->buffer, size);
}

static void part_name(char *text, size_t size, const char *name, const char *part)
{
	format(text, size, "%s.%s", name, part);
}

void connection_save(const struct connection *connection, struct handover *handover, const char *name)
{
	char part[64];

	handover_put_fd(handover, name, connection->source.fd);
	part_name(part, sizeof(part), name, "in");
	if (bytes_length(&connection->in) > 0)
		handover_put(handover, part, bytes_front(&connection->in), bytes_length(&connection->in));
	part_name(part, sizeof(part), name, "out");
	if (bytes_length(&connection->out) > 0)
		handover_put(handover, part, bytes_front(&connection->out), bytes_length(&connection->out));
}

static void restore_bytes(struct bytes *queue, const struct handover *handover, const char *name, const char *part)
{
	char text[64];
	size_t size;

	part_name(text, sizeof(text), name, part);
	const uint8_t *value = handover_get(handover, text, &size);

	if (value != NULL && size > 0)
		bytes_put(queue, value, size, SIZE_MAX);
}

void connection_restore(struct connection *connection, const struct handover *handover, const char *name)
{
	restore_bytes(&connection->in, handover, name, "in");
	restore_bytes(&connection->out, handover, name, "out");
	if (handle_frames(connection))
		update_interest(connection);
}

void connection_close(struct connection *connection)
{
	if (!connection_is_open(connection))
		return;
	loop_close(&connection->source);
	bytes_free(&connection->in);
	bytes_free(&connection->out);
	if (connection->on_close != NULL)
		connection->on_close(connection);
}

void connection_finish(struct connection *connection)
{
	if (!connection_is_open(connection))
		return;
	connection->closing = true;
	flush(connection);
}
