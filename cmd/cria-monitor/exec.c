/*
 * The role `exec`: one command in a running container, with its output sent to the one client, the daemon. The command
 * lives no longer than that connection.
 *   STDOUT and STDERR frames, then {op: "exit", code, signal?, timedOut, truncated}, or {op: "failed", message}
 */
#include "config.h"
#include "connection.h"
#include "kill-tree.h"
#include "process.h"
#include "roles.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	GATE_FD = 3,
	READ_SIZE = DATA_MAX - 64,
	DRAIN_EXTRA = 64 << 10,
	/* Above this the command has to wait for the client. */
	QUEUE_FULL = 256 << 10,
	OUT_LIMIT = 4 << 20,
	EARLY_LIMIT = 1 << 20,
	CLIENT_MS = 10000,
	KILL_MS = 5000,
};

struct output {
	struct source source;
	uint8_t type;
	int64_t sent;
};

enum exec_phase { STARTING, STARTED, ENDED, REPORTED };

static struct {
	struct json json;
	const char *id, *socket, *pid_file, *process;
	int64_t timeout_ms, max_bytes;
} config;

static void output_ready(struct source *source, uint32_t events);
static void client_ready(struct source *source, uint32_t events);
static void timed_out(void);
static void no_client(void);

static enum exec_phase phase;
static struct connection client = { .source = { .fd = -1 } };
static struct source listener = { .fd = -1, .ready = client_ready };
static struct output outputs[2] = {
	{ .source = { .fd = -1, .ready = output_ready }, .type = FRAME_STDOUT },
	{ .source = { .fd = -1, .ready = output_ready }, .type = FRAME_STDERR },
};
/* What came on stderr before the runtime was done: its own message, or the first words of the command. */
static struct bytes early;
static pid_t runtime_pid, command_pid;
static int command_status;
static bool is_timed_out, truncated;
static ino_t pipes[2];
static struct {
	pid_t pid;
	int status;
} early_exits[16];
static size_t early_exit_count;
static bool has_failed;
PAGES(char, failure, 8192);
static struct timer deadline = { .fire = timed_out };
static struct timer client_timer = { .fire = no_client };

static void send_output(struct output *output, const uint8_t *data, size_t size)
{
	int64_t room = config.max_bytes - output->sent;
	size_t take = (int64_t)size < room ? size : (size_t)room;

	if (take < size)
		truncated = true;
	output->sent += (int64_t)take;
	if (take > 0 && !connection_send(&client, (struct frame_head){ output->type, 0 }, data, take))
		truncated = true;
}

/* The number of bytes, 0 when nothing waits, -1 at the end. */
static ssize_t read_output(struct output *output)
{
	PAGES(uint8_t, chunk, READ_SIZE);
	ssize_t got = read(output->source.fd, chunk, READ_SIZE);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0) {
		loop_close(&output->source);
		return -1;
	}
	if (phase != STARTING)
		send_output(output, chunk, (size_t)got);
	else if (!bytes_put(&early, chunk, (size_t)got, EARLY_LIMIT))
		truncated = true;
	return got;
}

/* While the runtime runs only its stderr is read, later both, and only as fast as the client takes it. */
static void update_interest(void)
{
	bool flows = phase == STARTED && connection_is_open(&client) && bytes_length(&client.out) < QUEUE_FULL;

	loop_want(&outputs[0].source, flows ? EPOLLIN : 0);
	loop_want(&outputs[1].source, flows || (phase == STARTING && bytes_length(&early) < EARLY_LIMIT - READ_SIZE) ? EPOLLIN : 0);
}

static void output_ready(struct source *source, uint32_t events)
{
	(void)events;
	read_output((struct output *)source);
	update_interest();
}

static void drain(struct output *output)
{
	int capacity = output->source.fd < 0 ? 0 : fcntl(output->source.fd, F_GETPIPE_SZ);

	for (int64_t left = capacity + DRAIN_EXTRA; left > 0 && output->source.fd >= 0;) {
		ssize_t got = read_output(output);

		if (got <= 0)
			break;
		left -= got;
	}
	loop_close(&output->source);
}

static void send_early(void)
{
	while (bytes_length(&early) > 0) {
		size_t size = bytes_length(&early) < READ_SIZE ? bytes_length(&early) : READ_SIZE;

		send_output(&outputs[1], bytes_front(&early), size);
		bytes_take(&early, size);
	}
}

