#include "exec.h"

#include "config.h"
#include "console.h"
#include "exec-cgroup.h"
#include "exec-cpu.h"
#include "exec-stdin.h"
#include "fault.h"
#include "guest-tree.h"
#include "kill-tree.h"
#include "pid-file.h"
#include "process.h"
#include "roles.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILL_MS = 5000, GUEST_PID_MS = 2000, GUEST_KILL_MS = 15000, PAUSE_MS = 5, RUNTIME_WORDS = 16 };

static void timed_out(void);

static pid_t runtime_pid, command_pid;
/* Children that ended before we knew which of them is the command. */
static struct {
	pid_t pid;
	int status;
} early_exits[16];
static size_t early_exit_count;
PAGES(char, failure, 8192);
static struct timer deadline = { .fire = timed_out };

static void end(void)
{
	timer_stop(&deadline);
	exec.phase = ENDED;
	output_flow();
	session_report();
}

/*
 * What runs in the container's own kernel goes on without the runtime's process. A runtime that is still at its work may have
 * started the command already: only the pid tells which it is.
 */
static void guest_kill(void)
{
	int64_t until = monotonic_ms() + GUEST_PID_MS;
	siginfo_t info = { .si_pid = 0 };
	pid_t pid;

	if (exec.guest_pid_file == NULL)
		return;
	while ((pid = pid_file_read(exec.guest_pid_file)) < 0 && runtime_pid != 0 && monotonic_ms() < until &&
	       waitid(P_PID, (id_t)runtime_pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0)
		poll(NULL, 0, PAUSE_MS);
	if (pid > 0)
		guest_tree_kill(&exec.json, exec.id, pid, GUEST_KILL_MS);
}

void command_kill(void)
{
	if (exec.phase != STARTING && exec.phase != STARTED)
		return;
	guest_kill();
	if (runtime_pid != 0)
		kill(-runtime_pid, SIGKILL);
	exec_cgroup_kill(KILL_MS);
	/* Where there is no such cgroup; and what the runtime had not put into it yet. */
	kill_tree(command_pid, output_pipes, KILL_MS);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	runtime_pid = 0;
}

static void timed_out(void)
{
	exec.timed_out = true;
	exec.status = SIGKILL;
	command_kill();
	end();
}

static void command_ended(int status)
{
	exec.status = status;
	FAULT_POINT("exec-ended");
	end();
}

static void fail(const char *text)
{
	exec.failure = text;
	command_kill();
	end();
}

static void runtime_failed(int status)
{
	output_message(failure, sizeof(failure));
	if (failure[0] == '\0')
		snprintf(failure, sizeof(failure), "the runtime %s %d and said nothing%s",
			 WIFEXITED(status) ? "exited with code" : "was killed by signal",
			 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
			 exec.is_moved ? "; it was in the container's cgroup, under its limits" : "");
	fail(failure);
}

/* It may have ended already. */
static void command_started(void)
{
	int status;

	exec.phase = STARTED;
	FAULT_POINT("exec-started");
	for (size_t i = 0; i < early_exit_count; i++) {
		if (early_exits[i].pid == command_pid) {
			command_ended(early_exits[i].status);
			return;
		}
	}
	pid_t got = waitpid(command_pid, &status, WNOHANG);

	if (got == command_pid) {
		command_ended(status); /* ended while we looked */
	} else if (got < 0) {
		fail("the runtime's process is not ours to wait for");
	} else {
		exec_cpu_set(command_pid, exec.cpu); /* not reaped yet, so the pid is still its own */
		output_started();
	}
}

static void runtime_ended(int status)
{
	runtime_pid = 0;
	FAULT_POINT("exec-runtime-ended");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		runtime_failed(status);
		return;
	}
	command_pid = pid_file_read(exec.pid_file);
	if (command_pid < 0) {
		fail("the runtime wrote no valid pid file");
		return;
	}
	const char *missing = exec.terminal ? console_missing() : NULL;

	if (missing != NULL) {
		snprintf(failure, sizeof(failure), "the runtime did not set up the terminal: %s", missing);
		fail(failure);
		return;
	}
	command_started();
}

