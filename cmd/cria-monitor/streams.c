#include "streams.h"

#include "container.h"
#include "fault.h"
#include "log-file.h"
#include "log-format.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
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

enum { BUFFER_SIZE = LOG_PIECE + READ_SIZE };

static _Alignas(4096) uint8_t buffers[2][BUFFER_SIZE];
static struct stream streams[2] = {
	{ .source = { .fd = -1, .ready = stream_ready }, .type = FRAME_STDOUT, .buffer = buffers[0] },
	{ .source = { .fd = -1, .ready = stream_ready }, .type = FRAME_STDERR, .buffer = buffers[1] },
};
/* Until the create is over: the last words of the runtime. */
static bool created;
static size_t message_length;

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
	if (container.phase == EXITED && streams_are_closed())
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
	FAULT_POINT("output-read");
	clients_output(stream->type, stream->buffer + stream->held, (size_t)got);
	FAULT_POINT("output-sent");
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

static struct stream *stream_of(uint8_t type)
{
	return &streams[type - FRAME_STDOUT];
}

void stream_set(uint8_t type, int fd)
{
	stream_of(type)->source.fd = fd;
}

bool stream_read(uint8_t type)
{
	return loop_add(&stream_of(type)->source, EPOLLIN);
}

int stream_fd(uint8_t type)
{
	return stream_of(type)->source.fd;
}

void stream_close(uint8_t type)
{
	loop_close(&stream_of(type)->source);
}

void streams_created(void)
{
	created = true;
	timer_start(&trim_timer, TRIM_MS);
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

void streams_drain(void)
{
	for (size_t i = 0; i < LENGTH(streams); i++)
		drain(&streams[i]);
	timer_stop(&partial_timer);
}

bool streams_are_closed(void)
{
	return streams[0].source.fd < 0 && streams[1].source.fd < 0;
}

void streams_close(void)
{
	flush_partials();
	for (size_t i = 0; i < LENGTH(streams); i++)
		loop_close(&streams[i].source);
}
