/*
 * Attached clients. Output reaches each at its own speed, up to a ring full behind the others; what happens then is its
 * mode: `drop` is disconnected, for `lossless` the container's output is not read for a while, and then it is disconnected.
 */
#include "clients.h"

#include "container.h"
#include "fault.h"
#include "stdin.h"
#include "streams.h"

#include <string.h>

enum {
	RING = 256 << 10,
	/* What is read at the exit although a ring is full: the container's pipes, whose size the container may set. */
	RING_AT_EXIT = RING + (4 << 20),
	SLOW_MS = 5000,
	/* Of bytes that nobody has read yet, also of clients that have left. */
	STDIN_KEPT_MAX = CLIENTS_MAX * STDIN_WINDOW,
};

static void check_deadlines(void);
static struct timer slow_timer = { .fire = check_deadlines };

static void arm(void)
{
	int64_t first = 0;

	for (size_t i = 0; i < clients_used; i++)
		if (client_is_open(&clients[i]) && clients[i].deadline != 0 && (first == 0 || clients[i].deadline < first))
			first = clients[i].deadline;
	if (first == 0)
		timer_stop(&slow_timer);
	else
		timer_start(&slow_timer, first - monotonic_ms());
}

static void expect(struct client *client)
{
	client->deadline = monotonic_ms() + SLOW_MS;
	arm();
}

/* Its stdin has ended, by a frame, a half-closed connection or its going. */
static void end_stdin(struct client *client)
{
	if (client->wants_stdin && container.config.stdin_once)
		stdin_end();
	client->wants_stdin = false;
}

static void disconnect_slow(struct client *client)
{
	static const char text[] = "ERR_SLOW: the client reads too slowly";

	end_stdin(client);
	client->number = 0;
	chunks_free(&client->data.held);
	connection_send(&client->data.connection, (struct frame_head){ FRAME_ERROR, 0 }, text, sizeof(text) - 1);
	expect(client);
	connection_finish(&client->data.connection);
	streams_flow();
}

static void check_deadlines(void)
{
	int64_t now = monotonic_ms();

	for (size_t i = 0; i < clients_used; i++) {
		struct client *client = &clients[i];

		if (!client_is_open(client) || client->deadline == 0 || client->deadline > now)
			continue;
		if (client->data.ending || client->data.connection.closing)
			connection_close(&client->data.connection); /* whoever has not taken the rest by now never will */
		else
			disconnect_slow(client);
	}
	arm();
}

const char *attach_client(struct client *client, const struct json *request)
{
	static uint32_t last_number;
	const char *mode = json_string(request, "mode");
	size_t attached = 0;

	for (size_t i = 0; i < clients_used; i++)
		attached += client_is_attached(&clients[i]);
	if (client->number != 0)
		return "this connection is attached already";
	if (mode == NULL || (strcmp(mode, "lossless") != 0 && strcmp(mode, "drop") != 0))
		return "the mode is neither lossless nor drop";
	if (container.phase != RUNNING)
		return container.phase == EXITED ? "the container has exited" : "the container is not created";
	if (attached >= ATTACHED_MAX)
		return "too many clients are attached, detach one of the 28 first";
	_Static_assert(ATTACHED_MAX == 28, "the text above");
	client->wants_stdin = json_bool(request, "stdin");
	client->wants[0] = json_bool(request, "stdout");
	client->wants[1] = json_bool(request, "stderr") && !container.config.terminal;
	client->lossless = strcmp(mode, "lossless") == 0;
	client->number = ++last_number == 0 ? ++last_number : last_number;
	return NULL;
}

static void tell_end(struct client *client, uint8_t stream)
{
	data_put(&client->data, (struct frame_head){ FRAME_EOF, stream }, NULL, 0, SIZE_MAX);
	client->wants[stream - FRAME_STDOUT] = false;
}

static void tell_stdin_closed(struct client *client)
{
	client->wants_stdin = false;
	connection_send(&client->data.connection, (struct frame_head){ FRAME_EOF, FRAME_STDIN }, NULL, 0);
}

static void grant_stdin(void)
{
	for (size_t i = 0; i < clients_used; i++)
		if (client_is_attached(&clients[i]) && clients[i].wants_stdin && stdin_kept() < STDIN_KEPT_MAX)
			data_grant(&clients[i].data);
}

