#include "exec.h"

#include "bytes.h"
#include "connection.h"
#include "console.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = DATA_MAX, DRAIN_EXTRA = 64 << 10, EARLY_LIMIT = 1 << 20 };

struct output {
	struct source source;
	uint8_t type;
	int64_t sent;
	/* The client knows that it has ended. */
	bool told;
};

static void output_ready(struct source *source, uint32_t events);

ino_t output_pipes[2];
static struct output outputs[2] = {
	{ .source = { .fd = -1, .ready = output_ready }, .type = FRAME_STDOUT },
	{ .source = { .fd = -1, .ready = output_ready }, .type = FRAME_STDERR },
};
/* What came on stderr before the runtime was done: its own message, or the first words of the command. */
static struct bytes early;

static void send_output(struct output *output, const uint8_t *data, size_t size)
{
	int64_t room = exec.max_bytes - output->sent;
	size_t take = (int64_t)size < room ? size : (size_t)room;

	if (take < size)
		exec.truncated = true;
	output->sent += (int64_t)take;
	if (take > 0 && !session_send(output->type, data, take))
		exec.truncated = true;
}

/* After everything that came before. */
static void tell_ends(void)
{
	if (exec.phase == STARTING || !session_is_open() || bytes_length(&early) > 0)
		return;
	for (size_t i = 0; i < LENGTH(outputs); i++) {
		if (outputs[i].source.fd >= 0 || outputs[i].told)
			continue;
		outputs[i].told = true;
		session_send_end(outputs[i].type);
	}
}

/* The number of bytes, 0 when nothing waits, -1 at the end. */
static ssize_t read_output(struct output *output)
{
	PAGES(uint8_t, chunk, READ_SIZE);
	ssize_t got = read(output->source.fd, chunk, READ_SIZE);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0) {
		loop_close(&output->source);
		return -1;
	}
	if (exec.phase != STARTING)
		send_output(output, chunk, (size_t)got);
	else if (!bytes_put(&early, chunk, (size_t)got, EARLY_LIMIT))
		exec.truncated = true;
	return got;
}

/* While the runtime runs only its stderr is read, later both, and only as fast as the client takes it. */
void output_flow(void)
{
	bool flows = exec.phase == STARTED && session_is_open() && !session_is_full();
	bool early_fits = exec.phase == STARTING && bytes_length(&early) < EARLY_LIMIT - READ_SIZE;

	loop_want(&outputs[0].source, flows ? EPOLLIN : 0);
	loop_want(&outputs[1].source, flows || early_fits ? EPOLLIN : 0);
}

static void output_ready(struct source *source, uint32_t events)
{
	(void)events;
	read_output((struct output *)source);
	tell_ends();
	output_flow();
}

/* Beside a terminal there is no stderr: only the runtime spoke there. */
static void forget_runtime(void)
{
	loop_close(&outputs[1].source);
	bytes_free(&early);
}

static void send_early(void)
{
	while (bytes_length(&early) > 0) {
		size_t size = bytes_length(&early) < READ_SIZE ? bytes_length(&early) : READ_SIZE;

		send_output(&outputs[1], bytes_front(&early), size);
		bytes_take(&early, size);
	}
}

void output_started(void)
{
	if (exec.terminal)
		forget_runtime();
	if (session_is_open())
		send_early();
	tell_ends();
	output_flow();
}

static void drain(struct output *output)
{
	int capacity = output->source.fd < 0 ? 0 : fcntl(output->source.fd, F_GETPIPE_SZ);

	if (capacity < 0)
		capacity = READ_SIZE; /* a terminal */
	for (int64_t left = capacity + DRAIN_EXTRA; left > 0 && output->source.fd >= 0;) {
		ssize_t got = read_output(output);

		if (got <= 0)
			break;
		left -= got;
	}
	loop_close(&output->source);
}

void output_drain(void)
{
	console_release();
	if (exec.terminal)
		forget_runtime();
	send_early();
	drain(&outputs[0]);
	drain(&outputs[1]);
	tell_ends();
}

void output_message(char *text, size_t size)
{
	/* crun speaks through the terminal when it has one, which may have come just before its end. */
	if (exec.terminal)
		console_missing();
	for (int i = 1; i >= 0; i--)
		while (bytes_length(&early) < size && outputs[i].source.fd >= 0 && read_output(&outputs[i]) > 0)
			;
	size_t length = bytes_length(&early) < size - 1 ? bytes_length(&early) : size - 1;

	for (size_t i = 0; i < length; i++) /* a NUL would hide the rest */
		text[i] = bytes_front(&early)[i] == '\0' ? ' ' : (char)bytes_front(&early)[i];
	text[length] = '\0';
}

void output_set_terminal(int master)
{
	outputs[0].source.fd = master;
	loop_add(&outputs[0].source, 0);
}

int output_open(int ends[2])
{
	uid_t uid = (uid_t)json_number(&exec.json, "uid", 0);
	gid_t gid = (gid_t)json_number(&exec.json, "gid", 0);

	for (int i = exec.terminal ? 1 : 0; i < 2; i++) {
		struct stat status;
		int fds[2];

		if (pipe_open(fds, 0) != 0)
			return errno;
		ends[i] = fds[1];
		outputs[i].source.fd = fds[0];
		if (exec.interactive)
			pipe_widen(fds[0]);
		/* So that a process that is not root can open /dev/stdout. */
		if (fchown(fds[1], uid, gid) != 0 || fstat(fds[0], &status) != 0 ||
		    !loop_add(&outputs[i].source, i == 1 ? EPOLLIN : 0))
			return errno;
		output_pipes[i] = status.st_ino;
	}
	return 0;
}
