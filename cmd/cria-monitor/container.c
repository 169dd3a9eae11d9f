/* The role `run`: one container from its creation to the acknowledged exit. */
#include "container.h"

#include "cgroup-join.h"
#include "cgroup-moves.h"
#include "console.h"
#include "fault.h"
#include "init.h"
#include "keep.h"
#include "kill-tree.h"
#include "log.h"
#include "orphans.h"
#include "pid-file.h"
#include "roles.h"
#include "runtime.h"
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GATE_FD = 3, KILL_MS = 5000, FAILED_MS = 10000 };

struct container container;

static bool shutting_down;
/* Children that ended before we knew which of them is the init. */
static struct {
	pid_t pid;
	int status;
	int64_t at;
} early_exits[64];
static size_t early_exit_count;
static struct timer failed_timer = { .fire = loop_stop };

void container_client_left(void)
{
	if (container.phase == EXITED)
		exit_client_left();
	else if (container.phase == FAILED && !clients_present())
		loop_stop();
}

void container_acknowledge(void)
{
	if (container.phase == FAILED)
		loop_stop();
	else
		exit_acknowledged();
}

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
	if (shutting_down)
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

static bool follow_init(void)
{
	container.pidfd = pidfd_open_pid(container.pid);
	if (container.pidfd < 0)
		return false;
	container.ticks = start_ticks(container.pid);
	oom_watch(container.pid);
	orphans_find(container.pid);
	return init_watch();
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
	container.started_at = realtime_ns();
	for (size_t i = 0; i < early_exit_count; i++) {
		if (early_exits[i].pid == container.pid) {
			container.phase = RUNNING;
			stdio_created();
			clients_announce();
			container_exited(early_exits[i].status, early_exits[i].at);
			return;
		}
	}
	if (!follow_init()) {
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
	clients_announce();
}

static void runtime_ended(int status)
{
	if (container.phase == UNDOING) {
		failed();
		return;
	}
	if (!runtime_timed_out() && !shutting_down && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
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

static void child_ended(pid_t pid, int status)
{
	if (runtime_reaped(pid)) {
		runtime_ended(status);
	} else if (pid == container.pid && container.phase == RUNNING) {
		container_exited(status, realtime_ns());
	} else if (!exit_reaped(pid) && container.phase == CREATING && early_exit_count < LENGTH(early_exits)) {
		early_exits[early_exit_count].pid = pid;
		early_exits[early_exit_count].status = status;
		early_exits[early_exit_count++].at = realtime_ns();
	}
}

/* The host shuts down: the container is told, and we stay until its exit is recorded. */
static void terminate(void)
{
	if (container.phase == RUNNING)
		container_signal(SIGTERM);
	if (container.phase == RUNNING || container.phase == EXITED)
		exit_hurry();
	else
		container_shutdown();
}

static void on_signal(int signal_number)
{
	int status;
	pid_t pid;

	if (signal_number == SIGTERM)
		terminate();
	/* Also what became ours as the nearest subreaper, so that no zombie stays. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		child_ended(pid, status);
}

int container_signal(int signal_number)
{
	if (signal_number < 1 || signal_number > 64)
		return EINVAL;
	if (container.phase == EXITED)
		return 0;
	if (container.phase != RUNNING)
		return EBUSY;
	return pidfd_signal(container.pidfd, signal_number) == 0 || errno == ESRCH ? 0 : errno;
}

void container_shutdown(void)
{
	shutting_down = true;
	switch (container.phase) {
	case CREATING:
		runtime_kill();
		break;
	case RUNNING:
		exit_hurry();
		pidfd_signal(container.pidfd, SIGKILL);
		break;
	case EXITED:
		exit_abandon();
		break;
	case FAILED:
		loop_stop();
		break;
	case UNDOING:
		break;
	}
}

const char *container_enter(const char *config_path)
{
	const char *wrong = config_load(&container.config, config_path);
	char name[16];

	if (wrong != NULL)
		return wrong;
	setsid();
	format(name, sizeof(name), "cria:%.10s", container.config.id);
	prctl(PR_SET_NAME, name);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_TIMERSLACK, 1000);
	oom_protect_self();
	return chdir("/") == 0 && loop_init(on_signal) ? NULL : strerror(errno);
}

/* Everything before the first process of the container. The text of what went wrong, or NULL. */
static const char *prepare(const char *config_path)
{
	const char *wrong = container_enter(config_path);
	static char text[512];

	if (wrong != NULL)
		return wrong;
	if (!clients_listen(container.config.socket)) {
		snprintf(text, sizeof(text), "listen on %s: %s", container.config.socket, strerror(errno));
		return text;
	}
	FAULT_POINT("listening");
	if (!gate_wait(GATE_FD))
		return "the gate was not opened";
	FAULT_POINT("gate-opened");
	const char *refused;
	int error = cgroup_join(&container.config.json, &refused);

	if (error != 0) {
		snprintf(text, sizeof(text), "join the cgroup: %s", strerror(error));
		return text;
	}
	error = log_open(container.config.log_path, container.config.log_size_max);
	if (error != 0) {
		snprintf(text, sizeof(text), "open the log file %.400s: %s", container.config.log_path, strerror(error));
		return text;
	}
	error = exit_record_reserve();

	if (error != 0) {
		snprintf(text, sizeof(text), "make the exit record: %s", strerror(error));
		return text;
	}
	FAULT_POINT("record-reserved");
	return runtime_create() ? NULL : container.message;
}

int container_serve(void)
{
	on_signal(SIGCHLD); /* who ended while no program looked */
	loop_run();
	stdio_close();
	clients_close();
	return 0;
}

int container_main(const char *config_path)
{
	container.pidfd = -1;
	const char *wrong = prepare(config_path);

	if (wrong != NULL) {
		stdio_close();
		exit_record_discard();
		clients_close();
		gate_answer(GATE_FD, wrong); /* last: the spawner may kill us then */
		return 1;
	}
	/* Without a spawner nobody knows that there is a container to be: it is undone. */
	if (!gate_answer(GATE_FD, "R"))
		container_shutdown();
	FAULT_POINT("ready");
	cgroup_ready_moves();
	return container_serve();
}
