#include "monitors.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start(char **argv, char **env, const int *fds, size_t count)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_RDWR, 0);
	for (size_t i = 0; i < count; i++)
		posix_spawn_file_actions_adddup2(&actions, fds[i], (int)(3 + i));
	int error = posix_spawn(&pid, argv[0], &actions, NULL, argv, env);

	posix_spawn_file_actions_destroy(&actions);
	errno = error;
	if (error != 0)
		die("start %s", argv[0]);
	return pid;
}

static pid_t number_after(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	if (at == NULL)
		die("the monitor said %s", text);
	return (pid_t)strtol(at + strlen(key), NULL, 10);
}

/* Above the places that the child gets its own at. */
static void high_socketpair(int *fds)
{
	int low[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, low) != 0)
		die("socketpair");
	for (int i = 0; i < 2; i++) {
		fds[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 10);
		close(low[i]);
	}
}

static void read_line(int fd, char *text, size_t size)
{
	size_t length = 0;

	while (length < size - 1) {
		ssize_t got = read(fd, text + length, size - 1 - length);

		if (got <= 0)
			break;
		length += (size_t)got;
		if (text[length - 1] == '\n')
			break;
	}
	text[length] = '\0';
}

static void create_conmon(struct monitor *monitor)
{
	char pid_file[PATH_MAX], conmon_pid_file[PATH_MAX], exits[PATH_MAX], records[PATH_MAX], line[9000];
	int sync[2], gate[2];

	print_to(pid_file, sizeof(pid_file), "%s/pidfile", monitor->bundle);
	print_to(conmon_pid_file, sizeof(conmon_pid_file), "%s/conmon-pidfile", monitor->bundle);
	print_to(exits, sizeof(exits), "%.*s", (int)(strrchr(monitor->exit_file, '/') - monitor->exit_file), monitor->exit_file);
	/* One for each container, as CRI-O has it. */
	print_to(records, sizeof(records), "%s/%s", getenv("BENCH_RECORDS"), monitor->id);
	mkdir(records, 0700);
	char *argv[] = { getenv("BENCH_CONMON"), "-b", monitor->bundle, "-c", monitor->id, "--exit-dir", exits, "-l",
			 monitor->log, "--log-level", "info", "-n", monitor->id, "-P", conmon_pid_file, "-p", pid_file,
			 "--persist-dir", records, "-r", getenv("BENCH_RUNTIME"), "--runtime-arg", "--root=/nowhere",
			 "--socket-dir-path", monitor->bundle, "--no-sync-log", "-u", monitor->id, NULL };
	char *env[] = { "_OCI_SYNCPIPE=3", "_OCI_STARTPIPE=4", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };

	high_socketpair(sync);
	high_socketpair(gate);
	pid_t first = start(argv, env, (int[]){ sync[1], gate[1] }, 2);

	close(sync[1]);
	close(gate[1]);
	if (write(gate[0], "", 1) != 1)
		die("open the gate");
	close(gate[0]);
	waitpid(first, NULL, 0);
	read_line(sync[0], line, sizeof(line));
	monitor->init = number_after(line, "\"pid\":");
	close(sync[0]);
	read_small(conmon_pid_file, line, sizeof(line));
	monitor->pid = (pid_t)atoi(line);
}

static void write_config(const struct monitor *monitor, const char *config, const char *socket)
{
	char text[8192];

	print_to(text, sizeof(text),
		 "{\"version\":1,\"id\":\"%s\",\"nonce\":\"n\",\"bundle\":\"%s\",\"socket\":\"%s\",\"pidFile\":\"%s/pidfile\","
		 "\"exitFile\":\"%s/%s\",\"exitCodeFile\":\"%s\",\"logPath\":\"%s\",\"runtime\":[\"%s\",\"--root=/nowhere\"],"
		 "\"createArgs\":[],\"env\":[\"PATH=/usr/sbin:/usr/bin:/sbin:/bin\"],\"terminal\":false,\"stdin\":false,"
		 "\"stdinOnce\":false,\"uid\":0,\"gid\":0,\"createTimeoutMs\":240000,\"cgroupDirs\":[]}",
		 monitor->id, monitor->bundle, socket, monitor->bundle, getenv("BENCH_RECORDS"), monitor->id, monitor->exit_file, monitor->log,
		 getenv("BENCH_RUNTIME"));
	write_small(config, text);
}

static void ask_for_creation(struct monitor *monitor, const char *path)
{
	static const char question[] = "\4\0\0\0\0\0{\"op\":\"wait\",\"seq\":1}";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char frame[sizeof(question)], text[9000];

	memcpy(frame, question, sizeof(question));
	frame[0] = (char)(sizeof(question) - 1 - 6 + 2);
	print_to(address.sun_path, sizeof(address.sun_path), "%s", path);
	monitor->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(monitor->socket, (struct sockaddr *)&address, sizeof(address)) != 0)
		die("connect to the monitor");
	if (write(monitor->socket, frame, sizeof(question) - 1) < 0)
		die("ask the monitor");
	ssize_t got = read(monitor->socket, text, sizeof(text) - 1);

	if (got <= 6)
		die("the monitor does not answer");
	text[got] = '\0';
	monitor->init = number_after(text + 6, "\"pid\":");
}

static void create_cria(struct monitor *monitor)
{
	char config[PATH_MAX], path[PATH_MAX], answer[300] = "";
	char *argv[] = { getenv("BENCH_CRIA"), "run", config, NULL };
	char *env[] = { NULL };
	int gate[2];

	print_to(config, sizeof(config), "%s/monitor.json", monitor->bundle);
	print_to(path, sizeof(path), "%s/s", monitor->bundle);
	write_config(monitor, config, path);
	high_socketpair(gate);
	monitor->pid = start(argv, env, (int[]){ gate[1] }, 1);
	close(gate[1]);
	if (write(gate[0], "g", 1) != 1)
		die("open the gate");
	if (read(gate[0], answer, sizeof(answer) - 1) <= 0 || strcmp(answer, "R") != 0)
		die("the monitor said %s", answer);
	close(gate[0]);
	ask_for_creation(monitor, path);
}

void monitor_create(struct monitor *monitor)
{
	/* conmon's second process becomes ours when its first ends. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (monitor->kind == CONMON)
		create_conmon(monitor);
	else
		create_cria(monitor);
}

int64_t runtime_alone(void)
{
	struct monitor monitor;
	char pid_file[PATH_MAX], text[32];
	char *env[] = { NULL };

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	monitor_prepare(&monitor, CRIA, NULL);
	print_to(pid_file, sizeof(pid_file), "%s/pidfile", monitor.bundle);
	char *argv[] = { getenv("BENCH_RUNTIME"), "--root=/nowhere", "create", "--bundle", monitor.bundle, "--pid-file",
			 pid_file, monitor.id, NULL };
	int64_t begin = now_ns();

	waitpid(start(argv, env, NULL, 0), NULL, 0);
	int64_t took = now_ns() - begin;

	read_small(pid_file, text, sizeof(text));
	monitor.init = (pid_t)atoi(text);
	monitor_kill_init(&monitor);
	waitpid(monitor.init, NULL, 0);
	return took;
}
