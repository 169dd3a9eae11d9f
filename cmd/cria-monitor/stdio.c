/* What the container gets as stdin, stdout and stderr: pipes, or one terminal. */
#include "console.h"
#include "container.h"
#include "null.h"
#include "process.h"
#include "stdin.h"
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_output(uint8_t type, int *end)
{
	int fds[2];

	if (pipe_open(fds, 0) != 0)
		return errno;
	*end = fds[1];
	stream_set(type, fds[0]);
	/* A process that is not root must be able to open /dev/stdout, which leads to this pipe. */
	if (fchown(fds[1], container.config.uid, container.config.gid) != 0 || fchmod(fds[1], 0700) != 0)
		return errno;
	return stream_read(type) ? 0 : errno;
}

static int open_input(int *end)
{
	int fds[2];

	if (!container.config.has_stdin) {
		*end = null_open(container.config.uid, container.config.gid);
		return 0;
	}
	if (pipe_open(fds, 1) != 0)
		return errno;
	*end = fds[0];
	if (!stdin_open(fds[1]) || fchown(fds[0], container.config.uid, container.config.gid) != 0)
		return errno;
	return 0;
}

static void set_terminal(int master)
{
	stream_set(FRAME_STDOUT, master);
}

static int open_console(struct stdio_ends *ends)
{
	if (container.config.columns != 0)
		console_resize(container.config.columns, container.config.rows);
	return console_listen(container.config.console_socket, set_terminal, ends->console, sizeof(ends->console));
}

int stdio_open(struct stdio_ends *ends)
{
	*ends = (struct stdio_ends){ .in = -1, .out = -1, .err = -1 };
	int error = open_output(FRAME_STDERR, &ends->err);

	if (error == 0 && container.config.terminal)
		return open_console(ends);
	if (error == 0)
		error = open_output(FRAME_STDOUT, &ends->out);
	return error == 0 ? open_input(&ends->in) : error;
}

void stdio_created(void)
{
	streams_created();
	if (!container.config.terminal)
		return;
	stream_close(FRAME_STDERR); /* only the runtime spoke there */
	stream_read(FRAME_STDOUT);
	if (container.config.has_stdin)
		stdin_open(fcntl(stream_fd(FRAME_STDOUT), F_DUPFD_CLOEXEC, 3));
}

void stdio_adopted(void)
{
	int output = stream_fd(FRAME_STDOUT);

	streams_created();
	if (output >= 0)
		stream_read(FRAME_STDOUT);
	if (stream_fd(FRAME_STDERR) >= 0)
		stream_read(FRAME_STDERR);
	if (!container.config.terminal || output < 0)
		return;
	console_adopt(output);
	if (container.config.has_stdin)
		stdin_open(fcntl(output, F_DUPFD_CLOEXEC, 3));
}

void stdio_drain(void)
{
	console_release();
	streams_drain();
}

void stdio_close(void)
{
	streams_close();
	stdin_close();
	console_close();
}

int stdio_resize(int64_t columns, int64_t rows)
{
	if (!container.config.terminal)
		return ENOTTY;
	return container.phase == CREATING || container.phase == RUNNING ? console_resize(columns, rows) : ENXIO;
}
