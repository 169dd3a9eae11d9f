/*
 * The role `exec`: one command in a running container, for the one client, the daemon. The command lives no longer than
 * that connection. Without `interactive` the client only waits; with it, it has streams as of data-connection.h, and
 *   signal {signal} | resize {columns, rows}   -> {} or {err}
 * The last frame is {op: "exit", code, signal?, timedOut, truncated}, or {op: "failed", message}; with cgroupRefused where a
 * cgroup of the config did not take us.
 */
#include "exec.h"

#include "cgroup-join.h"
#include "cgroup-moves.h"
#include "config.h"
#include "console.h"
#include "exec-cgroup.h"
#include "fault.h"
#include "roles.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GATE_FD = 3 };

struct exec exec;

static void on_signal(int signal_number)
{
	int status;
	pid_t pid;

	if (signal_number == SIGTERM) {
		command_kill();
		loop_stop();
	}
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		command_reaped(pid, status);
}

static const char *load_config(const char *path)
{
	const char *wrong = json_file(&exec.json, path);

	if (wrong != NULL)
		return wrong;
	exec.id = json_string(&exec.json, "id");
	exec.socket = json_string(&exec.json, "socket");
	exec.pid_file = json_string(&exec.json, "pidFile");
	exec.guest_pid_file = json_string(&exec.json, "guestPidFile");
	exec.process = json_string(&exec.json, "process");
	exec.timeout_ms = json_number(&exec.json, "timeoutMs", 0);
	exec.interactive = json_bool(&exec.json, "interactive");
	exec.has_stdin = json_bool(&exec.json, "stdin") && exec.interactive;
	exec.terminal = json_bool(&exec.json, "terminal") && exec.interactive;
	exec.columns = (int)json_number(&exec.json, "columns", 0);
	exec.rows = (int)json_number(&exec.json, "rows", 0);
	exec.cpu = json_number(&exec.json, "cpu", -1);
	exec.max_bytes = exec.interactive ? INT64_MAX : json_number(&exec.json, "maxOutputBytes", 16 << 20);
	if (exec.id == NULL || exec.socket == NULL || exec.pid_file == NULL || exec.process == NULL)
		return "the config lacks a field";
	if (!config_has_size(&exec.json))
		return "a terminal has 1 to 65535 columns and rows";
	return NULL;
}

/* The command matters more than where its monitor is charged. */
static void join_cgroups(void)
{
	APART char text[EXEC_REFUSED_MAX];
	const char *refused, *any[2];
	int error = cgroup_join(&exec.json, &refused);

	if (error == 0) {
		exec.is_moved = json_strings(&exec.json, "cgroupDirs", any, 0, LENGTH(any)) > 0;
		return;
	}
	format(text, sizeof(text), "%s: %s", strerror(error), refused);
	exec.cgroup_refused = text;
}

static const char *prepare(const char *config_path)
{
	const char *wrong = load_config(config_path);

	if (wrong != NULL)
		return wrong;
	/*
	 * A process group of its own, but the spawner's session: each new session is a scheduling group of its own
	 * (sched_autogroup), and on a busy machine a new group waits several times as long for the CPU.
	 */
	setpgid(0, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	oom_protect_self();
	if (chdir("/") != 0 || !loop_init(on_signal))
		return strerror(errno);
	int error = session_listen();

	if (error != 0)
		return strerror(error);
	FAULT_POINT("exec-listening");
	if (!gate_wait(GATE_FD))
		return "the gate was not opened";
	join_cgroups();
	session_expect();
	return command_start();
}

/* Also the name under which runc writes the pid file first: a runtime that was killed leaves it. */
static void remove_pid_file(void)
{
	const char *name = strrchr(exec.pid_file, '/');
	char temporary[PATH_MAX];

	unlink(exec.pid_file);
	if (name != NULL && format(temporary, sizeof(temporary), "%.*s/.%s", (int)(name - exec.pid_file), exec.pid_file, name + 1))
		unlink(temporary);
}

int exec_main(const char *config_path)
{
	const char *wrong = prepare(config_path);

	if (wrong == NULL) {
		FAULT_POINT("exec-runtime-started");
		gate_answer(GATE_FD, "R");
		cgroup_ready_moves();
		loop_run();
	}
	if (exec.socket != NULL)
		session_unlink();
	if (exec.pid_file != NULL)
		remove_pid_file();
	if (exec.guest_pid_file != NULL)
		unlink(exec.guest_pid_file);
	console_close();
	exec_cgroup_leave();
	if (wrong == NULL)
		return 0;
	gate_answer(GATE_FD, wrong); /* last: the spawner may kill us then */
	return 1;
}
