#include "kill-tree.h"

#include "proc-stat.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES_MAX = 1 << 17, PAUSE_MS = 5 };

struct entry {
	pid_t pid, parent, session;
	bool dead;
	bool ours;
	bool holds;
	/* Older than we are with one of the pipes, or of such a process. */
	bool foreign;
	uint64_t ticks;
};

static struct entry *entries;
static size_t entry_count;

static bool read_entry(const char *name, struct entry *entry)
{
	struct proc_stat stat;
	pid_t pid = atoi(name);

	if (!proc_stat_read(pid, &stat))
		return false;
	*entry = (struct entry){ .pid = pid, .parent = stat.parent, .session = stat.session };
	entry->dead = proc_stat_is_dead(&stat);
	entry->ticks = stat.start_ticks;
	return true;
}

static bool holds_pipe(pid_t pid, const ino_t pipes[2])
{
	char path[64];
	bool found = false;

	format(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *directory = opendir(path);

	if (directory == NULL)
		return false;
	for (struct dirent *item; !found && (item = readdir(directory)) != NULL;) {
		struct stat status;

		if (item->d_name[0] == '.' || fstatat(dirfd(directory), item->d_name, &status, 0) != 0)
			continue;
		found = S_ISFIFO(status.st_mode) && (status.st_ino == pipes[0] || status.st_ino == pipes[1]);
	}
	closedir(directory);
	return found;
}

static void list_processes(pid_t root, pid_t session, const ino_t pipes[2])
{
	DIR *directory = opendir("/proc");
	pid_t self = getpid();
	uint64_t own_ticks = start_ticks(self);

	entry_count = 0;
	if (directory == NULL)
		return;
	for (struct dirent *item; (item = readdir(directory)) != NULL && entry_count < PROCESSES_MAX;) {
		struct entry *entry = &entries[entry_count];

		if (!isdigit((unsigned char)item->d_name[0]) || !read_entry(item->d_name, entry) || entry->pid == self)
			continue;
		entry->ours = entry->parent == root || (session != 0 && entry->session == session);
		entry->holds = (pipes[0] != 0 || pipes[1] != 0) && !entry->dead && holds_pipe(entry->pid, pipes);
		entry->foreign = entry->holds && entry->ticks < own_ticks;
		entry_count++;
	}
	closedir(directory);
}

static bool is_ours(pid_t pid)
{
	for (size_t i = 0; i < entry_count; i++)
		if (entries[i].pid == pid)
			return entries[i].ours;
	return false;
}

static bool is_foreign(pid_t pid)
{
	for (size_t i = 0; i < entry_count; i++)
		if (entries[i].pid == pid)
			return entries[i].foreign;
	return false;
}

/* gVisor's kernel is given the pipes, and its processes for the host inherit them: to kill one kills the container. */
static void mark_holders(void)
{
	for (bool changed = true; changed;) {
		changed = false;
		for (size_t i = 0; i < entry_count; i++) {
			if (entries[i].holds && !entries[i].foreign && is_foreign(entries[i].parent)) {
				entries[i].foreign = true;
				changed = true;
			}
		}
	}
	for (size_t i = 0; i < entry_count; i++)
		if (entries[i].holds && !entries[i].foreign)
			entries[i].ours = true;
}

/* Children of ours are ours; /proc lists by pid, which says nothing of descent, so until nothing changes. */
static void mark_descendants(void)
{
	for (bool changed = true; changed;) {
		changed = false;
		for (size_t i = 0; i < entry_count; i++) {
			if (!entries[i].ours && is_ours(entries[i].parent)) {
				entries[i].ours = true;
				changed = true;
			}
		}
	}
}

/* True when it was alive. The pidfd is compared with what was listed, so that a new owner of the pid is spared. */
static bool kill_entry(const struct entry *entry)
{
	int pidfd = pidfd_open_pid(entry->pid);

	if (pidfd < 0)
		return false;
	bool same = start_ticks(entry->pid) == entry->ticks;

	if (same)
		pidfd_signal(pidfd, SIGKILL);
	close(pidfd);
	return same;
}

static bool kill_round(pid_t root, pid_t session, const ino_t pipes[2])
{
	bool alive = false;

	list_processes(root, session, pipes);
	mark_holders();
	mark_descendants();
	for (size_t i = 0; i < entry_count; i++)
		if (entries[i].ours && !entries[i].dead && kill_entry(&entries[i]))
			alive = true;
	return alive;
}

static bool kill_rounds(pid_t root, pid_t session, const ino_t pipes[2], int64_t limit_ms)
{
	int64_t deadline = monotonic_ms() + limit_ms;
	size_t size = PROCESSES_MAX * sizeof(*entries);

	entries = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (entries == MAP_FAILED)
		return false;
	bool alive = kill_round(root, session, pipes);

	while (alive && monotonic_ms() < deadline) {
		poll(NULL, 0, PAUSE_MS);
		alive = kill_round(root, session, pipes);
	}
	munmap(entries, size);
	return !alive;
}

bool kill_tree(pid_t session, const ino_t pipes[2], int64_t limit_ms)
{
	return kill_rounds(getpid(), session, pipes, limit_ms);
}

bool kill_below(pid_t root, int64_t limit_ms)
{
	static const ino_t no_pipes[2];

	return kill_rounds(root, 0, no_pipes, limit_ms);
}
