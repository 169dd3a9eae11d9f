/*
 * The monitor's socket. Requests are CONTROL frames {"op","seq",...}; every answer has the seq, an event has none.
 * What happens is kept as state, not as a queue of events: a daemon that comes later asks `state`.
 *   hello       -> {proto, version, pid, startTicks, id, nonce, features}
 *   state       -> {phase: creating|running|undoing|failed|exited, ...}
 *   wait        -> the same, when the creation has succeeded or failed
 *   signal {signal} | resize {columns, rows} | reopen | close_stdin | ack_exit | shutdown   -> {} or {err}
 *   keep {socket}   -> {} when the spawner that listens there holds what the container needs, see keep.h
 *   reexec {path, stateMin, stateMax}   -> {version} of the program that has taken our place, see reexec.h, or {err}
 *   attach {stdin, stdout, stderr}   -> {}; from then on it is a data connection: STDIN and EOF frames in, STDOUT and
 *               STDERR out, at the end EOF of both and the event {op: "exit", ...}
 * Event on every other connection: {op: "exit", ...}
 */
#include "container.h"
#include "fault.h"
#include "keep.h"
#include "log.h"
#include "reexec.h"
#include "stdin.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONTROL_LIMIT = 256 << 10, ATTACH_LIMIT = 256 << 10, ERROR_ROOM = 128, CLOSE_MS = 5000 };

struct client {
	struct connection connection;
	bool attached;
	bool wants_stdin;
	bool wants[2];
	/* The request whose answer waits for the end of the creation; 0 is none. */
	uint32_t waiting;
};

/* Every byte of the runtime's message may become an escape of six. */
PAGES(char, reply_text, 6 * sizeof(container.message) + 1024);
PAGES(char, request_text, FRAME_MAX + 1);
static struct client clients[32];
static struct source listener = { .fd = -1 };
static struct timer close_timer;

static struct client *client_of(struct connection *connection)
{
	return (struct client *)connection;
}

static void begin_reply(struct json_writer *reply, uint32_t seq)
{
	json_begin(reply, reply_text, sizeof(reply_text));
	if (seq != 0)
		json_put_number(reply, "seq", seq);
}

static void put_exit(struct json_writer *reply)
{
	json_put_number(reply, "code", container.code);
	if (container.signal != 0)
		json_put_number(reply, "signal", container.signal);
	json_put_bool(reply, "oom", container.oom);
	if (container.lost)
		json_put_string(reply, "reason", "MonitorLost");
	json_put_big(reply, "finishedAt", (uint64_t)container.finished_at);
	json_put_big(reply, "logDroppedBytes", log_dropped_bytes());
}

static void put_state(struct json_writer *reply)
{
	static const char *const names[] = { "creating", "running", "undoing", "failed", "exited" };

	json_put_string(reply, "phase", names[container.phase]);
	if (container.phase == RUNNING || container.phase == EXITED) {
		json_put_number(reply, "pid", container.pid);
		json_put_big(reply, "startTicks", container.ticks);
	}
	if (container.phase == RUNNING) {
		json_put_bool(reply, "kept", keep_is_deposited());
		json_put_big(reply, "logDroppedBytes", log_dropped_bytes());
	}
	if (container.phase == EXITED)
		put_exit(reply);
	if (container.phase == FAILED) {
		json_put_string(reply, "stage", container.failed_stage);
		json_put_string(reply, "message", container.message);
	}
}

static void reply_state(struct client *client, uint32_t seq)
{
	struct json_writer reply;

	begin_reply(&reply, seq);
	put_state(&reply);
	connection_send_json(&client->connection, &reply);
}

static void reply_hello(struct client *client, uint32_t seq)
{
	struct json_writer reply;

	begin_reply(&reply, seq);
	json_put_raw(&reply, "proto", "[1,1]");
	json_put_string(&reply, "version", MONITOR_VERSION);
	json_put_number(&reply, "pid", getpid());
	json_put_big(&reply, "startTicks", start_ticks(getpid()));
	json_put_string(&reply, "id", container.config.id);
	json_put_string(&reply, "nonce", container.config.nonce);
	json_put_raw(&reply, "features", "[\"attach\",\"keep\",\"reexec\"]");
	connection_send_json(&client->connection, &reply);
}

/* Success, or what strerror says of the error. */
static void reply_result(struct client *client, uint32_t seq, int error)
{
	struct json_writer reply;

	begin_reply(&reply, seq);
	if (error != 0) {
		json_put_string(&reply, "err", strerror(error));
		json_put_number(&reply, "errno", error);
	}
	connection_send_json(&client->connection, &reply);
}

static void reply_unsupported(struct client *client, uint32_t seq)
{
	struct json_writer reply;

	begin_reply(&reply, seq);
	json_put_string(&reply, "err", "unsupported");
	connection_send_json(&client->connection, &reply);
}

