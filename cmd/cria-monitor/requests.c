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

PAGES(char, request_text, FRAME_MAX + 1);

static void attach(struct client *client, const struct json *request, uint32_t seq)
{
	const char *refusal = attach_client(client, request);

	if (refusal != NULL) {
		client_reply_error(client, seq, refusal);
		return;
	}
	client_reply_result(client, seq, 0);
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
		client_reply_error(client, seq, refusal);
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
		client_reply_result(client, seq, deeds[i].run(request));
		return true;
	}
	return false;
}

static enum taken on_control(struct client *client, char *text)
{
	struct json request;

	if (!json_parse(&request, text))
		return FRAME_BAD;
	const char *op = json_string(&request, "op");
	uint32_t seq = (uint32_t)json_number(&request, "seq", 0);

	if (op == NULL)
		return FRAME_BAD;
	if (do_deed(client, &request, seq))
		return FRAME_TAKEN;
	if (strcmp(op, "hello") == 0) {
		client_reply_hello(client, seq);
	} else if (strcmp(op, "state") == 0) {
		client_reply_state(client, seq);
	} else if (strcmp(op, "wait") == 0) {
		client->waiting = seq;
		if (container.phase != CREATING && container.phase != UNDOING)
			clients_announce();
	} else if (strcmp(op, "reexec") == 0) {
		reexec(client, &request, seq);
	} else if (strcmp(op, "shutdown") == 0) {
		client_reply_result(client, seq, 0);
		container_shutdown();
	} else if (strcmp(op, "attach") == 0) {
		attach(client, &request, seq);
	} else {
		client_reply_error(client, seq, "unsupported");
	}
	return FRAME_TAKEN;
}

enum taken client_request(struct client *client, const uint8_t *payload, size_t size)
{
	memcpy(request_text, payload, size);
	request_text[size] = '\0';
	return on_control(client, request_text);
}

void clients_trim(void)
{
	replies_trim();
	release_pages(request_text, sizeof(request_text));
}
