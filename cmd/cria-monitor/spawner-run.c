/* The `run` of the spawner: a command to its end, with its output collected. */
#include "fault.h"
#include "kill-tree.h"
#include "process.h"
#include "spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READ_SIZE = 64 << 10, DRAIN_EXTRA = 64 << 10, KEPT_BYTES = 1 << 20, BELOW_MS = 200 };

/* One read. False at the end of the stream, or when nothing waits. */
static bool read_output(struct job *job, int index)
{
	PAGES(uint8_t, chunk, READ_SIZE);
	struct bytes *kept = &job->collected[index];
	ssize_t got = read(job->outputs[index].fd, chunk, sizeof(chunk));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got <= 0) {
		loop_close(&job->outputs[index]);
		return false;
	}
	size_t room = job->max_bytes - bytes_length(kept);
	size_t take = (size_t)got < room ? (size_t)got : room;

	if (!bytes_put(kept, chunk, take, job->max_bytes) || take < (size_t)got)
		job->truncated = true;
	return true;
}

static struct job *job_of(struct source *source, int index)
{
	return (struct job *)((char *)source - offsetof(struct job, outputs) - (size_t)index * sizeof(*source));
}

static void stdout_ready(struct source *source, uint32_t events)
{
	(void)events;
	read_output(job_of(source, 0), 0);
}

static void stderr_ready(struct source *source, uint32_t events)
{
	(void)events;
	read_output(job_of(source, 1), 1);
}

static void send_output(struct job *job, int index)
{
	struct bytes *kept = &job->collected[index];
	uint8_t seq[4] = { (uint8_t)job->seq, (uint8_t)(job->seq >> 8), (uint8_t)(job->seq >> 16), (uint8_t)(job->seq >> 24) };

	while (bytes_length(kept) > 0) {
		size_t size = bytes_length(kept) < DATA_MAX ? bytes_length(kept) : DATA_MAX;
		struct frame_head head = { index == 0 ? FRAME_STDOUT : FRAME_STDERR, 0 };

		connection_send2(&daemon_link, head, seq, sizeof(seq), bytes_front(kept), size);
		bytes_take(kept, size);
	}
}

/* What the command wrote is in the pipes now; what a child of it writes later is nobody's, however long it lives. */
static void drain(struct job *job, int index)
{
	int capacity = job->outputs[index].fd < 0 ? 0 : fcntl(job->outputs[index].fd, F_GETPIPE_SZ);

	for (int left = capacity + DRAIN_EXTRA; left > 0 && job->outputs[index].fd >= 0; left -= READ_SIZE)
		if (!read_output(job, index))
			break;
}

void run_exited(struct job *job, int status)
{
	char buffer[256];
	struct json_writer reply;

	job->pid = 0;
	FAULT_POINT("run-ended");
	for (int i = 0; i < 2; i++) {
		drain(job, i);
		send_output(job, i);
	}
	json_begin(&reply, buffer, sizeof(buffer));
	json_put_number(&reply, "seq", job->seq);
	if (WIFSIGNALED(status))
		json_put_number(&reply, "signal", WTERMSIG(status));
	else
		json_put_number(&reply, "code", WEXITSTATUS(status));
	json_put_bool(&reply, "timedOut", job->timed_out);
	json_put_bool(&reply, "truncated", job->truncated);
	connection_send_json(&daemon_link, &reply);
	job_free(job);
	job_arm_deadline();
}

void run_kill(struct job *job)
{
	/* Not reaped yet, so neither the pid nor the group can belong to anybody else. */
	if (job->pid == 0)
		return;
	if (job->kind != JOB_RUN) {
		kill(job->pid, SIGKILL);
		return;
	}
	/* Children may have left the group. They are found while their parent lives; it is stopped, or it would go on without them. */
	kill(-job->pid, SIGSTOP);
	kill_below(job->pid, BELOW_MS);
	kill(-job->pid, SIGKILL);
}

static bool open_outputs(struct job *job, struct process *process)
{
	for (int i = 0; i < 2; i++) {
		int fds[2];

		if (pipe_open(fds, 0) != 0)
			return false;
		job->outputs[i] = (struct source){ .fd = fds[0], .ready = i == 0 ? stdout_ready : stderr_ready };
		process->fds[1 + i] = fds[1];
		if (!loop_add(&job->outputs[i], EPOLLIN))
			return false;
	}
	return true;
}

/* So that the daemon can wait for the command, and bound it, when we are killed. */
static void tell_pid(struct job *job)
{
	char buffer[128];
	struct json_writer reply;

	json_begin(&reply, buffer, sizeof(buffer));
	json_put_number(&reply, "seq", job->seq);
	json_put_number(&reply, "pid", job->pid);
	json_put_big(&reply, "startTicks", start_ticks(job->pid));
	json_put_bool(&reply, "started", true);
	connection_send_json(&daemon_link, &reply);
}

static bool prepare_run(struct job *job, struct process *process)
{
	/* stdin is a file in memory: the spawner never has to wait for the command to read. */
	if (bytes_length(&job->input) > 0) {
		process->fds[0] = memory_file("stdin", bytes_front(&job->input), bytes_length(&job->input));
		if (process->fds[0] < 0)
			return false;
	}
	return open_outputs(job, process);
}

void run_start(struct job *job)
{
	APART const char *argv[ARGUMENTS_MAX], *env[ARGUMENTS_MAX];
	static struct json fields;
	struct process process = { .argv = argv, .env = env, .fds = { -1, -1, -1, -1, -1 }, .own_group = true };

	if (!job_strings(job, argv, env, &fields)) {
		job_refuse(job);
		return;
	}
	process.directory = json_string(&fields, "cwd");
	job->max_bytes = (size_t)json_number(&fields, "maxBytes", KEPT_BYTES);
	if (!job_start(job, &process, prepare_run(job, &process), "pipe for"))
		return;
	int64_t timeout = json_number(&fields, "timeoutMs", 0);

	FAULT_POINT("run-started");
	if (job->tells_pid)
		tell_pid(job);
	bytes_free(&job->input);
	bytes_free(&job->request);
	job->deadline = timeout > 0 ? monotonic_ms() + timeout : 0;
	job_arm_deadline();
}
