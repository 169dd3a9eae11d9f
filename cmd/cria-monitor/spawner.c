#include "spawner.h"

#include "roles.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DAEMON_FD = 3, REQUEST_MAX = FRAME_MAX, INPUT_MAX = 64 << 20, OUT_LIMIT = 1 << 30 };

static struct job jobs[1024];
static struct timer deadline;
struct connection daemon_link = { .source = { .fd = -1 } };

static struct job *find_seq(uint32_t seq)
{
	for (size_t i = 0; i < LENGTH(jobs); i++)
		if (jobs[i].kind != JOB_FREE && jobs[i].seq == seq)
			return &jobs[i];
	return NULL;
}

static struct job *find_free(void)
{
	for (size_t i = 0; i < LENGTH(jobs); i++)
		if (jobs[i].kind == JOB_FREE)
			return &jobs[i];
	return NULL;
}

bool job_strings(struct job *job, const char **argv, const char **env, struct json *fields)
{
	if (!json_parse(fields, (char *)bytes_front(&job->request)))
		return false;
	size_t arguments = json_strings(fields, "argv", argv, 0, ARGUMENTS_MAX);
	size_t variables = json_strings(fields, "env", env, 0, ARGUMENTS_MAX);

	return arguments > 0 && arguments < ARGUMENTS_MAX && variables < ARGUMENTS_MAX && argv[0][0] == '/';
}

static void reply_error(uint32_t seq, const char *text)
{
	char buffer[4096];
	struct json_writer reply;

	json_begin(&reply, buffer, sizeof(buffer));
	json_put_number(&reply, "seq", seq);
	json_put_text(&reply, "err", text, strnlen(text, 600));
	connection_send_json(&daemon_link, &reply);
}

void job_reply_error(struct job *job, const char *what, int error)
{
	char text[600];

	snprintf(text, sizeof(text), error == 0 ? "%s" : "%s: %s", what, strerror(error));
	reply_error(job->seq, text);
}

void job_free(struct job *job)
{
	for (int i = 0; i < 2; i++) {
		loop_close(&job->outputs[i]);
		bytes_free(&job->collected[i]);
	}
	bytes_free(&job->request);
	bytes_free(&job->input);
	job->kind = JOB_FREE;
}

void job_arm_deadline(void)
{
	int64_t first = 0;

	for (size_t i = 0; i < LENGTH(jobs); i++)
		if (jobs[i].kind != JOB_FREE && jobs[i].deadline != 0 && (first == 0 || jobs[i].deadline < first))
			first = jobs[i].deadline;
	if (first == 0)
		timer_stop(&deadline);
	else
		timer_start(&deadline, first - monotonic_ms());
}

static void deadline_passed(void)
{
	int64_t now = monotonic_ms();

	for (size_t i = 0; i < LENGTH(jobs); i++) {
		if (jobs[i].kind != JOB_FREE && jobs[i].deadline != 0 && jobs[i].deadline <= now) {
			jobs[i].deadline = 0;
			jobs[i].timed_out = true;
			run_kill(&jobs[i]);
		}
	}
	job_arm_deadline();
}

static void start(struct job *job)
{
	if (job->kind == JOB_RUN)
		run_start(job);
	else
		spawn_start(job);
}

static void new_job(enum job_kind kind, uint32_t seq, const char *text, size_t size, bool has_input)
{
	struct job *job = find_free();

	if (job == NULL) {
		reply_error(seq, "too many commands at once");
		return;
	}
	*job = (struct job){ .kind = kind, .seq = seq, .outputs = { { .fd = -1 }, { .fd = -1 } } };
	if (!bytes_put(&job->request, text, size, REQUEST_MAX + 1)) {
		job_reply_error(job, "no memory for the request", 0);
		job_free(job);
	} else if (!has_input) {
		start(job);
	}
}

/* Its process was started: it runs, or the end of its gate is still to be read. */
static bool is_started(const struct job *job)
{
	return job->pid != 0 || job->outputs[0].fd >= 0;
}

static void cancel(struct job *job)
{
	if (is_started(job)) {
		run_kill(job); /* the answer follows when it is reaped, or at the end of its gate */
	} else {
		job_reply_error(job, "cancelled", 0);
		job_free(job);
	}
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
	struct job *target = find_seq((uint32_t)json_number(&fields, "target", 0));

	if (op == NULL)
		return FRAME_BAD;
	if (strcmp(op, "run") == 0)
		new_job(JOB_RUN, seq, copy, size + 1, json_bool(&fields, "hasStdin"));
	else if (strcmp(op, "spawn") == 0)
		new_job(JOB_SPAWN, seq, copy, size + 1, json_bool(&fields, "hasStdin"));
	else if (strcmp(op, "cancel") == 0 && target != NULL)
		cancel(target);
	else if (strcmp(op, "go") == 0 && target != NULL && target->gated)
		spawn_go(target);
	else if (strcmp(op, "cancel") != 0 && strcmp(op, "go") != 0)
		reply_error(seq, "unsupported");
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
	struct job *job = find_seq(seq);

	if (job == NULL || is_started(job))
		return FRAME_TAKEN; /* cancelled in between */
	if (type == FRAME_EOF) {
		start(job);
	} else if (!bytes_put(&job->input, payload + 4, size - 4, INPUT_MAX)) {
		job_reply_error(job, "the input is too large", 0);
		job_free(job);
	}
	return FRAME_TAKEN;
}

static bool orphaned;

static void stop_when_idle(void)
{
	for (size_t i = 0; i < LENGTH(jobs); i++)
		if (jobs[i].kind != JOB_FREE && jobs[i].pid != 0)
			return; /* a command, or a monitor that was killed just now */
	loop_stop();
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
	for (size_t i = 0; i < LENGTH(jobs); i++)
		if (jobs[i].kind == JOB_SPAWN && jobs[i].pid != 0)
			run_kill(&jobs[i]);
	stop_when_idle();
}

static void reap(int signal_number)
{
	int status;
	pid_t pid;

	if (signal_number == SIGTERM) {
		on_end(&daemon_link);
		return;
	}
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < LENGTH(jobs); i++) {
			if (jobs[i].kind == JOB_RUN && jobs[i].pid == pid)
				run_exited(&jobs[i], status);
			else if (jobs[i].kind == JOB_SPAWN && jobs[i].pid == pid)
				jobs[i].pid = 0; /* the end of its gate answers */
		}
	}
	if (orphaned)
		stop_when_idle();
}

int spawner_main(void)
{
	deadline.fire = deadline_passed;
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
