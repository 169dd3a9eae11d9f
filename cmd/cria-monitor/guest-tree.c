#include "guest-tree.h"

#include "config.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct guest {
	pid_t pid, parent;
};

enum { PROCESSES_MAX = 4096, LIST_BYTES = 1 << 19, PAUSE_MS = 20, FAILURES_MAX = 3, ZOMBIE_LISTS = 5 };

/* Those of the tree that were seen, also when they have ended: a child of theirs is of the tree. */
APART pid_t members[PROCESSES_MAX];
static size_t member_count;
APART struct guest listed[PROCESSES_MAX];
PAGES(char, text, LIST_BYTES);
static int failures, lists_since_kill;
static int64_t deadline;
static const struct json *runtime;
static const char *id;

static bool is_member(pid_t pid)
{
	for (size_t i = 0; i < member_count; i++)
		if (members[i] == pid)
			return true;
	return false;
}

/* The index of the word in the line, or -1. */
static int column_of(const char *line, const char *word)
{
	size_t length = strlen(word);

	for (int column = 0;; column++) {
		line += strspn(line, " \t");
		size_t size = strcspn(line, " \t\n");

		if (size == 0)
			return -1;
		if (size == length && strncmp(line, word, length) == 0)
			return column;
		line += size;
	}
}

static pid_t number_at(const char *line, int column)
{
	for (;; column--) {
		line += strspn(line, " \t");
		if (column == 0)
			return (pid_t)strtol(line, NULL, 10);
		line += strcspn(line, " \t\n");
	}
}

/* The lines below a head with the columns PID and PPID; none for a text that is no such table. */
static size_t parse_processes(const char *table, struct guest *list, size_t max)
{
	int pid = column_of(table, "PID"), parent = column_of(table, "PPID");
	size_t count = 0;

	if (pid < 0 || parent < 0)
		return 0;
	for (const char *at = strchr(table, '\n'); at != NULL && at[1] != '\0' && count < max; at = strchr(at + 1, '\n'))
		list[count++] = (struct guest){ number_at(at + 1, pid), number_at(at + 1, parent) };
	return count;
}

/* Reads to the end, or to the deadline. */
static void collect(int fd)
{
	size_t size = 0;
	ssize_t got = 1;

	while (got > 0 && size < LIST_BYTES - 1) {
		struct pollfd wait = { fd, POLLIN, 0 };
		int64_t left = deadline - monotonic_ms();

		got = left > 0 && poll(&wait, 1, (int)left) > 0 ? read(fd, text + size, LIST_BYTES - 1 - size) : -1;
		size += got > 0 ? (size_t)got : 0;
	}
	text[size] = '\0';
}

/* The runtime's verb; its output comes in `text`. True when it exited with 0. It does not outlive the deadline. */
static bool call(const char *const *words)
{
	const char *argv[ARGUMENTS], *env[ARGUMENTS];
	size_t count = runtime_arguments(runtime, argv, env, ARGUMENTS - 16);
	struct process process = { .argv = argv, .env = env, .fds = { -1, -1, -1, -1, -1 }, .directory = "/" };
	int ends[2], status = -1;

	if (count >= ARGUMENTS - 16 || pipe_open(ends, 0) != 0)
		return false;
	for (; *words != NULL; words++)
		argv[count++] = *words;
	argv[count] = NULL;
	process.fds[STDOUT_FILENO] = ends[1];
	process.own_group = true;
	process.death_signal = SIGKILL;
	pid_t pid = process_start(&process);

	close(ends[1]);
	if (pid > 0)
		collect(ends[0]);
	close(ends[0]);
	if (pid <= 0)
		return false;
	if (monotonic_ms() >= deadline)
		kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0;
}

/* An error is no news: the process may have ended, which the next list tells. */
static void send_signal(pid_t pid, const char *signal_number)
{
	char number[16];

	format(number, sizeof(number), "%d", (int)pid);
	call((const char *const[]){ "kill", "--pid", number, id, signal_number, NULL });
}

/* Takes in who has come to the tree, and stops each, so that it makes no more. How many that were. */
static size_t add_members(size_t count)
{
	size_t added = 0;

	for (bool changed = true; changed;) {
		changed = false;
		for (size_t i = 0; i < count && member_count < PROCESSES_MAX; i++) {
			if (is_member(listed[i].pid) || !is_member(listed[i].parent))
				continue;
			members[member_count++] = listed[i].pid;
			send_signal(listed[i].pid, "19"); /* SIGSTOP */
			added++;
			changed = true;
		}
	}
	return added;
}

/* True when one was alive, or when it has to be asked again. A container that has ended has no list. */
static bool kill_round(void)
{
	const char *const words[] = { "ps", id, NULL };

	if (!call(words))
		return ++failures < FAILURES_MAX;
	failures = 0;
	size_t count = parse_processes(text, listed, PROCESSES_MAX);

	/* Only when there is nobody new is nobody missed: who dies leaves its children to the init. */
	if (add_members(count) > 0) {
		lists_since_kill = 0;
		return true;
	}
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		if (!is_member(listed[i].pid))
			continue;
		any = true;
		if (lists_since_kill == 0)
			send_signal(listed[i].pid, "9"); /* SIGKILL */
	}
	/* A zombie is listed as any process, for ever where the container's init reaps none. */
	return any && ++lists_since_kill < ZOMBIE_LISTS;
}

bool guest_tree_kill(const struct json *config, const char *container_id, pid_t root, int64_t limit_ms)
{
	runtime = config;
	id = container_id;
	deadline = monotonic_ms() + limit_ms;
	members[0] = root;
	member_count = 1;
	send_signal(root, "19");
	failures = lists_since_kill = 0;
	bool alive = kill_round();

	while (alive && monotonic_ms() < deadline) {
		poll(NULL, 0, PAUSE_MS);
		alive = kill_round();
	}
	return !alive && failures == 0;
}
