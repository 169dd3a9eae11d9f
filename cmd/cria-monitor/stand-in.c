#include "stand-in.h"

#include "config.h"
#include "container.h"
#include "pid-file.h"
#include "process.h"
#include "roles.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* After the end of the kernel its runtime may still say how the container had ended. */
enum { LAST_WORD_MS = 1000, ASK_AGAIN_MS = 500, READY_MS = 10000, LEASH_FD = 3 };

extern char **environ;

static struct config config;
static int signals, sandbox;
static pid_t waiter;
static int answer = -1;
static bool is_started;
/* Of the monitor: its end of the leash. Of the stand-in: whether that is still on. */
static int leash = -1;
static bool is_leashed = true;

/* Waits until it takes signals. */
static const char *wait_ready(int from)
{
	static char text[256];
	struct pollfd wait = { from, POLLIN, 0 };
	ssize_t got = poll(&wait, 1, READY_MS) > 0 ? read(from, text, sizeof(text) - 1) : -1;

	if (got <= 0)
		return "the container's stand-in did not come up";
	text[got] = '\0';
	return strcmp(text, "R") == 0 ? NULL : text;
}

pid_t stand_in_start(const char *config_path, pid_t kernel, const int streams[3], const char **wrong)
{
	char pid[16];
	const char *const argv[] = { "/proc/self/exe", "stand-in", config_path, pid, NULL };
	struct process process = { .argv = argv, .env = (const char *const *)environ, .directory = "/", .own_group = true };
	int ends[2];

	*wrong = "no socket for the container's stand-in";
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return -1;
	format(pid, sizeof(pid), "%d", (int)kernel);
	for (int i = 0; i <= STDERR_FILENO; i++)
		process.fds[i] = streams[i];
	process.fds[LEASH_FD] = ends[1];
	process.fds[LEASH_FD + 1] = -1;
	pid_t started = process_start(&process);

	close(ends[1]);
	leash = ends[0];
	*wrong = started < 0 ? process.failed_step : wait_ready(leash);
	return *wrong == NULL ? started : -1;
}

void stand_in_release(void)
{
	if (leash < 0)
		return;
	write_all(leash, "K", 1);
	close(leash);
	leash = -1;
}

/* As a process that was killed with its kernel. */
static _Noreturn void end_killed(void)
{
	if (waiter > 0)
		kill(waiter, SIGKILL);
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static pid_t call(const char *const *words, int out)
{
	const char *argv[ARGUMENTS], *env[ARGUMENTS];
	char oom_score[16];
	size_t count = runtime_arguments(&config.json, argv, env, ARGUMENTS - 16);
	struct process process = { .argv = argv, .env = env, .directory = "/", .fds = { -1, out, -1, -1, -1 } };

	if (count >= ARGUMENTS - 16)
		return -1;
	for (; *words != NULL; words++)
		argv[count++] = *words;
	argv[count] = NULL;
	process.death_signal = SIGKILL;
	process.oom_score = oom_score_of_others(oom_score, sizeof(oom_score));
	return process_start(&process);
}

/* Asks the runtime for the container's exit, which it tells at the end. */
static void ask(void)
{
	int ends[2];

	waiter = -1;
	if (answer >= 0)
		close(answer);
	answer = -1;
	if (pipe_open(ends, 0) != 0)
		return;
	waiter = call((const char *const[]){ "wait", config.id, NULL }, ends[1]);
	close(ends[1]);
	answer = ends[0];
}

/* What the runtime has told, as {"id","exitStatus"}; -1 for nothing. */
static int told_code(void)
{
	static struct json json;
	static char text[4096];
	ssize_t got = answer < 0 ? -1 : read(answer, text, sizeof(text) - 1);

	if (got <= 0)
		return -1;
	text[got] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return json_parse(&json, text) ? (int)json_number(&json, "exitStatus", -1) : -1;
}

static bool sandbox_has_ended(int wait_ms)
{
	struct pollfd ended = { sandbox, POLLIN, 0 };

	return sandbox < 0 || poll(&ended, 1, wait_ms) > 0;
}

/* The runtime was lost, or knows no answer: as long as the kernel lives there is one. */
static void waiter_ended(void)
{
	int code = told_code();

	if (code >= 0)
		_exit(code & 0xff);
	if (sandbox_has_ended(ASK_AGAIN_MS))
		end_killed();
	ask();
}

static void started(void)
{
	if (is_started)
		return;
	is_started = true;
	/* They end with the container from now on. */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i <= STDERR_FILENO; i++)
		dup2(null, i);
	ask();
}

/* The host shuts down, and the container's monitor passes it on. */
static void terminate(void)
{
	if (!is_started)
		_exit(128 + SIGTERM);
	call((const char *const[]){ "kill", config.id, "15", NULL }, -1);
}

/* The monitor's last byte, or its end without one: then nobody knows of us. */
static void on_leash(void)
{
	char byte;

	if (read(LEASH_FD, &byte, 1) != 1)
		_exit(128);
	close(LEASH_FD);
	is_leashed = false;
}

static void on_signal(void)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == STAND_IN_STARTED)
		started();
	else if (info.ssi_signo == SIGTERM)
		terminate();
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == waiter)
			waiter_ended();
}

static const char *prepare(const char *config_path, const char *sandbox_pid)
{
	const char *wrong = config_load(&config, config_path);
	char name[16];
	sigset_t all;

	if (wrong != NULL)
		return wrong;
	format(name, sizeof(name), "cria=%.10s", config.id);
	prctl(PR_SET_NAME, name);
	oom_protect_self();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	sandbox = pidfd_open_pid(pid_file_parse(sandbox_pid));
	return signals < 0 ? strerror(errno) : NULL;
}

int stand_in_main(const char *config_path, const char *sandbox_pid)
{
	const char *wrong = prepare(config_path, sandbox_pid);

	const char *answer_text = wrong == NULL ? "R" : wrong;

	if (write_all(LEASH_FD, answer_text, strlen(answer_text)) != 0 || wrong != NULL)
		return 128;
	for (;;) {
		bool is_unasked = is_started && waiter < 0;
		struct pollfd wait[] = { { signals, POLLIN, 0 }, { sandbox, POLLIN, 0 }, { is_leashed ? LEASH_FD : -1, POLLIN, 0 } };
		int ready = poll(wait, LENGTH(wait), is_unasked ? ASK_AGAIN_MS : -1);

		if (ready < 0)
			continue;
		if (ready == 0)
			ask();
		if (wait[2].revents != 0)
			on_leash();
		if (sandbox >= 0 && wait[1].revents == 0) {
			on_signal();
			continue;
		}
		/* A code that came before is told by the waiter, which ends without its kernel. */
		for (int64_t until = monotonic_ms() + LAST_WORD_MS; is_started && monotonic_ms() < until; poll(wait, 1, 10))
			on_signal();
		end_killed();
	}
}