static void attach(struct client *client, const struct json *request, uint32_t seq)
{
	if (container.phase != RUNNING) {
		reply_result(client, seq, ESRCH);
		return;
	}
	client->wants_stdin = json_bool(request, "stdin") && container.config.has_stdin;
	client->wants[0] = json_bool(request, "stdout");
	client->wants[1] = json_bool(request, "stderr") && !container.config.terminal;
	reply_result(client, seq, 0);
	client->attached = true;
	FAULT_POINT("attached");
}

static int resize(const struct json *request)
{
	int64_t columns = json_number(request, "columns", 0), rows = json_number(request, "rows", 0);

	if (columns < 1 || columns > UINT16_MAX || rows < 1 || rows > UINT16_MAX)
		return EINVAL;
	return stdio_resize((int)columns, (int)rows);
}

static void reexec(struct client *client, const struct json *request, uint32_t seq)
{
	struct reexec_request wanted = {
		.path = json_string(request, "path"),
		.state_min = json_number(request, "stateMin", 0),
		.state_max = json_number(request, "stateMax", 0),
		.client = (size_t)(client - clients),
		.seq = seq,
	};
	const char *refusal = reexec_ask(&wanted);

	if (refusal != NULL)
		clients_answer_reexec(wanted.client, seq, refusal);
}

static int keep(const struct json *request)
{
	const char *socket = json_string(request, "socket");

	if (container.phase != RUNNING)
		return EBUSY;
	return socket == NULL ? EINVAL : keep_deposit(socket);
}

static int close_stdin(void)
{
	stdin_end();
	return 0;
}

static int acknowledge(void)
{
	if (container.phase != EXITED && container.phase != FAILED)
		return EBUSY;
	container_acknowledge();
	return 0;
}

static enum taken on_control(struct client *client, char *text)
{
	static struct json request;

	if (!json_parse(&request, text))
		return FRAME_BAD;
	const char *op = json_string(&request, "op");
	uint32_t seq = (uint32_t)json_number(&request, "seq", 0);

	if (op == NULL || client->attached)
		return FRAME_BAD;
	if (strcmp(op, "hello") == 0) {
		reply_hello(client, seq);
	} else if (strcmp(op, "state") == 0) {
		reply_state(client, seq);
	} else if (strcmp(op, "wait") == 0) {
		client->waiting = seq;
		if (container.phase != CREATING && container.phase != UNDOING)
			clients_announce();
	} else if (strcmp(op, "signal") == 0) {
		reply_result(client, seq, container_signal((int)json_number(&request, "signal", 0)));
	} else if (strcmp(op, "resize") == 0) {
		reply_result(client, seq, resize(&request));
	} else if (strcmp(op, "reopen") == 0) {
		reply_result(client, seq, log_reopen());
	} else if (strcmp(op, "close_stdin") == 0) {
		reply_result(client, seq, close_stdin());
	} else if (strcmp(op, "keep") == 0) {
		reply_result(client, seq, keep(&request));
	} else if (strcmp(op, "reexec") == 0) {
		reexec(client, &request, seq);
	} else if (strcmp(op, "ack_exit") == 0) {
		reply_result(client, seq, acknowledge());
	} else if (strcmp(op, "shutdown") == 0) {
		reply_result(client, seq, 0);
		container_shutdown();
	} else if (strcmp(op, "attach") == 0) {
		attach(client, &request, seq);
	} else {
		reply_unsupported(client, seq);
	}
	return FRAME_TAKEN;
}

/* The bytes before an EOF were taken already: frames are handled in order. */
static void end_stdin(struct client *client)
{
	if (client->wants_stdin && container.config.stdin_once)
		stdin_end();
	client->wants_stdin = false;
}

static enum taken on_frame(struct connection *connection, uint8_t type, uint8_t *payload, size_t size)
{
	struct client *client = client_of(connection);

	if (type == FRAME_CONTROL) {
		memcpy(request_text, payload, size);
		request_text[size] = '\0';
		return on_control(client, request_text);
	}
	if (type >= 128)
		return FRAME_TAKEN;
	if (!client->attached)
		return FRAME_BAD;
	if (type == FRAME_EOF)
		end_stdin(client);
	if (type != FRAME_STDIN || !client->wants_stdin)
		return FRAME_TAKEN;
	connection->taken += stdin_write(payload + connection->taken, size - connection->taken);
	FAULT_POINT("stdin-written");
	return connection->taken < size ? FRAME_LATER : FRAME_TAKEN;
}

static void on_end(struct connection *connection)
{
	struct client *client = client_of(connection);

	if (client->attached)
		end_stdin(client); /* a half-closed connection still wants the output */
	else
		connection_close(connection);
}

static void on_close(struct connection *connection)
{
	client_of(connection)->attached = false;
	container_client_left();
}

static void prepare_client(struct client *client)
{
	*client = (struct client){ .connection = { .on_frame = on_frame, .on_end = on_end, .on_close = on_close } };
}

static void accept_client(struct source *source, uint32_t events)
{
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	for (size_t i = 0; i < LENGTH(clients); i++) {
		struct client *client = &clients[i];

		if (connection_is_open(&client->connection))
			continue;
		if (!connection_is_trusted(fd))
			break;
		prepare_client(client);
		connection_open(&client->connection, fd, CONTROL_LIMIT + ERROR_ROOM);
		return;
	}
	close(fd);
}

