#include "monitors.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *setting(const char *name)
{
	const char *value = getenv(name);

	if (value == NULL)
		die("%s is not set", name);
	return value;
}

static const char *const kind_names[] = { "conmon", "cria" };

enum kind kind_of(const char *name)
{
	return strcmp(name, "conmon") == 0 ? CONMON : CRIA;
}

static void exits_dir(enum kind kind, char *path, size_t size)
{
	print_to(path, size, "%s/exits-%s", setting("BENCH_WORK"), kind_names[kind]);
	mkdir(path, 0700);
}

void monitor_prepare(struct monitor *monitor, enum kind kind, const char *load)
{
	static unsigned count;
	char path[PATH_MAX];

	*monitor = (struct monitor){ .kind = kind, .socket = -1 };
	print_to(monitor->id, sizeof(monitor->id), "%08x%08x%048x", (unsigned)getpid(), count++, 0);
	print_to(monitor->bundle, sizeof(monitor->bundle), "%s/%.16s", setting("BENCH_WORK"), monitor->id);
	print_to(monitor->log, sizeof(monitor->log), "%s/%.16s.log", setting("BENCH_LOGS"), monitor->id);
	exits_dir(kind, path, sizeof(path));
	print_to(monitor->exit_file, sizeof(monitor->exit_file), "%s/%s", path, monitor->id);
	if (mkdir(monitor->bundle, 0700) != 0)
		die("make %s", monitor->bundle);
	if (load == NULL)
		return;
	print_to(path, sizeof(path), "%s/load", monitor->bundle);
	write_small(path, load);
	print_to(path, sizeof(path), "%s/start", monitor->bundle);
	if (mkfifo(path, 0600) != 0)
		die("make %s", path);
}

void monitor_start_load(const struct monitor *monitor)
{
	char path[PATH_MAX];

	print_to(path, sizeof(path), "%s/start", monitor->bundle);
	int fd = open(path, O_WRONLY);

	if (fd < 0)
		die("open %s", path);
	close(fd);
}

void monitor_kill_init(const struct monitor *monitor)
{
	if (kill(monitor->init, SIGKILL) != 0)
		die("kill the container");
}

/* The scheduler's count of a process that has ended and is not reaped: user and system time to the nanosecond. */
static int64_t processor_time(pid_t pid)
{
	char path[64], text[128];

	print_to(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	read_small(path, text, sizeof(text));
	return strtoll(text, NULL, 10);
}

int64_t monitor_finish(struct monitor *monitor)
{
	static const char acknowledge[] = "{\"op\":\"ack_exit\",\"seq\":2}";
	siginfo_t info;

	if (monitor->socket >= 0) {
		uint8_t head[6] = { sizeof(acknowledge) - 1 + 2 };

		if (write(monitor->socket, head, sizeof(head)) < 0 ||
		    write(monitor->socket, acknowledge, sizeof(acknowledge) - 1) < 0)
			die("acknowledge the exit");
		shutdown(monitor->socket, SHUT_WR);
	}
	if (waitid(P_PID, (id_t)monitor->pid, &info, WEXITED | WNOWAIT) != 0)
		die("wait for the monitor");
	int64_t time = processor_time(monitor->pid);

	waitpid(monitor->pid, NULL, 0);
	if (monitor->socket >= 0)
		close(monitor->socket);
	return time;
}

int exits_watch(enum kind kind)
{
	char path[PATH_MAX];
	int watch = inotify_init1(IN_CLOEXEC);

	exits_dir(kind, path, sizeof(path));
	if (watch < 0 || inotify_add_watch(watch, path, IN_MOVED_TO) < 0)
		die("watch %s", path);
	return watch;
}

bool exits_wait(int watch, int timeout_ms)
{
	static _Alignas(struct inotify_event) char events[4096];
	static size_t length, at;
	struct pollfd wait = { watch, POLLIN, 0 };

	if (at == length) {
		if (poll(&wait, 1, timeout_ms) <= 0)
			return false;
		ssize_t got = read(watch, events, sizeof(events));

		if (got <= 0)
			die("read inotify");
		length = (size_t)got;
		at = 0;
	}
	at += sizeof(struct inotify_event) + ((struct inotify_event *)(void *)(events + at))->len;
	return true;
}
