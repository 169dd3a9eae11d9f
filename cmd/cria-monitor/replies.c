/* What the monitor's clients are answered and told. */
#include "clients.h"

#include "container.h"
#include "keep.h"
#include "log.h"

#include <string.h>
#include <unistd.h>

/* Every byte of the runtime's message may become an escape of six. */
PAGES(char, reply_text, 6 * sizeof(container.message) + 1024);

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

void client_reply_hello(struct client *client, uint32_t seq)
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

void client_reply_result(struct client *client, uint32_t seq, int error)
{
	struct json_writer reply;

	begin_reply(&reply, seq);
	if (error != 0) {
		json_put_string(&reply, "err", strerror(error));
		json_put_number(&reply, "errno", error);
	}
	connection_send_json(&client->data.connection, &reply);
}

void client_reply_error(struct client *client, uint32_t seq, const char *text)
{
	struct json_writer reply;

	begin_reply(&reply, seq);
	json_put_string(&reply, "err", text);
	connection_send_json(&client->data.connection, &reply);
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

void replies_trim(void)
{
	release_pages(reply_text, sizeof(reply_text));
}
