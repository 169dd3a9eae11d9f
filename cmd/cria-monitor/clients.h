/* The connections to a container's monitor. */
#ifndef CLIENTS_H
#define CLIENTS_H

#include "data-connection.h"

/* Attached clients leave room for a daemon that asks. */
enum { CLIENTS_MAX = 32, ATTACHED_MAX = 28 };

struct client {
	struct data_connection data;
	/* The request whose answer waits for the end of the creation; 0 is none. */
	uint32_t waiting;
	/* Names its bytes in the queue of stdin; 0 while it is not attached. */
	uint32_t number;
	bool wants[2];
	bool wants_stdin;
	/* The container waits for it. */
	bool lossless;
	/* When it has taken nothing until then it is disconnected; 0 is never. */
	int64_t deadline;
};

/* The places in use at some time; what lies behind is untouched memory. */
extern struct client clients[CLIENTS_MAX];
extern size_t clients_used;

static inline bool client_is_open(const struct client *client)
{
	return connection_is_open(&client->data.connection);
}

static inline bool client_is_attached(const struct client *client)
{
	return client_is_open(client) && client->number != 0;
}

/* requests.c */
enum taken client_request(struct client *client, const uint8_t *payload, size_t size);

/* replies.c */
void client_reply_hello(struct client *client, uint32_t seq);
void client_reply_state(struct client *client, uint32_t seq);
/* Success, or what strerror says of the error. */
void client_reply_result(struct client *client, uint32_t seq, int error);
void client_reply_error(struct client *client, uint32_t seq, const char *text);
/* The event of the container's exit. */
void client_put_exit(struct json_writer *event);
void client_send_exit(struct client *client);
/* Gives back the memory that answers have used. */
void replies_trim(void);

/* attach.c */
/* NULL, or why not. */
const char *attach_client(struct client *client, const struct json *request);
/* To be called when the answer to that is sent. */
void attach_begin(struct client *client);
enum taken attach_frame(struct client *client, uint8_t type, uint8_t *payload, size_t size);
/* It has ended its side. */
void attach_ended(struct client *client);
/* It has taken something. */
void attach_sent(struct client *client);
void attach_closed(struct client *client);

#endif
