#include "streams.h"

#include "container.h"
#include "fault.h"
#include "log-format.h"
#include "log.h"
#include "pace.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { READ_SIZE = 64 << 10, DRAIN_EXTRA = 64 << 10, PARTIAL_MS = 100, TRIM_MS = 1000 };

struct stream {
	struct source source;
	uint8_t type;
	struct pace pace;
	/* A line whose end has not come yet, and since when there is something of it. */
	uint8_t *partial;
	size_t held;
	int64_t held_since;
};

static void stream_ready(struct source *source, uint32_t events);

PAGES(uint8_t, partials, 2 * LOG_PIECE);
static struct stream streams[2] = {
	{ .source = { .fd = -1, .ready = stream_ready }, .type = FRAME_STDOUT, .partial = partials },
	{ .source = { .fd = -1, .ready = stream_ready }, .type = FRAME_STDERR, .partial = partials + LOG_PIECE },
};
/* Of one read: behind room for the partial line that it goes on with. */
PAGES(uint8_t, input, LOG_PIECE + READ_SIZE);
static uint8_t *const fresh = input + LOG_PIECE;
/* Until the create is over: the last words of the runtime. */
static bool created;
static size_t message_length;

static void flush_partials(void);
static void trim(void);
static struct timer partial_timer = { .fire = flush_partials };
static struct timer trim_timer = { .fire = trim };

/* A prompt is in the log soon: 100 ms after its first byte, however slowly the line grows. */
static void arm_partial_timer(void)
{
	int64_t first = 0;

	for (size_t i = 0; i < LENGTH(streams); i++)
		if (streams[i].held > 0 && (first == 0 || streams[i].held_since < first))
			first = streams[i].held_since;
	if (first == 0)
		timer_stop(&partial_timer);
	else
		timer_start(&partial_timer, first + PARTIAL_MS - monotonic_ms());
}

static void log_fresh(struct stream *stream, size_t got)
{
	uint8_t *from = fresh - stream->held;
	size_t size = stream->held + got;

	memcpy(from, stream->partial, stream->held);
	size_t taken = log_lines(stream->type == FRAME_STDERR, from, size, false);

	if (taken > 0 || stream->held == 0)
		stream->held_since = monotonic_ms();
	stream->held = size - taken;
	memcpy(stream->partial, from + taken, stream->held);
	log_flush();
}

static void log_partial(struct stream *stream)
{
	log_lines(stream->type == FRAME_STDERR, stream->partial, stream->held, true);
	stream->held = 0;
	log_flush();
}

static void keep_message(struct stream *stream, size_t got)
{
	size_t room = sizeof(container.message) - 1 - message_length;
	size_t take = got < room ? got : room;

	if (stream->type != FRAME_STDERR)
		return;
	for (size_t i = 0; i < take; i++) /* a NUL would hide the rest */
		container.message[message_length++] = fresh[i] == '\0' ? ' ' : (char)fresh[i];
	container.message[message_length] = '\0';
}

static void end_stream(struct stream *stream)
{
	log_partial(stream);
	loop_close(&stream->source);
	clients_output_ended(stream->type);
	if (container.phase == EXITED && streams_are_closed())
		container_streams_closed();
}

/* One read. The number of bytes, 0 when nothing waits, -1 at the end. */
static ssize_t read_stream(struct stream *stream)
{
	ssize_t got = read(stream->source.fd, fresh, READ_SIZE);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0)
		return -1; /* EIO: no process has the terminal open any more */
	if (!created) {
		keep_message(stream, (size_t)got);
		return got;
	}
	FAULT_POINT("output-read");
	clients_output(stream->type, fresh, (size_t)got);
	FAULT_POINT("output-sent");
	log_fresh(stream, (size_t)got);
	return got;
}

/* Attached clients that want every byte may hold the container up for a while. */
static void flow(struct stream *stream)
{
	if (created)
		loop_want(&stream->source, clients_take(stream->type) ? EPOLLIN : 0);
}

void streams_flow(void)
{
	for (size_t i = 0; i < LENGTH(streams); i++)
		flow(&streams[i]);
}

static void stream_ready(struct source *source, uint32_t events)
{
	struct stream *stream = (struct stream *)source;

	(void)events;
	pace_before_read(&stream->pace);
	ssize_t got = read_stream(stream);

	if (got < 0) {
		end_stream(stream);
		return;
	}
	pace_after_read(&stream->pace, (size_t)got);
	flow(stream);
	arm_partial_timer();
	timer_start(&trim_timer, TRIM_MS);
}

static void flush_partials(void)
{
	int64_t until = monotonic_ms() - PARTIAL_MS;

	for (size_t i = 0; i < LENGTH(streams); i++)
		if (streams[i].held > 0 && streams[i].held_since <= until)
			log_partial(&streams[i]);
	arm_partial_timer();
}

/* The creation or a burst is over: its pages go back to the system. */
static void trim(void)
{
	release_pages(input, sizeof(input));
	if (streams[0].held == 0 && streams[1].held == 0)
		release_pages(partials, sizeof(partials));
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

static const struct {
	const char *fd, *partial, *since;
} names[] = { { "out", "out.partial", "out.since" }, { "err", "err.partial", "err.since" } };

void streams_save(struct handover *handover)
{
	for (size_t i = 0; i < LENGTH(streams); i++) {
		handover_put_fd(handover, names[i].fd, streams[i].source.fd);
		handover_put(handover, names[i].partial, streams[i].partial, streams[i].held);
		handover_put_number(handover, names[i].since, streams[i].held_since);
	}
}

void streams_restore(const struct handover *handover)
{
	for (size_t i = 0; i < LENGTH(streams); i++) {
		size_t size;
		const uint8_t *partial = handover_get(handover, names[i].partial, &size);

		streams[i].source.fd = handover_fd(handover, names[i].fd);
		if (partial == NULL || size > LOG_PIECE)
			continue;
		memcpy(streams[i].partial, partial, size);
		streams[i].held = size;
		streams[i].held_since = handover_number(handover, names[i].since, 0);
	}
	arm_partial_timer();
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
		log_partial(stream);
}

void streams_drain(void)
{
	for (size_t i = 0; i < LENGTH(streams); i++)
		drain(&streams[i]);
	timer_stop(&partial_timer);
	log_finish();
}

bool streams_are_closed(void)
{
	return streams[0].source.fd < 0 && streams[1].source.fd < 0;
}

void streams_close(void)
{
	for (size_t i = 0; i < LENGTH(streams); i++) {
		log_partial(&streams[i]);
		loop_close(&streams[i].source);
	}
	log_finish();
}
