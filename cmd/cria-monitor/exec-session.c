#include "exec.h"

#include "exec-stdin.h"
#include "fault.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	/* Above this the command has to wait for the client. */
	QUEUE_FULL = 256 << 10,
	/* With what is in the command's pipes at its end. */
	QUEUE_MAX = 4 << 20,
	/* A daemon that lives connects within milliseconds, but on a machine that can hardly go on. */
	CLIENT_MS = 15000,
};

static void client_ready(struct source *source, uint32_t events);
static void gone(void);
static struct data_connection client = { .connection = { .source = { .fd = -1 } } };
static struct source listener = { .fd = -1, .ready = client_ready };
static struct timer client_timer = { .fire = gone };
PAGES(char, request_text, FRAME_MAX + 1);

/* Nobody waits for the command any more. */
static void gone(void)
{
	command_kill();
	loop_stop();
}

bool session_is_open(void)
{
	return connection_is_open(&client.connection);
}

bool session_is_full(void)
{
	return client.credit == 0 || data_waiting(&client) >= QUEUE_FULL;
}

bool session_send(uint8_t stream, const uint8_t *data, size_t size)
{
	return data_put(&client, (struct frame_head){ stream, 0 }, data, size, QUEUE_MAX);
}

void session_send_end(uint8_t stream)
{
	if (exec.interactive)
		data_put(&client, (struct frame_head){ FRAME_EOF, stream }, NULL, 0, SIZE_MAX);
}

static void put_exit(struct json_writer *writer)
{
	json_put_string(writer, "op", "exit");
	json_put_number(writer, "code", WIFSIGNALED(exec.status) ? 128 + WTERMSIG(exec.status) : WEXITSTATUS(exec.status));
	if (WIFSIGNALED(exec.status))
		json_put_number(writer, "signal", WTERMSIG(exec.status));
	json_put_bool(writer, "truncated", exec.truncated);
}

/* The last frame, as soon as there is a client for it. */
void session_report(void)
{
	/* Every byte of a text may become an escape of six. */
	APART char buffer[6 * (8192 + EXEC_REFUSED_MAX) + 256];
	struct json_writer writer;

	if (exec.phase != ENDED || !session_is_open())
		return;
	command_stdin_close();
	json_begin(&writer, buffer, sizeof(buffer));
	if (exec.failure != NULL) {
		json_put_string(&writer, "op", "failed");
		json_put_string(&writer, "message", exec.failure);
	} else {
		output_drain();
		put_exit(&writer);
	}
	json_put_bool(&writer, "timedOut", exec.timed_out);
	if (exec.cgroup_refused != NULL)
		json_put_string(&writer, "cgroupRefused", exec.cgroup_refused);
	exec.phase = REPORTED;
	FAULT_POINT("exec-reporting");
	data_put(&client, (struct frame_head){ FRAME_CONTROL, 0 }, buffer, json_end(&writer), SIZE_MAX);
	data_end(&client);
}

static void reply(const struct json *request, int error)
{
	char text[256];
	struct json_writer writer;

	json_begin(&writer, text, sizeof(text));
	json_put_number(&writer, "seq", json_number(request, "seq", 0));
	if (error != 0)
		json_put_string(&writer, "err", error < 0 ? "unsupported" : strerror(error));
	connection_send_json(&client.connection, &writer);
}

static enum taken on_control(const uint8_t *payload, size_t size)
{
	static struct json request;

	memcpy(request_text, payload, size);
	request_text[size] = '\0';
	const char *op = json_parse(&request, request_text) ? json_string(&request, "op") : NULL;

	if (op == NULL)
		return FRAME_BAD;
	if (strcmp(op, "signal") == 0)
		reply(&request, command_signal((int)json_number(&request, "signal", 0)));
	else if (strcmp(op, "resize") == 0)
		reply(&request, command_resize(json_number(&request, "columns", 0), json_number(&request, "rows", 0)));
	else
		reply(&request, -1);
	return FRAME_TAKEN;
}

static enum taken on_frame(struct connection *connection, uint8_t type, uint8_t *payload, size_t size)
{
	enum taken taken = FRAME_TAKEN;

	(void)connection;
	if (type >= 128)
		return FRAME_TAKEN;
	if (!exec.interactive)
		return FRAME_BAD;
	switch (type) {
	case FRAME_CONTROL:
		return on_control(payload, size);
	case FRAME_STDIN:
		return command_stdin_frame(&client, payload, size);
	case FRAME_EOF:
		command_stdin_end();
		break;
	case FRAME_WINDOW:
		taken = data_window(&client, payload, size);
		output_flow();
		break;
	default:
		taken = FRAME_BAD;
	}
	return taken;
}

/* An interactive client has ended its stdin by this, and can grant nothing any more. */
static void on_end(struct connection *connection)
{
	if (!exec.interactive) {
		connection_close(connection);
		return;
	}
	command_stdin_end();
	data_uncontrolled(&client);
	output_flow();
}

static void on_close(struct connection *connection)
{
	(void)connection;
	gone();
}

static void on_sent(struct connection *connection)
{
	(void)connection;
	output_flow();
}

static void client_ready(struct source *source, uint32_t events)
{
	int fd = connection_accept(source);

	(void)events;
	if (fd < 0)
		return;
	timer_stop(&client_timer);
	session_unlink();
	loop_close(&listener);
	client.connection.on_frame = on_frame;
	client.connection.on_end = on_end;
	client.connection.on_close = on_close;
	client.connection.on_sent = on_sent;
	if (!data_open(&client, fd, COMMAND_STDIN_WINDOW)) {
		gone();
		return;
	}
	if (!exec.interactive)
		data_uncontrolled(&client);
	command_stdin_offer(&client);
	if (exec.phase == STARTED)
		output_started();
	session_report();
}

int session_listen(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(exec.socket) >= sizeof(address.sun_path))
		return ENAMETOOLONG;
	strcpy(address.sun_path, exec.socket);
	listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener.fd < 0 || bind(listener.fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listener.fd, 1) != 0 || !loop_add(&listener, EPOLLIN))
		return errno;
	return 0;
}

void session_expect(void)
{
	timer_start(&client_timer, CLIENT_MS);
}

void session_unlink(void)
{
	if (listener.fd >= 0)
		unlink(exec.socket);
}