/* The last frame, as soon as there is a client for it. */
static void report(void)
{
	/* Every byte may become an escape of six. */
	static char buffer[6 * sizeof(failure) + 256];
	struct json_writer writer;

	if (phase != ENDED || !connection_is_open(&client))
		return;
	json_begin(&writer, buffer, sizeof(buffer));
	if (has_failed) {
		json_put_string(&writer, "op", "failed");
		json_put_string(&writer, "message", failure);
	} else {
		send_early();
		drain(&outputs[0]);
		drain(&outputs[1]);
		json_put_string(&writer, "op", "exit");
		json_put_number(&writer, "code",
				WIFSIGNALED(command_status) ? 128 + WTERMSIG(command_status) : WEXITSTATUS(command_status));
		json_put_bool(&writer, "truncated", truncated);
	}
	json_put_bool(&writer, "timedOut", is_timed_out);
	phase = REPORTED;
	connection_send_json(&client, &writer);
	connection_finish(&client);
}

static void end(void)
{
	timer_stop(&deadline);
	phase = ENDED;
	update_interest();
	report();
}

/* Nothing of the command is left when this returns. */
static void kill_command(void)
{
	if (runtime_pid != 0)
		kill(-runtime_pid, SIGKILL);
	kill_tree(command_pid, pipes, KILL_MS);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	runtime_pid = 0;
}

static void timed_out(void)
{
	is_timed_out = true;
	command_status = SIGKILL;
	kill_command();
	end();
}

static void command_ended(int status)
{
	command_status = status;
	end();
}

static pid_t read_pid_file(void)
{
	char text[32], *tail;

	if (read_file(config.pid_file, text, sizeof(text)) <= 0)
		return -1;
	long pid = strtol(text, &tail, 10);

	return (*tail == '\0' || *tail == '\n') && pid > 1 && pid <= INT_MAX ? (pid_t)pid : -1;
}

static void fail(const char *text)
{
	if (text != failure)
		format(failure, sizeof(failure), "%s", text);
	has_failed = true;
	kill_command();
	end();
}

static void runtime_ended(int status)
{
	runtime_pid = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		while (outputs[1].source.fd >= 0 && read_output(&outputs[1]) > 0)
			;
		size_t size = bytes_length(&early) < sizeof(failure) - 1 ? bytes_length(&early) : sizeof(failure) - 1;

		for (size_t i = 0; i < size; i++) /* a NUL would hide the rest */
			failure[i] = bytes_front(&early)[i] == '\0' ? ' ' : (char)bytes_front(&early)[i];
		if (size == 0)
			snprintf(failure, sizeof(failure), "the runtime %s %d and said nothing",
				 WIFEXITED(status) ? "exited with code" : "was killed by signal",
				 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
		fail(failure);
		return;
	}
	command_pid = read_pid_file();
	unlink(config.pid_file);
	if (command_pid < 0) {
		fail("the runtime wrote no valid pid file");
		return;
	}
	phase = STARTED;
	for (size_t i = 0; i < early_exit_count; i++) {
		if (early_exits[i].pid == command_pid) {
			command_ended(early_exits[i].status);
			return;
		}
	}
	pid_t got = waitpid(command_pid, &status, WNOHANG);

	if (got == command_pid) {
		command_ended(status); /* ended while we looked */
		return;
	}
	if (got < 0) {
		fail("the runtime's process is not ours to wait for");
		return;
	}
	if (connection_is_open(&client))
		send_early();
	update_interest();
}

static void on_signal(int signal_number)
{
	int status;
	pid_t pid;

	if (signal_number == SIGTERM) {
		kill_command();
		loop_stop();
	}
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == runtime_pid) {
			runtime_ended(status);
		} else if (pid == command_pid && phase == STARTED) {
			command_ended(status);
		} else if (phase == STARTING && early_exit_count < LENGTH(early_exits)) {
			early_exits[early_exit_count].pid = pid;
			early_exits[early_exit_count++].status = status;
		}
	}
}

static enum taken on_frame(struct connection *connection, uint8_t type, uint8_t *payload, size_t size)
{
	(void)connection, (void)payload, (void)size;
	return type == FRAME_STDIN || type == FRAME_EOF || type == FRAME_CONTROL || type >= 128 ? FRAME_TAKEN : FRAME_BAD;
}

static void on_close(struct connection *connection)
{
	(void)connection;
	if (phase == STARTING || phase == STARTED)
		kill_command(); /* nobody waits for it any more */
	loop_stop();
}

static void on_sent(struct connection *connection)
{
	(void)connection;
	update_interest();
}

static void no_client(void)
{
	if (phase == STARTING || phase == STARTED)
		kill_command();
	loop_stop();
}

static void client_ready(struct source *source, uint32_t events)
{
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	timer_stop(&client_timer);
	unlink(config.socket);
	loop_close(&listener);
	client.on_frame = on_frame;
	client.on_end = connection_close;
	client.on_close = on_close;
	client.on_sent = on_sent;
	if (!connection_open(&client, fd, OUT_LIMIT)) {
		no_client();
		return;
	}
	if (phase == STARTED)
		send_early();
	update_interest();
	report();
}

