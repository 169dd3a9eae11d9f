#include "keep.h"

#include "container.h"
#include "stdin.h"
#include "streams.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void spawner_speaks(struct source *source, uint32_t events);
static struct source spawner = { .fd = -1, .ready = spawner_speaks };
static bool has_status;
static int init_status;

static void spawner_speaks(struct source *source, uint32_t events)
{
	uint8_t message[1 + sizeof(int)];
	ssize_t got = recv(source->fd, message, sizeof(message), MSG_DONTWAIT);

	(void)events;
	if (got == (ssize_t)sizeof(message) && message[0] == 'X') {
		memcpy(&init_status, message + 1, sizeof(int));
		has_status = true;
	} else if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
		loop_close(source); /* it ended with its daemon; the next daemon asks us again */
	}
}

static size_t gather_fds(uint8_t *kinds, int *fds)
{
	const int all[KEPT_KINDS] = {
		[KEPT_STDOUT] = stream_fd(FRAME_STDOUT),
		[KEPT_STDERR] = stream_fd(FRAME_STDERR),
		/* Of a terminal the master is enough for both directions. */
		[KEPT_STDIN] = container.config.terminal ? -1 : stdin_fd(),
		[KEPT_INIT] = container.pidfd,
		[KEPT_OOM] = oom_fd(),
	};
	size_t count = 0;

	for (int kind = 0; kind < KEPT_KINDS; kind++) {
		if (all[kind] < 0)
			continue;
		kinds[count] = (uint8_t)kind;
		fds[count++] = all[kind];
	}
	return count;
}

static int send_deposit(int fd)
{
	uint8_t data[1 + DEPOSIT_MAX] = { 'D' }, kinds[KEPT_KINDS];
	struct handover deposit = { data + 1, 0, DEPOSIT_MAX, false };
	int fds[KEPT_KINDS];
	size_t count = gather_fds(kinds, fds);

	handover_put(&deposit, "id", container.config.id, strlen(container.config.id));
	handover_put(&deposit, "fds", kinds, count);
	handover_put(&deposit, "config", container.config.path, strlen(container.config.path));
	handover_put_number(&deposit, "pid", container.pid);
	handover_put_number(&deposit, "startTicks", (int64_t)container.ticks);
	handover_put_number(&deposit, "startedAt", container.started_at);
	handover_put_number(&deposit, "oomKills", (int64_t)oom_kills_at_start());
	if (deposit.full)
		return E2BIG;
	return send_with_fds(fd, data, 1 + deposit.length, fds, count) == 0 ? 0 : errno;
}

int keep_deposit(const char *socket_path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(socket_path) >= sizeof(address.sun_path))
		return ENAMETOOLONG;
	strcpy(address.sun_path, socket_path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return errno;
	int error = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? send_deposit(fd) : errno;

	if (error != 0) {
		close(fd);
		return error;
	}
	loop_close(&spawner);
	spawner.fd = fd;
	return loop_add(&spawner, EPOLLIN) ? 0 : errno;
}

static void tell(char what)
{
	if (spawner.fd >= 0)
		send(spawner.fd, &what, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void keep_stdin_closed(void)
{
	tell('S');
}

void keep_withdraw(void)
{
	tell('W');
	loop_close(&spawner);
}

bool keep_is_deposited(void)
{
	return spawner.fd >= 0;
}

bool keep_exit_status(int *status)
{
	if (spawner.fd >= 0)
		spawner_speaks(&spawner, 0);
	*status = init_status;
	return has_status;
}
