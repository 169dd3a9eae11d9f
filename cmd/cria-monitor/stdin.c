#include "stdin.h"

#include "container.h"
#include "input.h"
#include "keep.h"

static void closed(void)
{
	keep_stdin_closed();
	clients_stdin_closed();
}

static struct input input = { .source = { .fd = -1 }, .taken = clients_stdin_taken, .closed = closed };

bool stdin_open(int fd)
{
	input.is_terminal = container.config.terminal;
	return input_open(&input, fd);
}

bool stdin_is_open(void)
{
	return input_is_open(&input);
}

void stdin_put(uint32_t client, const uint8_t *data, size_t size)
{
	input_put(&input, client, data, size);
}

size_t stdin_kept(void)
{
	return chunks_length(&input.queue);
}

void stdin_end(void)
{
	input_end(&input);
}

int stdin_fd(void)
{
	return input.source.fd;
}

void stdin_close(void)
{
	input_close(&input);
}
