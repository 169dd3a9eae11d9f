#include "input.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

static void shut(struct input *input)
{
	if (!input_is_open(input))
		return;
	input_close(input);
	input->closed();
}

/* A pipe tells by EPOLLERR that nobody reads any more; a terminal is asked for nothing, it would report each hang-up. */
static void update_interest(struct input *input)
{
	uint32_t events = input->is_terminal ? 0 : EPOLLERR;

	loop_want(&input->source, chunks_length(&input->queue) > 0 ? events | EPOLLOUT : events);
}

/* Writes what fits now; the number of bytes, also when it turns out that nobody reads. */
static size_t write_some(struct input *input, const uint8_t *data, size_t size)
{
	ssize_t put;

	do
		put = write(input->source.fd, data, size);
	while (put < 0 && errno == EINTR);
	if (put < 0 && errno != EAGAIN)
		shut(input);
	return put > 0 ? (size_t)put : 0;
}

static void write_queue(struct input *input)
{
	struct chunk first;

	while (input_is_open(input) && chunks_front(&input->queue, &first)) {
		size_t written = write_some(input, first.data, first.size);

		if (written == 0)
			break;
		chunks_take(&input->queue, written);
		input->taken(first.tag, written);
	}
	if (input->ending && chunks_length(&input->queue) == 0)
		shut(input);
	update_interest(input);
}

static void ready(struct source *source, uint32_t events)
{
	struct input *input = (struct input *)source;

	if ((events & EPOLLERR) != 0 && !input->is_terminal)
		shut(input);
	else
		write_queue(input);
}

bool input_open(struct input *input, int fd)
{
	input->source = (struct source){ .fd = fd, .ready = ready };
	return loop_add(&input->source, input->is_terminal ? 0 : EPOLLERR);
}

void input_put(struct input *input, uint32_t owner, const uint8_t *data, size_t size)
{
	size_t written = 0;

	if (input_is_open(input) && chunks_length(&input->queue) == 0)
		written = write_some(input, data, size);
	bool is_kept = written < size && input_is_open(input);

	/* No memory: as if the process had closed it, rather than bytes that are missing in the middle. */
	if (is_kept && !chunks_put(&input->queue, owner, data + written, size - written))
		shut(input);
	update_interest(input);
	/* Last: an owner that is told may end. */
	input->taken(owner, is_kept ? written : size);
}

void input_end(struct input *input)
{
	if (!input_is_open(input) || input->is_terminal)
		return;
	input->ending = true;
	if (chunks_length(&input->queue) == 0)
		shut(input);
}

void input_close(struct input *input)
{
	loop_close(&input->source);
	chunks_free(&input->queue);
}
