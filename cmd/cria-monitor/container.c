/* The role `run`: one container from its creation to the acknowledged exit. */
#include "container.h"

#include "cgroup-join.h"
#include "cgroup-moves.h"
#include "fault.h"
#include "log.h"
#include "roles.h"
#include "runtime.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GATE_FD = 3 };

struct container container;

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

static void child_ended(pid_t pid, int status)
{
	if (runtime_reaped(pid)) {
		creation_runtime_ended(status);
	} else if (pid == container.pid && container.phase == RUNNING) {
		container_exited(status, realtime_ns());
	} else if (!exit_reaped(pid) && container.phase == CREATING) {
		creation_child_ended(pid, status);
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
	container.shutting_down = true;
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
		snprintf(text, sizeof(text), "join the cgroup %.400s: %s", refused, strerror(error));
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
