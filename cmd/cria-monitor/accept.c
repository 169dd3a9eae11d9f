/* Who may connect to us. */
#include "connection.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REST_MS = 100 };

static void end_rest(void);
static struct source *resting;
static struct timer rest_timer = { .fire = end_rest };

/* Root's, or our own user's. */
static bool is_trusted(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

static void end_rest(void)
{
	loop_want(resting, EPOLLIN);
}

int connection_accept(struct source *listener)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
		resting = listener;
		loop_want(listener, 0);
		timer_start(&rest_timer, REST_MS);
	}
	if (fd < 0 || is_trusted(fd))
		return fd;
	close(fd);
	return -1;
}
