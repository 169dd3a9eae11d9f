#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { ABOVE_ALL_TARGETS = 16 };

/* Of the child between clone and exec. */
PAGES(char, stack, 32768);
/* What runs there: a sanitizer knows one stack per thread. */
#define ON_OWN_STACK __attribute__((no_sanitize("address")))

struct start {
	struct process *process;
	pid_t parent;
};

static ON_OWN_STACK _Noreturn void fail(struct process *process, const char *step)
{
	process->failed_errno = errno;
	process->failed_step = step;
	_exit(127);
}

/* First out of the way of the targets, then each to its place: dup2 clears CLOEXEC only there. */
static ON_OWN_STACK void place_fds(struct process *process)
{
	int moved[LENGTH(process->fds)];

	for (size_t i = 0; i < LENGTH(moved); i++) {
		int from = process->fds[i];

		if (from < 0 && i <= STDERR_FILENO && (from = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0)
			fail(process, "open /dev/null");
		moved[i] = from < 0 ? -1 : fcntl(from, F_DUPFD_CLOEXEC, ABOVE_ALL_TARGETS);
		if (from >= 0 && moved[i] < 0)
			fail(process, "dup");
	}
	for (size_t i = 0; i < LENGTH(moved); i++)
		if (moved[i] >= 0 && dup2(moved[i], (int)i) < 0)
			fail(process, "dup2");
}

/* Runs in the parent's memory while the parent waits (CLONE_VFORK): it must only make system calls. */
static ON_OWN_STACK int child(void *argument)
{
	struct start *start = argument;
	struct process *process = start->process;
	sigset_t none;

	place_fds(process);
	if (process->own_group && setpgid(0, 0) != 0)
		fail(process, "setpgid");
	if (process->death_signal != 0) {
		prctl(PR_SET_PDEATHSIG, process->death_signal);
		if (getppid() != start->parent)
			fail(process, "parent died");
	}
	if (process->oom_score != NULL)
		write_file("/proc/self/oom_score_adj", process->oom_score); /* refused only where ours was, too */
	if (process->directory != NULL && chdir(process->directory) != 0)
		fail(process, "chdir");
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(process->argv[0], (char *const *)process->argv, (char *const *)process->env);
	fail(process, "exec");
}

pid_t process_start(struct process *process)
{
	struct start start = { process, getpid() };

	process->failed_step = NULL;
	pid_t pid = clone(child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &start);

	if (pid < 0) {
		process->failed_step = "clone";
		process->failed_errno = errno;
		return -1;
	}
	/* A child that failed is reaped by the caller's loop as any unknown pid. */
	return process->failed_step == NULL ? pid : -1;
}

void process_close_fds(struct process *process)
{
	for (size_t i = 0; i < LENGTH(process->fds); i++) {
		if (process->fds[i] >= 0)
			close(process->fds[i]);
		process->fds[i] = -1;
	}
}

void process_trim(void)
{
	release_pages(stack, sizeof(stack));
}

void pipe_widen(int fd)
{
	fcntl(fd, F_SETPIPE_SZ, 256 << 10);
}

int pipe_open(int fds[2], int nonblocking)
{
	if (pipe2(fds, O_CLOEXEC) != 0)
		return -1;
	return fcntl(fds[nonblocking], F_SETFL, O_NONBLOCK | (nonblocking == 1 ? O_WRONLY : O_RDONLY));
}
