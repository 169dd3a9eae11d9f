/*
 * The role `start`: runs the runtime's `start` of a container that has a stand-in, with the streams that the stand-in holds, and
 * tells the stand-in. What the runtime says of a failure is in its log, since its stderr is the container's by then.
 */
#include "base.h"
#include "pid-file.h"
#include "process.h"
#include "roles.h"
#include "stand-in.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS = 256, LOG_MAX = 64 << 10 };

extern char **environ;

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	return 1;
}

/* An open that does not wait for the other end. -1 for what cannot be had: the container gets /dev/null. */
static int stream_of(pid_t pid, int number)
{
	char path[64];

	format(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, number);
	int fd = open(path, (number == STDIN_FILENO ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	return fd;
}

/* The words of the error, in the runtime's own form. */
static void print_log(int log)
{
	static char text[LOG_MAX];
	ssize_t got = pread(log, text, sizeof(text), 0);

	if (got > 0)
		write_all(STDERR_FILENO, text, (size_t)got);
}

/* The runtime's words up to its verb, where its log goes, the verb and the id. */
static bool make_arguments(int count, char **words, const char **argv, const char *log)
{
	int at = 0;

	if (count < 3 || count > WORDS - 4)
		return false;
	for (int i = 0; i < count - 2; i++)
		argv[at++] = words[i];
	argv[at++] = "--log";
	argv[at++] = log;
	argv[at++] = words[count - 2];
	argv[at++] = words[count - 1];
	argv[at] = NULL;
	return true;
}

static int run(const char *const *argv, pid_t stand_in)
{
	struct process process = { .argv = argv, .env = (const char *const *)environ, .fds = { -1, -1, -1, -1, -1 } };
	int status = -1;

	process.death_signal = SIGKILL; /* killed we are a start that is not known to have happened: it must not happen later */
	for (int i = 0; i <= STDERR_FILENO; i++)
		process.fds[i] = stream_of(stand_in, i);
	pid_t pid = process_start(&process);

	if (pid < 0)
		return fail(process.failed_step, strerror(process.failed_errno));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0 ? 0 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int stand_in_start_main(int count, char **words)
{
	static const char *argv[WORDS];
	char path[64];
	pid_t stand_in = count < 2 ? -1 : pid_file_parse(words[0]);
	int pidfd = stand_in < 0 ? -1 : pidfd_open_pid(stand_in), log = memory_file("log", "", 0);

	format(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), log);
	if (log < 0 || count < 2 || !make_arguments(count - 2, words + 2, argv, path))
		return fail("start", "needs a stand-in and the runtime's command");
	if (pidfd < 0 || start_ticks(stand_in) != strtoull(words[1], NULL, 10))
		return fail("start", "the container has ended: its stand-in does not exist");
	int code = run(argv, stand_in);

	if (code == 0 && pidfd_signal(pidfd, STAND_IN_STARTED) != 0)
		return fail("tell the stand-in of the container", strerror(errno));
	if (code != 0)
		print_log(log);
	return code;
}
