#include "exec.h"

#include "fault.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	/* Above this the command has to wait for the client. */
	QUEUE_FULL = 256 << 10,
	OUT_LIMIT = 4 << 20,
	CLIENT_MS = 10000,
};

static void client_ready(struct source *source, uint32_t events);
static void gone(void);

static struct connection client = { .source = { .fd = -1 } };
static struct source listener = { .fd = -1, .ready = client_ready };
static struct timer client_timer = { .fire = gone };

/* Nobody waits for the command any more. */
static void gone(void)
{
	command_kill();
	loop_stop();
}

bool session_is_open(void)
{
	return connection_is_open(&client);
}

bool session_is_full(void)
{
	return bytes_length(&client.out) >= QUEUE_FULL;
}

bool session_send(uint8_t type, const uint8_t *data, size_t size)
{
	return connection_send(&client, (struct frame_head){ type, 0 }, data, size);
}

/* The last frame, as soon as there is a client for it. */
void session_report(void)
{
	/* Every byte of a failure may become an escape of six. */
	static char buffer[6 * 8192 + 256];
	struct json_writer writer;

	if (exec.phase != ENDED || !session_is_open())
		return;
	json_begin(&writer, buffer, sizeof(buffer));
	if (exec.failure != NULL) {
		json_put_string(&writer, "op", "failed");
		json_put_string(&writer, "message", exec.failure);
	} else {
		output_drain();
		json_put_string(&writer, "op", "exit");
		json_put_number(&writer, "code",
				WIFSIGNALED(exec.status) ? 128 + WTERMSIG(exec.status) : WEXITSTATUS(exec.status));
		json_put_bool(&writer, "truncated", exec.truncated);
	}
	json_put_bool(&writer, "timedOut", exec.timed_out);
	exec.phase = REPORTED;
	FAULT_POINT("exec-reporting");
	connection_send_json(&client, &writer);
	connection_finish(&client);
}

static enum taken on_frame(struct connection *connection, uint8_t type, uint8_t *payload, size_t size)
{
	(void)connection, (void)payload, (void)size;
	return type == FRAME_STDIN || type == FRAME_EOF || type == FRAME_CONTROL || type >= 128 ? FRAME_TAKEN : FRAME_BAD;
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
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	timer_stop(&client_timer);
	session_unlink();
	loop_close(&listener);
	client.on_frame = on_frame;
	client.on_end = connection_close;
	client.on_close = on_close;
	client.on_sent = on_sent;
	if (!connection_open(&client, fd, OUT_LIMIT)) {
		gone();
		return;
	}
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
