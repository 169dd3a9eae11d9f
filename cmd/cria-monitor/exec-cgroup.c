#include "exec-cgroup.h"

#include "cgroup-file.h"
#include "proc-stat.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAUSE_MS = 2, FREEZE_ROUNDS = 50, LEAVE_ROUNDS = 100 };

static struct cgroup parent, own;
static char argument[64];

/* Below the cgroup that the runtime made, which is not always where the init is now. */
static bool find_parent(const struct json *config, const char *container_id)
{
	const char *option = json_string(config, "cgroupOption"), *ticks = json_string(config, "initTicks");
	pid_t init = (pid_t)json_number(config, "initPid", 0);
	static const char beside_v1[] = "/sys/fs/cgroup/unified/", deeper[] = "/container";
	char given[sizeof(parent.path)];

	if (option == NULL || ticks == NULL || init <= 1 || !cgroup_of(init, "freezer", &parent))
		return false;
	/* Read before: the pid was still the init's then. */
	if (start_ticks(init) != strtoull(ticks, NULL, 10))
		return false;
	bool any = strcmp(option, "any") == 0;

	/* Beside v1 hierarchies the runtimes put nothing below the unified one. */
	if (!parent.unified ? !any : strncmp(parent.path, beside_v1, sizeof(beside_v1) - 1) == 0)
		return false;
	strcpy(given, parent.path);
	if (!cgroup_cut(parent.path, container_id))
		return false;
	/* crun puts a container of systemd's one level deeper, and means that level. */
	const char *rest = given + strlen(parent.path);

	if (!any && strncmp(rest, deeper, sizeof(deeper) - 1) == 0 && strchr("/", rest[sizeof(deeper) - 1]) != NULL)
		strcat(parent.path, deeper);
	return true;
}

/* Where the container has made its cgroup a threaded one, no process can be put below it. */
static bool takes_processes(void)
{
	char type[32];
	int fd = own.unified ? cgroup_open(&own, "cgroup.type", O_RDONLY) : -1;
	ssize_t got = fd < 0 ? -1 : read(fd, type, sizeof(type) - 1);

	if (fd >= 0)
		close(fd);
	type[got > 0 ? got : 0] = '\0';
	return !own.unified || strcmp(type, "domain\n") == 0;
}

const char *exec_cgroup_make(const struct json *config, const char *container_id)
{
	char name[48];

	if (!find_parent(config, container_id))
		return NULL;
	/*
	 * To the kubelet's cAdvisor every cgroup that appears is a container to be watched, but for mount units of systemd:
	 * with this end of the name a probe does not cost it anything.
	 */
	format(name, sizeof(name), "exec-%d-%llx.mount", (int)getpid(), (unsigned long long)realtime_ns());
	if (!format(own.path, sizeof(own.path), "%s/%s", parent.path, name) || mkdir(own.path, 0755) != 0) {
		own.path[0] = '\0';
		return NULL;
	}
	own.unified = parent.unified;
	if (!takes_processes()) {
		exec_cgroup_leave();
		return NULL;
	}
	format(argument, sizeof(argument), "%s%s", own.unified ? "" : "freezer:", name);
	return argument;
}

static bool write_to(const struct cgroup *cgroup, const char *file, const char *text)
{
	int fd = cgroup_open(cgroup, file, O_WRONLY);
	bool written = fd >= 0 && write_all(fd, text, strlen(text)) == 0;

	if (fd >= 0)
		close(fd);
	return written;
}

/* The processes at the front of the list; the rest is seen in the next round. */
static size_t list_pids(pid_t *pids, size_t max)
{
	char text[4096], *at = text;
	size_t count = 0;
	int fd = cgroup_open(&own, "cgroup.procs", O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[got > 0 ? got : 0] = '\0';
	for (char *end; count < max && (end = strchr(at, '\n')) != NULL; at = end + 1)
		pids[count++] = (pid_t)strtol(at, NULL, 10);
	return count;
}

/* By pidfd, and only what is still in the cgroup while that is open: the pid may be another's by now. */
static void kill_member(pid_t pid)
{
	char list[8192], file[64];
	int pidfd = pidfd_open_pid(pid);
	const char *name = strrchr(own.path, '/');

	format(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
	if (pidfd >= 0 && read_file(file, list, sizeof(list)) > 0 && strstr(list, name) != NULL)
		pidfd_signal(pidfd, SIGKILL);
	if (pidfd >= 0)
		close(pidfd);
}

/* So that a fork bomb cannot outrun the list. v1; on v2 the kernel kills the whole. */
static void freeze(void)
{
	char state[32] = "";

	if (own.unified || !write_to(&own, "freezer.state", "FROZEN"))
		return;
	for (int round = 0; round < FREEZE_ROUNDS && strcmp(state, "FROZEN\n") != 0; round++) {
		int fd = cgroup_open(&own, "freezer.state", O_RDONLY);
		ssize_t got = fd < 0 ? -1 : read(fd, state, sizeof(state) - 1);

		if (fd >= 0)
			close(fd);
		state[got > 0 ? got : 0] = '\0';
		if (strcmp(state, "FREEZING\n") == 0)
			poll(NULL, 0, PAUSE_MS);
	}
}

static bool kill_round(void)
{
	pid_t pids[256];

	if (own.unified && write_to(&own, "cgroup.kill", "1"))
		return list_pids(pids, 1) > 0;
	freeze();
	size_t count = list_pids(pids, LENGTH(pids));

	for (size_t i = 0; i < count; i++)
		kill_member(pids[i]);
	if (!own.unified)
		write_to(&own, "freezer.state", "THAWED");
	return count > 0;
}

bool exec_cgroup_kill(int64_t limit_ms)
{
	int64_t deadline = monotonic_ms() + limit_ms;

	if (own.path[0] == '\0')
		return true;
	while (kill_round()) {
		if (monotonic_ms() >= deadline)
			return false;
		poll(NULL, 0, PAUSE_MS);
	}
	return true;
}

void exec_cgroup_leave(void)
{
	char text[16];
	pid_t pids[256];

	if (own.path[0] == '\0')
		return;
	/* On failure it stays until the container's own is removed, with all that is below. */
	for (int round = 0; round < LEAVE_ROUNDS && rmdir(own.path) != 0 && errno == EBUSY; round++) {
		size_t count = list_pids(pids, LENGTH(pids));

		for (size_t i = 0; i < count; i++) {
			format(text, sizeof(text), "%d", (int)pids[i]);
			write_to(&parent, "cgroup.procs", text);
		}
	}
	own.path[0] = '\0';
}