/* Whoever has not taken the rest by now never will. */
static void close_slow(void)
{
	for (size_t i = 0; i < LENGTH(clients); i++)
		if (clients[i].connection.closing)
			connection_close(&clients[i].connection);
}

bool clients_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	for (size_t i = 0; i < LENGTH(clients); i++)
		clients[i].connection.source.fd = -1;
	close_timer.fire = close_slow;
	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	strcpy(address.sun_path, path);
	listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	listener.ready = accept_client;
	return listener.fd >= 0 && bind(listener.fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	       listen(listener.fd, 64) == 0 && loop_add(&listener, EPOLLIN);
}

static void send_exit(struct client *client)
{
	struct json_writer event;

	begin_reply(&event, 0);
	json_put_string(&event, "op", "exit");
	put_exit(&event);
	connection_send_json(&client->connection, &event);
}

void clients_announce(void)
{
	for (size_t i = 0; i < LENGTH(clients); i++) {
		struct client *client = &clients[i];

		if (!connection_is_open(&client->connection))
			continue;
		if (client->waiting != 0) {
			uint32_t seq = client->waiting;

			client->waiting = 0;
			reply_state(client, seq);
		} else if (container.phase == EXITED && !client->attached) {
			send_exit(client);
		}
	}
}

static void disconnect_slow(struct client *client)
{
	static const char text[] = "the client reads too slowly";

	client->connection.out_limit += ERROR_ROOM;
	connection_send(&client->connection, (struct frame_head){ FRAME_ERROR, 0 }, text, sizeof(text) - 1);
	client->attached = false;
	connection_finish(&client->connection);
	timer_start(&close_timer, CLOSE_MS);
}

void clients_output(uint8_t stream, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < LENGTH(clients); i++) {
		struct client *client = &clients[i];

		if (!client->attached || !client->wants[stream - FRAME_STDOUT])
			continue;
		client->connection.out_limit = ATTACH_LIMIT;
		if (!connection_send(&client->connection, (struct frame_head){ stream, 0 }, data, size) &&
		    connection_is_open(&client->connection))
			disconnect_slow(client);
	}
}

void clients_end_output(void)
{
	for (size_t i = 0; i < LENGTH(clients); i++) {
		struct client *client = &clients[i];

		if (!client->attached)
			continue;
		client->connection.out_limit = ATTACH_LIMIT + 2 * ERROR_ROOM;
		for (uint8_t stream = FRAME_STDOUT; stream <= FRAME_STDERR; stream++)
			if (client->wants[stream - FRAME_STDOUT])
				connection_send(&client->connection, (struct frame_head){ FRAME_EOF, stream }, NULL, 0);
		send_exit(client);
		connection_finish(&client->connection);
		timer_start(&close_timer, CLOSE_MS);
	}
}

bool clients_busy(void)
{
	for (size_t i = 0; i < LENGTH(clients); i++)
		if (clients[i].attached || (clients[i].connection.closing && connection_is_open(&clients[i].connection)))
			return true;
	return false;
}

bool clients_present(void)
{
	for (size_t i = 0; i < LENGTH(clients); i++)
		if (connection_is_open(&clients[i].connection))
			return true;
	return false;
}

void clients_resume_stdin(void)
{
	for (size_t i = 0; i < LENGTH(clients); i++)
		connection_resume(&clients[i].connection);
}

void clients_answer_reexec(size_t client, uint32_t seq, const char *error)
{
	struct json_writer reply;

	if (client >= LENGTH(clients) || !connection_is_open(&clients[client].connection))
		return;
	begin_reply(&reply, seq);
	json_put_string(&reply, error == NULL ? "version" : "err", error == NULL ? MONITOR_VERSION : error);
	connection_send_json(&clients[client].connection, &reply);
}

void clients_save(struct handover *handover)
{
	char name[32];

	handover_put_fd(handover, "listener", listener.fd);
	for (size_t i = 0; i < LENGTH(clients); i++) {
		format(name, sizeof(name), "client.%zu", i);
		if (connection_is_open(&clients[i].connection))
			connection_save(&clients[i].connection, handover, name);
	}
}

bool clients_restore(const struct handover *handover)
{
	char name[32];

	listener.fd = handover_fd(handover, "listener");
	listener.ready = accept_client;
	for (size_t i = 0; i < LENGTH(clients); i++) {
		prepare_client(&clients[i]);
		format(name, sizeof(name), "client.%zu", i);
		connection_restore(&clients[i].connection, handover, name, CONTROL_LIMIT + ERROR_ROOM);
	}
	return listener.fd >= 0 && loop_add(&listener, EPOLLIN);
}

void clients_trim(void)
{
	release_pages(reply_text, sizeof(reply_text));
	release_pages(request_text, sizeof(request_text));
}

void clients_close(void)
{
	loop_close(&listener);
	unlink(container.config.socket);
	for (size_t i = 0; i < LENGTH(clients); i++)
		connection_finish(&clients[i].connection);
}
