#include "adopt.h"

#include "container.h"
#include "keep.h"
#include "stdin.h"
#include "streams.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGE_MAX = 2 * DEPOSIT_MAX };

static void take_fd(const struct handover *deposit, enum kept_kind kind, int fd)
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
		oom_adopt(fd, (uint64_t)handover_number(deposit, "oomKills", 0));
		break;
	default: /* of a newer monitor */
		close(fd);
	}
}

const char *adopt_deposit(int gate)
{
	uint8_t message[MESSAGE_MAX];
	int fds[PASSED_FDS_MAX];
	size_t count, kinds_size;
	struct pollfd wait = { gate, POLLIN, 0 };
	ssize_t got;

	while (poll(&wait, 1, -1) < 0 && errno == EINTR)
		;
	got = receive_with_fds(gate, message, sizeof(message), fds, &count);
	if (got <= 1 || message[0] != 'g')
		return "the gate was not opened";
	struct handover deposit = { message + 1, (size_t)got - 1, (size_t)got - 1, false };
	const uint8_t *kinds = handover_get(&deposit, "fds", &kinds_size);

	if (kinds == NULL || kinds_size != count)
		return "what was kept of the container is not whole";
	for (size_t i = 0; i < count; i++)
		take_fd(&deposit, kinds[i], fds[i]);
	container.pid = (pid_t)handover_number(&deposit, "pid", 0);
	container.ticks = (uint64_t)handover_number(&deposit, "startTicks", 0);
	container.started_at = handover_number(&deposit, "startedAt", 0);
	return container.pid > 1 && container.pidfd >= 0 ? NULL : "the init of the container was not kept";
}
