/* The spawner's table of what it was asked for and what runs. */
#include "process.h"
#include "spawner.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* A monitor may take 10 s for the runtime's delete, and 5 for what is left of it. */
enum { REQUEST_MAX = FRAME_MAX, UNDO_MS = 20000 };

APART struct job jobs[1024];

static void deadline_passed(void);
static struct timer deadline = { .fire = deadline_passed };

struct job *job_find(uint32_t seq)
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

void spawner_reply_error(uint32_t seq, const char *text)
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
	spawner_reply_error(job->seq, text);
}

void job_refuse(struct job *job)
{
	job_reply_error(job, "the request is not valid", 0);
	job_free(job);
}

bool job_start(struct job *job, struct process *process, bool prepared, const char *step)
{
	int error = errno;
	char text[300];
	pid_t pid = prepared ? process_start(process) : -1;

	process_close_fds(process);
	if (pid > 0) {
		job->pid = pid;
		return true;
	}
	if (prepared) {
		step = process->failed_step;
		error = process->failed_errno;
	}
	snprintf(text, sizeof(text), "%s %s", step, process->argv[0]);
	job_reply_error(job, text, error);
	job_free(job);
	return false;
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

struct job *job_new(enum job_kind kind, uint32_t seq, const char *text, size_t size)
{
	struct job *job = find_free();

	if (job == NULL) {
		spawner_reply_error(seq, "too many commands at once");
		return NULL;
	}
	*job = (struct job){ .kind = kind, .seq = seq, .outputs = { { .fd = -1 }, { .fd = -1 } } };
	if (bytes_put(&job->request, text, size, REQUEST_MAX + 1))
		return job;
	job_reply_error(job, "no memory for the request", 0);
	job_free(job);
	return NULL;
}

bool job_is_started(const struct job *job)
{
	return job->pid != 0 || job->outputs[0].fd >= 0;
}

bool jobs_reaped(pid_t pid, int status)
{
	for (size_t i = 0; i < LENGTH(jobs); i++) {
		if (jobs[i].kind == JOB_FREE || jobs[i].pid != pid)
			continue;
		if (jobs[i].kind == JOB_RUN)
			run_exited(&jobs[i], status);
		else
			jobs[i].pid = 0; /* the end of its gate answers */
		return true;
	}
	return false;
}

/* It takes back what it has made, its socket too: the end of its gate, or SIGTERM when it is through that, tells it to. */
static void undo_spawn(struct job *job)
{
	kill(job->pid, SIGTERM);
	loop_close(&job->outputs[0]);
	job->deadline = monotonic_ms() + UNDO_MS;
	job_arm_deadline();
}

void jobs_orphaned(void)
{
	for (size_t i = 0; i < LENGTH(jobs); i++) {
		if (jobs[i].kind == JOB_SPAWN && jobs[i].pid != 0)
			undo_spawn(&jobs[i]);
		else if (jobs[i].kind == JOB_ADOPT)
			job_free(&jobs[i]); /* it has what it needs, and nobody else has it any more */
	}
}

bool jobs_are_running(void)
{
	for (size_t i = 0; i < LENGTH(jobs); i++)
		if (jobs[i].kind != JOB_FREE && jobs[i].pid != 0)
			return true; /* a command, or a monitor that was killed just now */
	return false;
}
