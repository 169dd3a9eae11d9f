#include "data-connection.h"

#include <string.h>

enum { OUT_LIMIT = 8 << 20 };

static uint32_t tag_of(struct frame_head frame)
{
	return (uint32_t)frame.type << 8 | frame.channel;
}

static bool needs_credit(uint8_t type)
{
	return type == FRAME_STDOUT || type == FRAME_STDERR;
}

bool data_open(struct data_connection *data, int fd, size_t stdin_window)
{
	data->held = (struct chunks){ 0 };
	data->credit = data->granted = data->unwritten = 0;
	data->window = stdin_window;
	data->ending = false;
	return connection_open(&data->connection, fd, OUT_LIMIT);
}

/* Sends as much of it as the credit allows; the number of bytes. */
static size_t send_part(struct data_connection *data, struct frame_head frame, const uint8_t *bytes, size_t size)
{
	size_t part = size;

	if (needs_credit(frame.type)) {
		part = size < data->credit ? size : data->credit;
		if (part == 0)
			return 0;
		if (data->credit != SIZE_MAX)
			data->credit -= part;
	}
	/* Bytes that are missing in the middle would be worse than an end. To one that reads no more nothing matters. */
	if (!connection_send(&data->connection, frame, bytes, part) && !data->connection.deaf)
		connection_close(&data->connection);
	return part;
}

static void send_held(struct data_connection *data)
{
	struct chunk first;

	while (chunks_front(&data->held, &first)) {
		struct frame_head frame = { (uint8_t)(first.tag >> 8), (uint8_t)first.tag };
		size_t sent = send_part(data, frame, first.data, first.size);

		if (sent == 0 && first.size > 0)
			return;
		chunks_take(&data->held, sent);
	}
	if (data->ending)
		connection_finish(&data->connection);
}

void data_uncontrolled(struct data_connection *data)
{
	data->credit = SIZE_MAX;
	send_held(data);
}

size_t data_waiting(const struct data_connection *data)
{
	return chunks_length(&data->held) + bytes_length(&data->connection.out);
}

bool data_put(struct data_connection *data, struct frame_head frame, const void *bytes, size_t size, size_t limit)
{
	size_t waiting = data_waiting(data), sent = 0;

	if (waiting + size > limit)
		return false;
	if (chunks_length(&data->held) == 0) {
		sent = send_part(data, frame, bytes, size);
		if (sent == size && (size > 0 || !needs_credit(frame.type)))
			return true;
	}
	return chunks_put(&data->held, tag_of(frame), sent == 0 ? bytes : (const uint8_t *)bytes + sent, size - sent);
}

void data_end(struct data_connection *data)
{
	data->ending = true;
	send_held(data);
}

enum taken data_window(struct data_connection *data, const uint8_t *payload, size_t size)
{
	if (size != 4)
		return FRAME_BAD;
	size_t more = (size_t)payload[0] | (size_t)payload[1] << 8 | (size_t)payload[2] << 16 | (size_t)payload[3] << 24;

	data->credit = more < SIZE_MAX - data->credit ? data->credit + more : SIZE_MAX;
	send_held(data);
	return FRAME_TAKEN;
}

enum taken data_stdin(struct data_connection *data, size_t size)
{
	if (size > data->granted)
		return FRAME_BAD;
	data->granted -= size;
	data->unwritten += size;
	return FRAME_TAKEN;
}

void data_written(struct data_connection *data, size_t size)
{
	data->unwritten -= size;
}

void data_grant(struct data_connection *data)
{
	size_t room = data->window - data->granted - data->unwritten;

	/* Less is not worth a frame. */
	if (room == 0 || (room < data->window / 4 && data->granted > 0))
		return;
	const uint8_t payload[4] = { (uint8_t)room, (uint8_t)(room >> 8), (uint8_t)(room >> 16), (uint8_t)(room >> 24) };

	if (connection_send(&data->connection, (struct frame_head){ FRAME_WINDOW, FRAME_STDIN }, payload, sizeof(payload)))
		data->granted += room;
}
