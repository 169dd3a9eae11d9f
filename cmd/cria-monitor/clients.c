/* The connections to the monitor's socket: who comes, what they send, who goes. */
#include "clients.h"

#include "container.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct client clients[CLIENTS_MAX];
size_t clients_used;
static struct source listener = { .fd = -1 };

static struct client *client_of(struct connection *connection)
{
	return (struct client *)connection;
}

static enum taken on_frame(struct connection *connection, uint8_t type, uint8_t *payload, size_t size)
{
	struct client *client = client_of(connection);

	if (type == FRAME_CONTROL)
		return client_request(client, payload, size);
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
	int fd = connection_accept(source);

	(void)events;
	if (fd < 0)
		return;
	struct client *client = free_place();

	if (client == NULL) {
		refuse(fd);
		return;
	}
	prepare_client(client);
	data_open(&client->data, fd, STDIN_WINDOW);
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

void clients_announce(void)
{
	for (size_t i = 0; i < clients_used; i++) {
		struct client *client = &clients[i];

		if (!client_is_open(client))
			continue;
		if (client->waiting != 0) {
			uint32_t seq = client->waiting;

			client->waiting = 0;
			client_reply_state(client, seq);
		} else if (container.phase == EXITED && client->number == 0) {
			client_send_exit(client);
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
		if (data_open(&clients[i].data, fd, STDIN_WINDOW))
			connection_restore(&clients[i].data.connection, handover, name);
	}
	return listener.fd >= 0 && loop_add(&listener, EPOLLIN);
}

void clients_close(void)
{
	loop_close(&listener);
	unlink(container.config.socket);
	for (size_t i = 0; i < clients_used; i++)
		connection_finish(&clients[i].data.connection);
}
