/*
 * What is asked on the monitor's socket. Requests are CONTROL frames {"op","seq",...}; every answer has the seq, an event has none.
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
#include <unistd.h>

/* Every byte of the runtime's message may become an escape of six. */
PAGES(char, reply_text, 6 * sizeof(container.message) + 1024);
PAGES(char, request_text, FRAME_MAX + 1);

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

void client_reply_state(struct client *client, uint32_t seq)
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

static int send_signal(const struct json *request)
{
	return container_signal((int)json_number(request, "signal", 0));
}

static int resize(const struct json *request)
{
	return stdio_resize(json_number(request, "columns", 0), json_number(request, "rows", 0));
}

static int reopen(const struct json *request)
{
	(void)request;
	return log_reopen();
}

static int keep(const struct json *request)
{
	const char *socket = json_string(request, "socket");

	if (container.phase != RUNNING)
		return EBUSY;
	return socket == NULL ? EINVAL : keep_deposit(socket);
}

static int acknowledge(const struct json *request)
{
	(void)request;
	if (container.phase != EXITED && container.phase != FAILED)
		return EBUSY;
	container_acknowledge();
	return 0;
}

/* What is done at once and answered by 0 or an errno. */
static const struct {
	const char *op;
	int (*run)(const struct json *request);
} deeds[] = {
	{ "signal", send_signal }, { "resize", resize }, { "reopen", reopen }, { "keep", keep }, { "ack_exit", acknowledge },
};

static bool do_deed(struct client *client, const struct json *request, uint32_t seq)
{
	const char *op = json_string(request, "op");

	for (size_t i = 0; i < LENGTH(deeds); i++) {
		if (strcmp(op, deeds[i].op) != 0)
			continue;
		reply_result(client, seq, deeds[i].run(request));
		return true;
	}
	return false;
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
	if (do_deed(client, &request, seq))
		return FRAME_TAKEN;
	if (strcmp(op, "hello") == 0) {
		reply_hello(client, seq);
	} else if (strcmp(op, "state") == 0) {
		client_reply_state(client, seq);
	} else if (strcmp(op, "wait") == 0) {
		client->waiting = seq;
		if (container.phase != CREATING && container.phase != UNDOING)
			clients_announce();
	} else if (strcmp(op, "reexec") == 0) {
		reexec(client, &request, seq);
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

enum taken client_request(struct client *client, const uint8_t *payload, size_t size)
{
	memcpy(request_text, payload, size);
	request_text[size] = '\0';
	return on_control(client, request_text);
}

void client_put_exit(struct json_writer *event)
{
	json_put_string(event, "op", "exit");
	put_exit(event);
}

void client_send_exit(struct client *client)
{
	struct json_writer event;

	begin_reply(&event, 0);
	client_put_exit(&event);
	connection_send_json(&client->data.connection, &event);
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

void clients_trim(void)
{
	release_pages(reply_text, sizeof(reply_text));
	release_pages(request_text, sizeof(request_text));
}
