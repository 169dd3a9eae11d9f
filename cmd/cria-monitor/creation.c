/* A container's creation, from the end of the runtime's `create` to the init that runs, or to nothing being left. */
#include "console.h"
#include "container.h"
#include "fault.h"
#include "init.h"
#include "keep.h"
#include "kill-tree.h"
#include "orphans.h"
#include "pid-file.h"
#include "runtime.h"
#include "stand-in.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILL_MS = 5000, FAILED_MS = 10000 };

/* Children that ended before we knew which of them is the init. */
static struct {
	pid_t pid;
	int status;
	int64_t at;
} early_exits[64];
static size_t early_exit_count;
static struct timer failed_timer = { .fire = loop_stop };

static void failed(void)
{
	static const ino_t no_pipes[2];

	kill_tree(0, no_pipes, KILL_MS);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	unlink(container.config.pid_file);
	exit_record_discard();
	container.phase = FAILED;
	timer_start(&failed_timer, FAILED_MS);
	clients_announce();
	if (container.shutting_down)
		loop_stop();
}

/* The creation is over and was none. What the runtime may have left is deleted before anybody is told. */
static void fail(const char *stage)
{
	FAULT_POINT("create-failed");
	container.failed_stage = stage;
	container.phase = UNDOING;
	stdio_close();
	if (!runtime_delete())
		failed();
}

/* `host_pid` is the init, or the kernel in which it is. */
static bool follow_init(pid_t host_pid)
{
	container.pidfd = pidfd_open_pid(container.pid);
	if (container.pidfd < 0)
		return false;
	container.ticks = start_ticks(container.pid);
	oom_watch(host_pid);
	if (!container.config.has_stand_in)
		orphans_find(container.pid);
	return init_watch();
}

/* Whether the init had ended before we knew that it was one; its end is told then. */
static bool has_exited_early(void)
{
	for (size_t i = 0; i < early_exit_count; i++) {
		if (early_exits[i].pid != container.pid)
			continue;
		container.phase = RUNNING;
		stdio_created();
		clients_announce();
		container_exited(early_exits[i].status, early_exits[i].at);
		return true;
	}
	return false;
}

static void created(void)
{
	FAULT_POINT("runtime-ended");
	container.pid = pid_file_read(container.config.pid_file);
	if (container.pid < 0) {
		snprintf(container.message, sizeof(container.message), "the runtime wrote no valid pid file");
		fail("pid-file");
		return;
	}
	const char *missing = container.config.terminal ? console_missing() : NULL;

	if (missing != NULL) {
		snprintf(container.message, sizeof(container.message), "the runtime did not set up the terminal: %s", missing);
		fail("terminal");
		return;
	}
	const pid_t host_pid = container.pid;

	if (container.config.has_stand_in && (container.pid = runtime_stand_in(host_pid, &missing)) < 0) {
		snprintf(container.message, sizeof(container.message), "%s", missing);
		fail("stand-in");
		return;
	}
	container.started_at = realtime_ns();
	if (has_exited_early())
		return;
	if (!follow_init(host_pid)) {
		snprintf(container.message, sizeof(container.message), "the process %d that the runtime named does not exist",
			 (int)container.pid);
		fail("pid-file");
		return;
	}
	container.phase = RUNNING;
	container.message[0] = '\0';
	FAULT_POINT("created");
	stdio_created();
	/* Before anybody is told: from now on our death is no loss. Whether it was possible is part of the state. */
	if (container.config.keep_socket != NULL)
		keep_deposit(container.config.keep_socket);
	FAULT_POINT("deposited");
	stand_in_release();
	clients_announce();
}

void creation_runtime_ended(int status)
{
	if (container.phase == UNDOING) {
		failed();
		return;
	}
	if (!runtime_timed_out() && !container.shutting_down && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		created();
		return;
	}
	stdio_drain();
	if (container.message[0] == '\0' && WIFSIGNALED(status))
		snprintf(container.message, sizeof(container.message), "the runtime was killed by signal %d", WTERMSIG(status));
	else if (container.message[0] == '\0')
		snprintf(container.message, sizeof(container.message), "the runtime exited with code %d and said nothing",
			 WEXITSTATUS(status));
	fail(runtime_timed_out() ? "timeout" : "create");
}

void creation_child_ended(pid_t pid, int status)
{
	if (early_exit_count == LENGTH(early_exits))
		return;
	early_exits[early_exit_count].pid = pid;
	early_exits[early_exit_count].status = status;
	early_exits[early_exit_count++].at = realtime_ns();
}
