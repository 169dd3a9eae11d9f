#include "spawner.h"

#include "fault.h"
#include "fd-store.h"
#include "reexec.h"
#include "roles.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DAEMON_FD = 3, INPUT_MAX = 64 << 20, OUT_LIMIT = 1 << 30 };

struct connection daemon_link = { .source = { .fd = -1 } };
/* The daemon is gone. */
static bool orphaned;

static void tell_begun(const struct job *job)
{
	char buffer[64];
	struct json_writer reply;

	json_begin(&reply, buffer, sizeof(buffer));
	json_put_number(&reply, "seq", job->seq);
	json_put_bool(&reply, "begun", true);
	connection_send_json(&daemon_link, &reply);
}

static void start(struct job *job)
{
	if (job->tells_pid)
		tell_begun(job);
	FAULT_POINT("begun");
	if (job->kind == JOB_RUN)
		run_start(job);
	else
		spawn_start(job);
}

static void new_job(enum job_kind kind, const struct json *fields, const char *text, size_t size)
{
	struct job *job = job_new(kind, (uint32_t)json_number(fields, "seq", 0), text, size);

	if (job == NULL)
		return;
	job->tells_pid = json_bool(fields, "tellPid");
	if (!json_bool(fields, "hasStdin"))
		start(job);
}

static void cancel(struct job *job)
{
	if (job_is_started(job)) {
		run_kill(job); /* the answer follows when it is reaped, or at the end of its gate */
	} else {
		job_reply_error(job, "cancelled", 0);
		job_free(job);
	}
}

static void hello(const struct json *fields, uint32_t seq)
{
	const char *socket = json_string(fields, "keepSocket");
	int error = socket == NULL ? 0 : fd_store_listen(socket);
	char buffer[512], text[300];
	struct json_writer reply;

	if (error != 0) {
		snprintf(text, sizeof(text), "listen on %s: %s", socket, strerror(error));
		spawner_reply_error(seq, text);
		return;
	}
	json_begin(&reply, buffer, sizeof(buffer));
	json_put_number(&reply, "seq", seq);
	json_put_raw(&reply, "proto", "[1,1]");
	json_put_string(&reply, "version", MONITOR_VERSION);
	json_put_raw(&reply, "features", "[\"keep\",\"tellPid\"]");
	json_put_number(&reply, "stateMin", REEXEC_STATE_MIN);
	json_put_number(&reply, "stateMax", REEXEC_STATE);
	connection_send_json(&daemon_link, &reply);
}

static void adopt(const struct json *fields, uint32_t seq, const char *text, size_t size)
{
	const char *id = json_string(fields, "id");
	int error = id == NULL ? EINVAL : fd_store_check(id);
	char buffer[256];
	struct json_writer reply;

	if (error == 0) {
		new_job(JOB_ADOPT, fields, text, size);
		return;
	}
	json_begin(&reply, buffer, sizeof(buffer));
	json_put_number(&reply, "seq", seq);
	json_put_string(&reply, "err",
			error == ENOENT	 ? "nothing is kept of the container"
			: error == EBUSY ? "the monitor of the container lives"
					 : strerror(error));
	json_put_bool(&reply, "notKept", error == ENOENT);
	connection_send_json(&daemon_link, &reply);
}

static void forget(const struct json *fields)
{
	const char *id = json_string(fields, "id");

	if (id != NULL)
		fd_store_forget(id);
}

static enum taken on_control(const uint8_t *payload, size_t size)
{
	PAGES(char, text, FRAME_MAX + 1);
	PAGES(char, copy, FRAME_MAX + 1);
	struct json fields;

	memcpy(text, payload, size);
	text[size] = '\0';
	memcpy(copy, text, size + 1);
	if (!json_parse(&fields, text))
		return FRAME_BAD;
	const char *op = json_string(&fields, "op");
	uint32_t seq = (uint32_t)json_number(&fields, "seq", 0);
	struct job *target = job_find((uint32_t)json_number(&fields, "target", 0));

	if (op == NULL)
		return FRAME_BAD;
	if (strcmp(op, "run") == 0)
		new_job(JOB_RUN, &fields, copy, size + 1);
	else if (strcmp(op, "spawn") == 0)
		new_job(JOB_SPAWN, &fields, copy, size + 1);
	else if (strcmp(op, "adopt") == 0)
		adopt(&fields, seq, copy, size + 1);
	else if (strcmp(op, "forget") == 0)
		forget(&fields);
	else if (strcmp(op, "hello") == 0)
		hello(&fields, seq);
	else if (strcmp(op, "cancel") == 0 && target != NULL)
		cancel(target);
	else if (strcmp(op, "go") == 0 && target != NULL && target->gated)
		spawn_go(target);
	else if (strcmp(op, "cancel") != 0 && strcmp(op, "go") != 0)
		spawner_reply_error(seq, "unsupported");
	return FRAME_TAKEN;
}

static enum taken on_frame(struct connection *connection, uint8_t type, uint8_t *payload, size_t size)
{
	(void)connection;
	if (type == FRAME_CONTROL)
		return on_control(payload, size);
	if (type >= 128)
		return FRAME_TAKEN;
	if ((type != FRAME_STDIN && type != FRAME_EOF) || size < 4)
		return FRAME_BAD;
	uint32_t seq = (uint32_t)payload[0] | (uint32_t)payload[1] << 8 | (uint32_t)payload[2] << 16 | (uint32_t)payload[3] << 24;
	struct job *job = job_find(seq);

	if (job == NULL || job_is_started(job))
		return FRAME_TAKEN; /* cancelled in between */
	if (type == FRAME_EOF) {
		start(job);
	} else if (!bytes_put(&job->input, payload + 4, size - 4, INPUT_MAX)) {
		job_reply_error(job, "the input is too large", 0);
		job_free(job);
	}
	return FRAME_TAKEN;
}

/*
 * The daemon is gone. What it only started lives on, and a monitor that is not ready yet is undone. A command goes on to
 * its end or its deadline: a CNI plugin that is killed half way leaves what no second DEL finds. The next daemon waits
 * for us, by the lock that we hold open as fd 4.
 */
static void on_end(struct connection *connection)
{
	if (orphaned)
		return;
	orphaned = true;
	connection_close(connection);
	jobs_orphaned();
	if (!jobs_are_running())
		loop_stop();
}

static void reap(int signal_number)
{
	int status;
	pid_t pid;

	if (signal_number == SIGTERM) {
		on_end(&daemon_link);
		return;
	}
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (!jobs_reaped(pid, status))
			fd_store_reaped(pid, status);
	if (orphaned && !jobs_are_running())
		loop_stop();
}

int spawner_main(void)
{
	/* The containers of a monitor that dies become ours, so that their exit codes are not lost in pid 1. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (!loop_init(reap))
		return 1;
	daemon_link.on_frame = on_frame;
	daemon_link.on_end = on_end;
	daemon_link.on_close = on_end;
	if (!own_fd(DAEMON_FD) || !connection_open(&daemon_link, DAEMON_FD, OUT_LIMIT))
		return 1;
	loop_run();
	return 0;
}