void attach_begin(struct client *client)
{
	for (uint8_t stream = FRAME_STDOUT; stream <= FRAME_STDERR; stream++)
		if (client->wants[stream - FRAME_STDOUT] && stream_fd(stream) < 0)
			tell_end(client, stream);
	if (client->wants_stdin && !stdin_is_open())
		tell_stdin_closed(client);
	grant_stdin();
}

void clients_stdin_taken(uint32_t number, size_t size)
{
	for (size_t i = 0; i < clients_used; i++)
		if (client_is_attached(&clients[i]) && clients[i].number == number)
			data_written(&clients[i].data, size);
	grant_stdin();
}

void clients_stdin_closed(void)
{
	for (size_t i = 0; i < clients_used; i++)
		if (client_is_attached(&clients[i]) && clients[i].wants_stdin)
			tell_stdin_closed(&clients[i]);
}

enum taken attach_frame(struct client *client, uint8_t type, uint8_t *payload, size_t size)
{
	enum taken taken = FRAME_TAKEN;

	switch (type) {
	case FRAME_STDIN:
		if (!client->wants_stdin)
			break; /* on its way when it was told that nobody reads any more */
		taken = data_stdin(&client->data, size);
		if (taken == FRAME_TAKEN)
			stdin_put(client->number, payload, size);
		FAULT_POINT("stdin-written");
		break;
	case FRAME_EOF:
		end_stdin(client);
		break;
	case FRAME_WINDOW:
		taken = data_window(&client->data, payload, size);
		attach_sent(client);
		break;
	default:
		taken = FRAME_BAD;
	}
	return taken;
}

void attach_ended(struct client *client)
{
	end_stdin(client);
	data_uncontrolled(&client->data); /* it still wants the output, and can grant nothing any more */
}

void attach_sent(struct client *client)
{
	if (client->deadline == 0)
		return;
	if (client->data.ending || client->data.connection.closing) {
		expect(client);
	} else if (data_waiting(&client->data) < RING) {
		client->deadline = 0;
		arm();
		streams_flow();
	}
}

void attach_closed(struct client *client)
{
	end_stdin(client);
	client->number = 0;
	chunks_free(&client->data.held);
	streams_flow();
}

bool clients_take(uint8_t stream)
{
	for (size_t i = 0; i < clients_used; i++) {
		const struct client *client = &clients[i];

		if (client_is_attached(client) && client->lossless && client->wants[stream - FRAME_STDOUT] &&
		    data_waiting(&client->data) >= RING)
			return false;
	}
	return true;
}

void clients_output(uint8_t stream, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < clients_used; i++) {
		struct client *client = &clients[i];

		if (!client_is_attached(client) || !client->wants[stream - FRAME_STDOUT])
			continue;
		size_t limit = client->lossless ? RING_AT_EXIT : RING;

		if (!data_put(&client->data, (struct frame_head){ stream, 0 }, data, size, limit))
			disconnect_slow(client);
		else if (client->lossless && client->deadline == 0 && data_waiting(&client->data) >= RING)
			expect(client);
	}
}

void clients_output_ended(uint8_t stream)
{
	for (size_t i = 0; i < clients_used; i++)
		if (client_is_attached(&clients[i]) && clients[i].wants[stream - FRAME_STDOUT])
			tell_end(&clients[i], stream);
}

void clients_end_output(void)
{
	char text[512];
	struct json_writer event;

	json_begin(&event, text, sizeof(text));
	client_put_exit(&event);
	size_t size = json_end(&event);

	clients_output_ended(FRAME_STDOUT);
	clients_output_ended(FRAME_STDERR);
	for (size_t i = 0; i < clients_used; i++) {
		struct client *client = &clients[i];

		if (!client_is_attached(client))
			continue;
		data_put(&client->data, (struct frame_head){ FRAME_CONTROL, 0 }, text, size, SIZE_MAX);
		expect(client);
		data_end(&client->data);
	}
}

bool clients_busy(void)
{
	for (size_t i = 0; i < clients_used; i++)
		if (client_is_attached(&clients[i]) || (client_is_open(&clients[i]) && clients[i].data.connection.closing))
			return true;
	return false;
}
