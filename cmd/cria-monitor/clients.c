/*
 * The monitor's socket. Requests are CONTROL frames {"op","seq",...}; every answer has the seq, an event has none.
 * What happens is kept as state, not as a queue of events: a daemon that comes later asks `state`.
 *   hello       -> {proto, version, pid, startTicks, id, nonce, features}
 *   state       -> {phase: creating|running|undoing|failed|exited, ...}
 *   wait        -> the same, when the creation has succeeded or failed
 *   signal {signal} | resize {columns, rows} | reopen | ack_exit | shutdown   -> {} or {err}
 *   keep {socket}   -> {} when the spawner that listens there holds what the container needs, see keep.h
 *   reexec {path, stateMin, stateMax}   -> {version} of the program that has taken our place, see reexec.h, or {err}
 *   attach {stdin, stdout, stderr, mode: lossless|drop}   -> {}; from then on the connection carries streams, too, see
 *               data-connection.h. Its last frame is the event {op: "exit", ...}, or an ERROR
 * Event on every other connection: {op: "exit", ...}
 */
#include "clients.h"

#include "container.h"
#include "fault.h"
#include "keep.h"
#include "log.h"
#include "reexec.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Every byte of the runtime's message may become an escape of six. */
PAGES(char, reply_text, 6 * sizeof(container.message) + 1024);
PAGES(char, request_text, FRAME_MAX + 1);
struct client clients[CLIENTS_MAX];
size_t clients_used;
static struct source listener = { .fd = -1 };

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
	connection_send_json(&client->data.connection, &reply);
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
	connection_send_json(&client->data.connection, &reply);
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
	connection_send_json(&client->data.connection, &reply);
}

static void reply_error(struct client *client, uint32_t seq, const char *text)
{
	struct json_writer reply;

	begin_reply(&reply, seq);
	json_put_string(&reply, "err", text);
	connection_send_json(&client->data.connection, &reply);
}

static void attach(struct client *client, const struct json *request, uint32_t seq)
{
	const char *refusal = attach_client(client, request);

	if (refusal != NULL) {
		reply_error(client, seq, refusal);
		return;
	}
	reply_result(client, seq, 0);
	attach_begin(client);
	FAULT_POINT("attached");
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
		reply_error(client, seq, refusal);
}

static int keep(const struct json *request)
{
	const char *socket = json_string(request, "socket");

	if (container.phase != RUNNING)
		return EBUSY;
	return socket == NULL ? EINVAL : keep_deposit(socket);
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

	if (op == NULL)
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
		reply_result(client, seq,
			     stdio_resize(json_number(&request, "columns", 0), json_number(&request, "rows", 0)));
	} else if (strcmp(op, "reopen") == 0) {
		reply_result(client, seq, log_reopen());
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
		reply_error(client, seq, "unsupported");
	}
	return FRAME_TAKEN;
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
	return client->number == 0 ? FRAME_BAD : attach_frame(client, type, payload, size);
}

static void on_end(struct connection *connection)
{
	struct client *client = client_of(connection);

	if (client->number != 0)
		attach_ended(client);
	else
		connection_close(connection);
}

static void on_sent(struct connection *connection)
{
	attach_sent(client_of(connection));
}

static void on_close(struct connection *connection)
{
	attach_closed(client_of(connection));
	container_client_left();
}

static void prepare_client(struct client *client)
{
	*client = (struct client){ 0 };
	client->data.connection.on_frame = on_frame;
	client->data.connection.on_end = on_end;
	client->data.connection.on_sent = on_sent;
	client->data.connection.on_close = on_close;
}

static struct client *free_place(void)
{
	for (size_t i = 0; i < clients_used; i++)
		if (!client_is_open(&clients[i]))
			return &clients[i];
	return clients_used < CLIENTS_MAX ? &clients[clients_used++] : NULL;
}

static void refuse(int fd)
{
	static const char text[] = "the monitor has too many clients";
	static struct connection refused;

	if (!connection_open(&refused, fd, FRAME_MAX))
		return;
	connection_send(&refused, (struct frame_head){ FRAME_ERROR, 0 }, text, sizeof(text) - 1);
	connection_close(&refused);
}

static void accept_client(struct source *source, uint32_t events)
{
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	if (!connection_is_trusted(fd)) {
		close(fd);
		return;
	}
	struct client *client = free_place();

	if (client == NULL) {
		refuse(fd);
		return;
	}
	prepare_client(client);
	data_open(&client->data, fd);
}

bool clients_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

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

void client_put_exit(struct json_writer *event)
{
	json_put_string(event, "op", "exit");
	put_exit(event);
}

static void send_exit(struct client *client)
{
	struct json_writer event;

	begin_reply(&event, 0);
	client_put_exit(&event);
	connection_send_json(&client->data.connection, &event);
}

void clients_announce(void)
{
	for (size_t i = 0; i < clients_used; i++) {
		struct client *client = &clients[i];

		if (!client_is_open(client))
			continue;
		if (client->waiting != 0) {
			uint32_t seq = client->waiting;

			client->waiting = 0;
			reply_state(client, seq);
		} else if (container.phase == EXITED && client->number == 0) {
			send_exit(client);
		}
	}
}

bool clients_present(void)
{
	for (size_t i = 0; i < clients_used; i++)
		if (client_is_open(&clients[i]))
			return true;
	return false;
}

void clients_answer_reexec(size_t client, uint32_t seq, const char *error)
{
	struct json_writer reply;

	if (client >= clients_used || !client_is_open(&clients[client]))
		return;
	begin_reply(&reply, seq);
	json_put_string(&reply, error == NULL ? "version" : "err", error == NULL ? MONITOR_VERSION : error);
	connection_send_json(&clients[client].data.connection, &reply);
}

void clients_save(struct handover *handover)
{
	char name[32];

	handover_put_fd(handover, "listener", listener.fd);
	for (size_t i = 0; i < clients_used; i++) {
		format(name, sizeof(name), "client.%zu", i);
		if (client_is_open(&clients[i]))
			connection_save(&clients[i].data.connection, handover, name);
	}
}

bool clients_restore(const struct handover *handover)
{
	char name[32];

	listener.fd = handover_fd(handover, "listener");
	listener.ready = accept_client;
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		format(name, sizeof(name), "client.%zu", i);
		int fd = handover_fd(handover, name);

		if (fd < 0)
			continue;
		for (; clients_used < i; clients_used++)
			clients[clients_used].data.connection.source.fd = -1;
		clients_used = i + 1;
		prepare_client(&clients[i]);
		if (data_open(&clients[i].data, fd))
			connection_restore(&clients[i].data.connection, handover, name);
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
	for (size_t i = 0; i < clients_used; i++)
		connection_finish(&clients[i].data.connection);
}
