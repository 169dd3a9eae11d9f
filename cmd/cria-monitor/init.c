#include "init.h"

#include "container.h"
#include "keep.h"
#include "pidfd-exit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/wait.h>

enum { LOOK_MS = 10, LOOKS = 200 };

static void init_ended(struct source *source, uint32_t events);
static void look(void);
static struct source foreign = { .fd = -1, .ready = init_ended };
static struct timer look_timer = { .fire = look };
static int64_t ended_at;
static int looks;

/* As long as it is a zombie its parent has the status, after that the spawner or the kernel. */
static bool exit_status(int *status)
{
	return keep_exit_status(status) || zombie_status(container.pid, container.ticks, status) ||
	       pidfd_exit_status(container.pidfd, status);
}

static void look(void)
{
	int status = 0;

	if (exit_status(&status))
		container_exited(status, ended_at);
	else if (++looks < LOOKS)
		timer_start(&look_timer, LOOK_MS); /* it is being reaped just now */
	else
		container_lost(ended_at);
}

static void init_ended(struct source *source, uint32_t events)
{
	(void)events;
	loop_close(source);
	ended_at = realtime_ns();
	look();
}

bool init_watch(void)
{
	siginfo_t info;

	if (waitid(P_PID, (id_t)container.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
		return true;
	foreign.fd = fcntl(container.pidfd, F_DUPFD_CLOEXEC, 3);
	return foreign.fd >= 0 && loop_add(&foreign, EPOLLIN);
}
