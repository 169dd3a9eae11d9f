/*
 * The role `adopt`: goes on with a container whose monitor died, with what the spawner has kept of it, see keep.h. The
 * container runs, or has ended meanwhile. Every step's text is what went wrong, or NULL.
 */
#include "cgroup-join.h"
#include "container.h"
#include "fault.h"
#include "init.h"
#include "keep.h"
#include "log.h"
#include "orphans.h"
#include "roles.h"
#include "stdin.h"
#include "streams.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { GATE_FD = 3, MESSAGE_MAX = 2 * DEPOSIT_MAX };

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

/* Waits for it. Which container it is of: the path of the config. */
static const char *receive(const char **config_path)
{
	static char path[PATH_MAX];
	struct pollfd wait = { GATE_FD, POLLIN, 0 };

	while (poll(&wait, 1, -1) < 0 && errno == EINTR)
		;
	ssize_t got = receive_with_fds(GATE_FD, message, sizeof(message), fds, &fd_count);

	if (got <= 1 || message[0] != 'g')
		return "the gate was not opened";
	deposit.length = deposit.room = (size_t)got - 1;
	*config_path = path;
	return handover_text(&deposit, "config", path, sizeof(path)) ? NULL : "what was kept of the container is not whole";
}

/* Gives the descriptors to the parts that own them. */
static const char *take_deposit(void)
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

static const char *go_on(void)
{
	const char *refused;

	unlink(container.config.socket); /* of the dead one */
	if (!clients_listen(container.config.socket))
		return strerror(errno);
	/* What cannot be had now is no reason to give the container up. */
	cgroup_join(&container.config.json, &refused);
	exit_record_reserve();
	if (log_open(container.config.log_path, container.config.log_size_max) == 0)
		log_mend();
	if (!container.config.has_stand_in && start_ticks(container.pid) == container.ticks)
		orphans_find(container.pid);
	container.phase = RUNNING;
	stdio_adopted();
	if (!init_watch())
		return strerror(errno);
	if (container.config.keep_socket != NULL)
		keep_deposit(container.config.keep_socket);
	FAULT_POINT("adopted");
	return NULL;
}

int adopt_main(void)
{
	const char *config_path, *wrong;

	container.pidfd = -1;
	wrong = receive(&config_path);
	if (wrong == NULL)
		wrong = container_enter(config_path);
	if (wrong == NULL)
		wrong = take_deposit();
	FAULT_POINT("adopting");
	if (wrong == NULL)
		wrong = go_on();
	/* On failure everything stays as it is for who tries next. */
	gate_answer(GATE_FD, wrong == NULL ? "R" : wrong);
	return wrong == NULL ? container_serve() : 1;
}
