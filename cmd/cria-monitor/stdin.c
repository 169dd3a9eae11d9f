#include "stdin.h"

#include "container.h"
#include "keep.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

static void input_ready(struct source *source, uint32_t events);
static struct source input = { .fd = -1, .ready = input_ready };

static void close_input(void)
{
	loop_close(&input);
	keep_stdin_closed();
}

bool stdin_open(int fd)
{
	input.fd = fd;
	return loop_add(&input, EPOLLERR);
}

size_t stdin_write(const uint8_t *data, size_t size)
{
	if (input.fd < 0 || size == 0)
		return size; /* the container has closed it: as with a broken pipe the bytes are nobody's */
	ssize_t put = write(input.fd, data, size);

	if (put < 0 && (errno == EAGAIN || errno == EINTR))
		put = 0;
	if (put < 0) {
		close_input();
		return size;
	}
	if ((size_t)put < size)
		loop_want(&input, EPOLLOUT | EPOLLERR);
	return (size_t)put;
}

void stdin_end(void)
{
	if (!container.config.terminal)
		close_input();
}

int stdin_fd(void)
{
	return input.fd;
}

void stdin_close(void)
{
	loop_close(&input);
}

static void input_ready(struct source *source, uint32_t events)
{
	if ((events & EPOLLERR) != 0)
		close_input(); /* nobody reads it any more */
	else
		loop_want(source, EPOLLERR);
	clients_resume_stdin();
}
