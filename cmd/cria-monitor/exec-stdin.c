#include "exec-stdin.h"

#include "exec.h"
#include "input.h"
#include "null.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void taken(uint32_t owner, size_t size);
static void closed(void);

static struct input input = { .source = { .fd = -1 }, .taken = taken, .closed = closed };
/* There is or was something to write to. */
static bool opened;
/* NULL until it has come. */
static struct data_connection *writer;

static void offer(void)
{
	if (writer == NULL || !opened)
		return;
	if (input_is_open(&input))
		data_grant(writer);
	else
		closed();
}

static void taken(uint32_t owner, size_t size)
{
	(void)owner;
	data_written(writer, size);
	if (input_is_open(&input))
		data_grant(writer);
}

/* Nobody reads it any more. */
static void closed(void)
{
	if (writer != NULL)
		connection_send(&writer->connection, (struct frame_head){ FRAME_EOF, FRAME_STDIN }, NULL, 0);
}

int command_stdin_open(int *end)
{
	uid_t uid = (uid_t)json_number(&exec.json, "uid", 0);
	gid_t gid = (gid_t)json_number(&exec.json, "gid", 0);
	int fds[2];

	if (!exec.has_stdin) {
		*end = null_open(uid, gid);
		return 0;
	}
	if (pipe_open(fds, 1) != 0)
		return errno;
	*end = fds[0];
	pipe_widen(fds[0]);
	if (fchown(fds[0], uid, gid) != 0 || !input_open(&input, fds[1]))
		return errno;
	opened = true;
	return 0;
}

void command_stdin_terminal(int master)
{
	input.is_terminal = true;
	opened = input_open(&input, fcntl(master, F_DUPFD_CLOEXEC, 3));
	offer();
}

void command_stdin_offer(struct data_connection *client)
{
	writer = client;
	offer();
}

enum taken command_stdin_frame(struct data_connection *client, const uint8_t *payload, size_t size)
{
	if (!opened)
		return FRAME_BAD; /* nothing was granted */
	if (!input_is_open(&input))
		return FRAME_TAKEN; /* on its way when it was told that nobody reads any more */
	enum taken taken = data_stdin(client, size);

	if (taken == FRAME_TAKEN)
		input_put(&input, 0, payload, size);
	return taken;
}

void command_stdin_end(void)
{
	input_end(&input);
}

void command_stdin_close(void)
{
	input_close(&input);
}
