/* The container's streams: two pipes, or one terminal; and the pipe of its stdin. */
#include "console.h"
#include "container.h"
#include "log.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { READ_SIZE = 64 << 10, DRAIN_EXTRA = 64 << 10, QUICK_READS = 8, PARTIAL_MS = 100, TRIM_MS = 1000 };

struct stream {
	struct source source;
	uint8_t type;
	/* Bytes at the front of the buffer: a line whose end has not come yet. */
	size_t held;
	/* Reads until the next pause may be made, and its length. */
	int quick;
	int64_t pause_us;
	int64_t read_at_us;
	uint8_t *buffer;
};

static void stream_ready(struct source *source, uint32_t events);
static void stdin_ready(struct source *source, uint32_t events);

enum { BUFFER_SIZE = LOG_PIECE + READ_SIZE };

static _Alignas(4096) uint8_t buffers[2][BUFFER_SIZE];
static struct stream streams[2] = {
	{ .source = { .fd = -1, .ready = stream_ready }, .type = FRAME_STDOUT, .buffer = buffers[0] },
	{ .source = { .fd = -1, .ready = stream_ready }, .type = FRAME_STDERR, .buffer = buffers[1] },
};
static struct source input = { .fd = -1, .ready = stdin_ready };
/* Until the create is over: the last words of the runtime. */
static bool created;
static size_t message_length;
static struct winsize window;

static void flush_partials(void);
static void trim(void);
static struct timer partial_timer = { .fire = flush_partials };
static struct timer trim_timer = { .fire = trim };

static int64_t monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/*
 * Many small writes cost a wakeup each, which is dearer than the copying: when reads are short they are made rarer, up
 * to 1 ms apart. The first reads after a silence are never delayed, so a person typing sees nothing of this.
 */
static void pause_before_read(struct stream *stream)
{
	int64_t now = monotonic_us();

	if (now - stream->read_at_us > 20000) {
		stream->pause_us = 0;
		stream->quick = QUICK_READS;
	}
	if (stream->quick > 0) {
		stream->quick--;
	} else if (stream->pause_us > 0) {
		struct timespec pause = { 0, stream->pause_us * 1000 };

		nanosleep(&pause, NULL);
	}
	stream->read_at_us = now;
}

static void adapt_pause(struct stream *stream, size_t got)
{
	if (got < 4096)
		stream->pause_us = stream->pause_us * 2 + 30 < 1000 ? stream->pause_us * 2 + 30 : 1000;
	else if (got > 16384)
		stream->pause_us /= 2;
}

static void to_log(struct stream *stream, bool final)
{
	size_t taken = log_lines(stream->type == FRAME_STDERR, stream->buffer, stream->held, final);

	stream->held -= taken;
	if (stream->held > 0 && taken > 0)
		memmove(stream->buffer, stream->buffer + taken, stream->held);
	log_flush();
}

static void keep_message(struct stream *stream, size_t got)
{
	size_t room = sizeof(container.message) - 1 - message_length;
	size_t take = got < room ? got : room;

	if (stream->type != FRAME_STDERR)
		return;
	memcpy(container.message + message_length, stream->buffer, take);
	message_length += take;
	container.message[message_length] = '\0';
}

static void end_stream(struct stream *stream)
{
	to_log(stream, true);
	loop_close(&stream->source);
	if (container.phase == EXITED && stdio_is_closed())
		container_streams_closed();
}

/* One read. The number of bytes, 0 when nothing waits, -1 at the end. */
static ssize_t read_stream(struct stream *stream)
{
	ssize_t got = read(stream->source.fd, stream->buffer + stream->held, READ_SIZE);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0)
		return -1; /* EIO: no process has the terminal open any more */
	if (!created) {
		keep_message(stream, (size_t)got);
		return got;
	}
	clients_output(stream->type, stream->buffer + stream->held, (size_t)got);
	stream->held += (size_t)got;
	to_log(stream, false);
	return got;
}

static void stream_ready(struct source *source, uint32_t events)
{
	struct stream *stream = (struct stream *)source;

	(void)events;
	pause_before_read(stream);
	ssize_t got = read_stream(stream);

	if (got < 0) {
		end_stream(stream);
		return;
	}
	adapt_pause(stream, (size_t)got);
	if (streams[0].held > 0 || streams[1].held > 0)
		timer_start(&partial_timer, PARTIAL_MS);
	else
		timer_stop(&partial_timer);
	timer_start(&trim_timer, TRIM_MS);
}

static void flush_partials(void)
{
	for (size_t i = 0; i < LENGTH(streams); i++)
		to_log(&streams[i], true);
}