int command_signal(int signal_number)
{
	if (signal_number < 1 || signal_number > 64)
		return EINVAL;
	if (exec.phase == STARTING)
		return EBUSY;
	/* Not reaped yet, so the pid is still its own. */
	return exec.phase != STARTED || kill(command_pid, signal_number) == 0 ? 0 : errno;
}

int command_resize(int64_t columns, int64_t rows)
{
	return exec.terminal ? console_resize(columns, rows) : ENOTTY;
}

void command_reaped(pid_t pid, int status)
{
	if (pid == runtime_pid) {
		runtime_ended(status);
	} else if (pid == command_pid && exec.phase == STARTED) {
		command_ended(status);
	} else if (exec.phase == STARTING && early_exit_count < LENGTH(early_exits)) {
		early_exits[early_exit_count].pid = pid;
		early_exits[early_exit_count++].status = status;
	}
}

static void set_terminal(int master)
{
	output_set_terminal(master);
	if (exec.has_stdin)
		command_stdin_terminal(master);
}

/* The streams of the command; where the runtime sends the terminal's master comes in `console`. 0 or errno. */
static int open_streams(int fds[3], char *console, size_t size)
{
	static char path[PATH_MAX];
	int error = output_open(&fds[1]);

	if (error != 0)
		return error;
	if (!exec.terminal)
		return command_stdin_open(&fds[0]);
	if (exec.columns != 0)
		console_resize(exec.columns, exec.rows);
	if (!format(path, sizeof(path), "%s.tty", exec.socket))
		return ENAMETOOLONG;
	return console_listen(path, set_terminal, console, size);
}

/* Behind the runtime's own arguments; a cgroup that they name is made. `argv` has room for RUNTIME_WORDS. */
static void add_exec_words(const char **argv, const char *process_path, const char *console)
{
	const char *const words[] = { "exec", "--detach", "--process", process_path, "--pid-file", exec.pid_file };
	const char *cgroup = exec_cgroup_make(&exec.json, exec.id);

	for (size_t i = 0; i < LENGTH(words); i++)
		*argv++ = words[i];
	if (cgroup != NULL) {
		*argv++ = "--cgroup";
		*argv++ = cgroup;
	}
	if (exec.guest_pid_file != NULL) {
		*argv++ = "--internal-pid-file";
		*argv++ = exec.guest_pid_file;
	}
	if (exec.terminal) {
		*argv++ = "--console-socket";
		*argv++ = console;
	}
	*argv++ = exec.id;
	*argv = NULL;
}

const char *command_start(void)
{
	const char *argv[ARGUMENTS], *env[ARGUMENTS];
	char process_path[64], oom_score[16], console[108];
	size_t count = runtime_arguments(&exec.json, argv, env, ARGUMENTS - RUNTIME_WORDS);
	struct process process = { .argv = argv, .env = env, .fds = { -1, -1, -1, -1, -1 } };
	/* The runtime opens it through us: it inherits nothing that the container could get hold of. */
	int description = memory_file("process", exec.process, strlen(exec.process));
	int error = description < 0 ? errno : open_streams(process.fds, console, sizeof(console));

	if (error != 0)
		return strerror(error);
	if (count >= ARGUMENTS - RUNTIME_WORDS)
		return "the runtime has too many arguments";
	format(process_path, sizeof(process_path), "/proc/%d/fd/%d", (int)getpid(), description);
	add_exec_words(argv + count, process_path, console);
	process.directory = "/";
	process.own_group = true;
	process.death_signal = SIGKILL;
	process.oom_score = oom_score_of_others(oom_score, sizeof(oom_score));
	if (exec.timeout_ms > 0)
		timer_start(&deadline, exec.timeout_ms);
	exec_cpu_set(0, exec.cpu);
	runtime_pid = process_start(&process);
	process_close_fds(&process);
	if (runtime_pid > 0)
		return NULL;
	runtime_pid = 0;
	snprintf(failure, sizeof(failure), "%s %s: %s", process.failed_step, argv[0], strerror(process.failed_errno));
	return failure;
}
