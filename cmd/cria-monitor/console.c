#include "console.h"

#include "fd-passing.h"
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

enum { NOT_YET = -1, NONE = -2 };

static void sender_ready(struct source *source, uint32_t events);
static void listener_ready(struct source *source, uint32_t events);

static struct source listener = { .fd = -1, .ready = listener_ready };
static struct source sender = { .fd = -1, .ready = sender_ready };
static const char *socket_path;
/* Where that is: the runtime connects through it. */
static int directory = -1;
static void (*on_opened)(int master);
/* NULL when the terminal is here. */
static const char *problem = "it did not connect to the console socket";
/* Our own end of the slave: without it the master reads EIO whenever no process has the terminal open for a moment. */
static int slave = -1;
/* What a terminal that is not there yet shall get. */
static struct winsize window;

static int open_directory(const char *path, const char *name)
{
	char parent[PATH_MAX];

	if (!format(parent, sizeof(parent), "%.*s", (int)(name - path), path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int console_listen(const char *path, void (*opened)(int master), char *address, size_t size)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return EINVAL;
	directory = open_directory(path, slash);
	if (directory < 0)
		return errno;
	if (!format(to.sun_path, sizeof(to.sun_path), "/proc/%d/fd/%d%s", (int)getpid(), directory, slash) ||
	    !format(address, size, "%s", to.sun_path))
		return ENAMETOOLONG;
	on_opened = opened;
	listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener.fd < 0 || bind(listener.fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		return errno;
	socket_path = path;
	if (listen(listener.fd, 1) != 0 || !loop_add(&listener, EPOLLIN))
		return errno;
	return 0;
}

static void listener_ready(struct source *source, uint32_t events)
{
	(void)events;
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	loop_close(&sender);
	sender.fd = fd;
	loop_add(&sender, EPOLLIN);
}

/* Exactly one descriptor, or none: then `problem` says why, or it is NOT_YET. */
static int receive_fd(int from)
{
	char name[256];
	int fds[PASSED_FDS_MAX];
	size_t count;
	ssize_t got = receive_with_fds(from, name, sizeof(name), fds, &count);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return NOT_YET;
	if (count == 1)
		return fds[0];
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	problem = count == 0 ? "it sent no descriptor" : "it sent more than one descriptor";
	return NONE;
}

static void stop_listening(void)
{
	loop_close(&listener);
	if (socket_path != NULL)
		unlink(socket_path);
	socket_path = NULL;
	if (directory >= 0)
		close(directory);
	directory = -1;
}

/* Raw bytes would be of no use to a person: a newline returns the carriage, as on every terminal. */
static void prepare_terminal(int master)
{
	struct termios settings;

	if (tcgetattr(master, &settings) == 0) {
		settings.c_oflag |= ONLCR;
		tcsetattr(master, TCSANOW, &settings);
	}
	if (window.ws_col != 0)
		ioctl(master, TIOCSWINSZ, &window);
	fcntl(master, F_SETFL, fcntl(master, F_GETFL) | O_NONBLOCK);
}

static void sender_ready(struct source *source, uint32_t events)
{
	(void)events;
	int master = receive_fd(source->fd);

	if (master == NOT_YET)
		return;
	loop_close(&sender);
	if (master < 0)
		return;
	/* Only a master has a slave. */
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0) {
		problem = "what it sent is not the master of a terminal";
		close(master);
		return;
	}
	prepare_terminal(master);
	problem = NULL;
	stop_listening();
	on_opened(master);
}

void console_adopt(int master)
{
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	problem = NULL;
}

const char *console_missing(void)
{
	if (problem != NULL && listener.fd >= 0)
		listener_ready(&listener, 0);
	if (problem != NULL && sender.fd >= 0)
		sender_ready(&sender, 0);
	return problem;
}

int console_resize(int64_t columns, int64_t rows)
{
	if (columns < 1 || columns > UINT16_MAX || rows < 1 || rows > UINT16_MAX)
		return EINVAL;
	window = (struct winsize){ .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns };
	if (problem != NULL)
		return 0;
	return ioctl(slave, TIOCSWINSZ, &window) == 0 ? 0 : slave < 0 ? ENXIO : errno;
}

void console_release(void)
{
	if (slave >= 0)
		close(slave);
	slave = -1;
}

void console_close(void)
{
	console_release();
	loop_close(&sender);
	stop_listening();
}