static int listen_for_client(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(config.socket) >= sizeof(address.sun_path))
		return ENAMETOOLONG;
	strcpy(address.sun_path, config.socket);
	listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener.fd < 0 || bind(listener.fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listener.fd, 1) != 0 || !loop_add(&listener, EPOLLIN))
		return errno;
	return 0;
}

static int open_outputs(int ends[2])
{
	uid_t uid = (uid_t)json_number(&config.json, "uid", 0);
	gid_t gid = (gid_t)json_number(&config.json, "gid", 0);

	for (int i = 0; i < 2; i++) {
		struct stat status;
		int fds[2];

		if (pipe_open(fds, 0) != 0)
			return errno;
		ends[i] = fds[1];
		outputs[i].source.fd = fds[0];
		/* So that a process that is not root can open /dev/stdout. */
		if (fchown(fds[1], uid, gid) != 0 || fstat(fds[0], &status) != 0 ||
		    !loop_add(&outputs[i].source, i == 1 ? EPOLLIN : 0))
			return errno;
		pipes[i] = status.st_ino;
	}
	return 0;
}

static const char *start_command(void)
{
	const char *argv[ARGUMENTS], *env[ARGUMENTS];
	char process_path[64], oom_score[16];
	static char text[512];
	size_t count = runtime_arguments(&config.json, argv, env, ARGUMENTS - 16);
	struct process process = { .argv = argv, .env = env, .fds = { -1, -1, -1, -1, -1 } };
	/* The runtime opens it through us: it inherits nothing that the container could get hold of. */
	int description = memory_file("process", config.process, strlen(config.process));
	int error = description < 0 ? errno : open_outputs(&process.fds[1]);

	if (error != 0)
		return strerror(error);
	if (count >= ARGUMENTS - 16)
		return "the runtime has too many arguments";
	format(process_path, sizeof(process_path), "/proc/%d/fd/%d", (int)getpid(), description);
	const char *const words[] = { "exec", "--detach", "--process", process_path, "--pid-file", config.pid_file, config.id };

	for (size_t i = 0; i < LENGTH(words); i++)
		argv[count++] = words[i];
	argv[count] = NULL;
	process.directory = "/";
	process.own_group = true;
	process.death_signal = SIGKILL;
	process.oom_score = oom_score_of_others(oom_score, sizeof(oom_score));
	runtime_pid = process_start(&process);
	close(process.fds[1]);
	close(process.fds[2]);
	if (runtime_pid > 0)
		return NULL;
	runtime_pid = 0;
	snprintf(text, sizeof(text), "%s %s: %s", process.failed_step, argv[0], strerror(process.failed_errno));
	return text;
}

static const char *prepare(const char *config_path)
{
	const char *wrong = json_file(&config.json, config_path);

	if (wrong != NULL)
		return wrong;
	config.id = json_string(&config.json, "id");
	config.socket = json_string(&config.json, "socket");
	config.pid_file = json_string(&config.json, "pidFile");
	config.process = json_string(&config.json, "process");
	config.timeout_ms = json_number(&config.json, "timeoutMs", 0);
	config.max_bytes = json_number(&config.json, "maxOutputBytes", 16 << 20);
	if (config.id == NULL || config.socket == NULL || config.pid_file == NULL || config.process == NULL)
		return "the config lacks a field";
	setsid();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	oom_protect_self();
	if (chdir("/") != 0 || !loop_init(on_signal))
		return strerror(errno);
	int error = listen_for_client();

	if (error != 0)
		return strerror(error);
	if (!gate_wait(GATE_FD))
		return "the gate was not opened";
	if (config.timeout_ms > 0)
		timer_start(&deadline, config.timeout_ms);
	timer_start(&client_timer, CLIENT_MS);
	return start_command();
}

/* Also the name under which runc writes the pid file first: a runtime that was killed leaves it. */
static void remove_pid_file(void)
{
	const char *name = strrchr(config.pid_file, '/');
	char temporary[PATH_MAX];

	unlink(config.pid_file);
	if (name != NULL && format(temporary, sizeof(temporary), "%.*s/.%s", (int)(name - config.pid_file), config.pid_file, name + 1))
		unlink(temporary);
}

int exec_main(const char *config_path)
{
	const char *wrong = prepare(config_path);

	if (wrong == NULL) {
		gate_answer(GATE_FD, "R");
		loop_run();
	}
	if (listener.fd >= 0)
		unlink(config.socket);
	if (config.pid_file != NULL)
		remove_pid_file();
	if (wrong == NULL)
		return 0;
	gate_answer(GATE_FD, wrong); /* last: the spawner may kill us then */
	return 1;
}
