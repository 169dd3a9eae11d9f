#include "console.h"

#include "fd-passing.h"
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
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

static void sender_ready(struct source *source, uint32_t events);
static void listener_ready(struct source *source, uint32_t events);

static struct source listener = { .fd = -1, .ready = listener_ready };
static struct source sender = { .fd = -1, .ready = sender_ready };
static const char *socket_path;
static bool open_now;
/* Our own end of the slave: without it the master reads EIO whenever no process has the terminal open for a moment. */
static int slave = -1;

int console_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return ENAMETOOLONG;
	strcpy(address.sun_path, path);
	listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener.fd < 0 || bind(listener.fd, (struct sockaddr *)&address, sizeof(address)) != 0)
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

/* Exactly one descriptor; any other is closed. -1 when there is none, -2 when nothing came yet. */
static int receive_fd(int from)
{
	char name[256];
	int fds[PASSED_FDS_MAX];
	size_t count;
	ssize_t got = receive_with_fds(from, name, sizeof(name), fds, &count);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return -2;
	if (count == 1)
		return fds[0];
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	return -1;
}

static void sender_ready(struct source *source, uint32_t events)
{
	(void)events;
	int master = receive_fd(source->fd);

	if (master == -2)
		return;
	loop_close(&sender);
	unsigned number;

	if (master < 0 || open_now || ioctl(master, TIOCGPTN, &number) != 0) { /* only a master has a number */
		if (master >= 0)
			close(master);
		return;
	}
	struct termios settings;

	if (tcgetattr(master, &settings) == 0) {
		settings.c_oflag |= ONLCR;
		tcsetattr(master, TCSANOW, &settings);
	}
	fcntl(master, F_SETFL, fcntl(master, F_GETFL) | O_NONBLOCK);
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	open_now = true;
	loop_close(&listener);
	unlink(socket_path);
	socket_path = NULL;
	stdio_set_terminal(master);
}

void console_adopt(int master)
{
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	open_now = true;
}

bool console_is_open(void)
{
	if (!open_now && listener.fd >= 0)
		listener_ready(&listener, 0);
	if (!open_now && sender.fd >= 0)
		sender_ready(&sender, 0);
	return open_now;
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
	loop_close(&listener);
	if (socket_path != NULL)
		unlink(socket_path);
	socket_path = NULL;
}