/* The creation or a burst is over: its pages go back to the system. */
static void trim(void)
{
	for (size_t i = 0; i < LENGTH(streams); i++)
		if (streams[i].held == 0)
			release_pages(streams[i].buffer, BUFFER_SIZE);
	log_trim();
	clients_trim();
	process_trim();
	release_stack();
}

static int open_pipe(struct stream *stream, int *end)
{
	int fds[2];

	if (pipe_open(fds, 0) != 0)
		return errno;
	*end = fds[1];
	stream->source.fd = fds[0];
	/* A process that is not root must be able to open /dev/stdout, which leads to this pipe. */
	if (fchown(fds[1], container.config.uid, container.config.gid) != 0 || fchmod(fds[1], 0700) != 0)
		return errno;
	return loop_add(&stream->source, EPOLLIN) ? 0 : errno;
}

static int open_stdin(int *end)
{
	int fds[2];

	if (pipe_open(fds, 1) != 0)
		return errno;
	*end = fds[0];
	input.fd = fds[1];
	if (fchown(fds[0], container.config.uid, container.config.gid) != 0)
		return errno;
	return loop_add(&input, EPOLLERR) ? 0 : errno;
}

int stdio_open(struct stdio_ends *ends)
{
	*ends = (struct stdio_ends){ -1, -1, -1 };
	int error = open_pipe(&streams[1], &ends->err);

	if (error == 0 && container.config.terminal)
		return console_listen(container.config.console_socket);
	if (error == 0)
		error = open_pipe(&streams[0], &ends->out);
	if (error == 0 && container.config.has_stdin)
		error = open_stdin(&ends->in);
	return error;
}

bool stdio_has_terminal(void)
{
	return console_is_open();
}

/* Called by console.c when the runtime has sent the master. */
void stdio_set_terminal(int master)
{
	streams[0].source.fd = master;
	if (window.ws_col != 0)
		ioctl(master, TIOCSWINSZ, &window);
}

void stdio_created(void)
{
	created = true;
	timer_start(&trim_timer, TRIM_MS);
	if (!container.config.terminal)
		return;
	loop_close(&streams[1].source); /* only the runtime spoke there */
	loop_add(&streams[0].source, EPOLLIN);
	if (container.config.has_stdin) {
		input.fd = fcntl(streams[0].source.fd, F_DUPFD_CLOEXEC, 3);
		loop_add(&input, EPOLLERR);
	}
}

static void drain(struct stream *stream)
{
	int capacity = stream->source.fd < 0 ? 0 : fcntl(stream->source.fd, F_GETPIPE_SZ);

	if (capacity <= 0)
		capacity = READ_SIZE; /* a terminal */
	for (int64_t left = capacity + DRAIN_EXTRA; left > 0 && stream->source.fd >= 0;) {
		ssize_t got = read_stream(stream);

		if (got == 0)
			break;
		if (got < 0)
			loop_close(&stream->source);
		else
			left -= got;
	}
	if (created)
		to_log(stream, true);
}

void stdio_drain(void)
{
	console_release();
	for (size_t i = 0; i < LENGTH(streams); i++)
		drain(&streams[i]);
	timer_stop(&partial_timer);
}

bool stdio_is_closed(void)
{
	return streams[0].source.fd < 0 && streams[1].source.fd < 0;
}

void stdio_close(void)
{
	flush_partials();
	loop_close(&streams[0].source);
	loop_close(&streams[1].source);
	loop_close(&input);
	console_close();
}

size_t stdio_write_stdin(const uint8_t *data, size_t size)
{
	if (input.fd < 0 || size == 0)
		return size; /* the container has closed it: as with a broken pipe the bytes are nobody's */
	ssize_t put = write(input.fd, data, size);

	if (put < 0 && (errno == EAGAIN || errno == EINTR))
		put = 0;
	if (put < 0) {
		loop_close(&input);
		return size;
	}
	if ((size_t)put < size)
		loop_want(&input, EPOLLOUT | EPOLLERR);
	return (size_t)put;
}

void stdio_close_stdin(void)
{
	if (!container.config.terminal)
		loop_close(&input);
}

static void stdin_ready(struct source *source, uint32_t events)
{
	if ((events & EPOLLERR) != 0) {
		loop_close(source); /* nobody reads it any more */
		clients_resume_stdin();
		return;
	}
	loop_want(source, EPOLLERR);
	clients_resume_stdin();
}

int stdio_resize(int columns, int rows)
{
	window = (struct winsize){ .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns };
	if (!container.config.terminal)
		return ENOTTY;
	if (streams[0].source.fd < 0)
		return container.phase == CREATING ? 0 : ENXIO;
	return ioctl(streams[0].source.fd, TIOCSWINSZ, &window) == 0 ? 0 : errno;
}
