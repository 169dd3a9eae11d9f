/* The `spawn` of the spawner: a process that lives longer than the daemon. */
#include "fault.h"
#include "fd-store.h"
#include "process.h"
#include "spawner.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* Nobody knows how far it came; that is another failure than one that it reported itself. */
static void reply_died(struct job *job)
{
	char buffer[128];
	struct json_writer reply;

	json_begin(&reply, buffer, sizeof(buffer));
	json_put_number(&reply, "seq", job->seq);
	json_put_string(&reply, "err", "the process died before it was ready");
	json_put_bool(&reply, "died", true);
	connection_send_json(&daemon_link, &reply);
}

/*
 * The gate is a socket pair. We send one byte when the process may go on; it answers 'R' when it can be connected to,
 * or the text of what went wrong.
 */
static void gate_ready(struct source *source, uint32_t events)
{
	struct job *job = (struct job *)((char *)source - offsetof(struct job, outputs));
	char answer[600];
	ssize_t got = recv(source->fd, answer, sizeof(answer) - 1, MSG_DONTWAIT);

	(void)events;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	answer[got > 0 ? got : 0] = '\0';
	if (got == 1 && answer[0] == 'R') {
		char buffer[128];
		struct json_writer reply;

		json_begin(&reply, buffer, sizeof(buffer));
		json_put_number(&reply, "seq", job->seq);
		json_put_number(&reply, "pid", job->pid);
		connection_send_json(&daemon_link, &reply);
	} else {
		run_kill(job);
		if (got > 0)
			job_reply_error(job, answer, 0);
		else
			reply_died(job);
	}
	job_free(job);
}

void spawn_go(struct job *job)
{
	job->gated = false;
	if (send(job->outputs[0].fd, "g", 1, MSG_NOSIGNAL) != 1)
		run_kill(job); /* the end of the gate follows, and with it the answer */
}

static void hand_over(struct job *job, const char *id)
{
	if (fd_store_hand_over(id, job->outputs[0].fd) != 0)
		run_kill(job);
}

static void reply_gated(struct job *job)
{
	char buffer[128];
	struct json_writer reply;

	json_begin(&reply, buffer, sizeof(buffer));
	json_put_number(&reply, "seq", job->seq);
	json_put_number(&reply, "pid", job->pid);
	json_put_bool(&reply, "gated", true);
	connection_send_json(&daemon_link, &reply);
}

/* Its end of the gate, and as a file in memory what came as its input. */
static bool prepare_spawn(struct job *job, struct process *process)
{
	int gate[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gate) != 0)
		return false;
	process->fds[3] = gate[1];
	job->outputs[0] = (struct source){ .fd = gate[0], .ready = gate_ready };
	if (!loop_add(&job->outputs[0], EPOLLIN))
		return false;
	if (bytes_length(&job->input) == 0)
		return true;
	process->fds[4] = memory_file("config", bytes_front(&job->input), bytes_length(&job->input));
	return process->fds[4] >= 0;
}

void spawn_start(struct job *job)
{
	APART const char *argv[ARGUMENTS_MAX], *env[ARGUMENTS_MAX];
	static struct json fields;
	struct process process = { .argv = argv, .env = env, .fds = { -1, -1, -1, -1, -1 } };

	if (!job_strings(job, argv, env, &fields)) {
		job_refuse(job);
		return;
	}
	if (!job_start(job, &process, prepare_spawn(job, &process), "start"))
		return;
	FAULT_POINT("spawned");
	job->gated = json_bool(&fields, "gate");
	if (job->kind == JOB_ADOPT)
		hand_over(job, json_string(&fields, "id"));
	else if (job->gated)
		reply_gated(job);
	else
		spawn_go(job);
	bytes_free(&job->request);
	bytes_free(&job->input);
}
