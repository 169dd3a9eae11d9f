#include "adopt.h"

#include "container.h"
#include "keep.h"
#include "stdin.h"
#include "streams.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGE_MAX = 2 * DEPOSIT_MAX };

static uint8_t message[MESSAGE_MAX];
static struct handover deposit = { .data = message + 1 };
static int fds[PASSED_FDS_MAX];
static size_t fd_count;

static void take_fd(enum kept_kind kind, int fd)
{
	switch (kind) {
	case KEPT_STDOUT:
		stream_set(FRAME_STDOUT, fd);
		break;
	case KEPT_STDERR:
		stream_set(FRAME_STDERR, fd);
		break;
	case KEPT_STDIN:
		stdin_open(fd);
		break;
	case KEPT_INIT:
		container.pidfd = fd;
		break;
	case KEPT_OOM:
		oom_adopt(fd, (uint64_t)handover_number(&deposit, "oomKills", 0));
		break;
	default: /* of a newer monitor */
		close(fd);
	}
}

const char *adopt_receive(int gate, const char **config_path)
{
	static char path[PATH_MAX];
	struct pollfd wait = { gate, POLLIN, 0 };

	while (poll(&wait, 1, -1) < 0 && errno == EINTR)
		;
	ssize_t got = receive_with_fds(gate, message, sizeof(message), fds, &fd_count);

	if (got <= 1 || message[0] != 'g')
		return "the gate was not opened";
	deposit.length = deposit.room = (size_t)got - 1;
	*config_path = path;
	return handover_text(&deposit, "config", path, sizeof(path)) ? NULL : "what was kept of the container is not whole";
}

const char *adopt_deposit(void)
{
	size_t size;
	const uint8_t *kinds = handover_get(&deposit, "fds", &size);

	if (kinds == NULL || size != fd_count)
		return "what was kept of the container is not whole";
	for (size_t i = 0; i < fd_count; i++)
		take_fd(kinds[i], fds[i]);
	container.pid = (pid_t)handover_number(&deposit, "pid", 0);
	container.ticks = (uint64_t)handover_number(&deposit, "startTicks", 0);
	container.started_at = handover_number(&deposit, "startedAt", 0);
	return container.pid > 1 && container.pidfd >= 0 ? NULL : "the init of the container was not kept";
}
