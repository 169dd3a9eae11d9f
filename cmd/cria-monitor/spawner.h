/*
 * The spawner starts every program for the daemon, because a fork of a large Node process stops its event loop.
 * It speaks frames on fd 3. After the end of that stream it finishes the commands that run, and ends; monitors go on
 * without it. fd 4, when it is open, is the daemon's lock on its directories: it is held as long as a command runs.
 *
 * Requests are CONTROL frames {"op","seq",...}; DATA frames start with the seq (u32, little endian) of their run.
 *   hello   {proto, keepSocket?}    -> {proto, version, features}, or {err} when it cannot listen there, see keep.h
 *   run     {argv, env, cwd?, timeoutMs?, hasStdin?, maxBytes?, tellPid?}   with hasStdin: STDIN frames, then EOF with the seq
 *           -> with tellPid also {seq, pid, startTicks, started}; STDOUT and STDERR frames, then
 *              {seq, code | signal, timedOut, truncated} or {seq, err}
 *   spawn   {argv, env, hasStdin?, gate?}                         what came as stdin is the new process's fd 4
 *           -> {seq, pid} when the process said that it is ready, or {seq, err}; with gate first {seq, pid, gated}
 *   adopt   {id, argv, env}         a spawn that gets what was kept of a container whose monitor is dead
 *           -> as spawn, or {seq, err, notKept} when there is nothing
 *   forget  {id}                    nothing needs to be kept of this container
 * With tellPid each of these three has the answer {seq, begun} before anything is done for it: when we are killed, what has
 * not begun can be asked of the next spawner.
 *   go      {target}       opens the gate of a spawn
 *   cancel  {target}       kills the process group and the descendants of a run, or the process of a spawn that is not ready
 */
#ifndef SPAWNER_H
#define SPAWNER_H

#include "connection.h"

enum job_kind { JOB_FREE, JOB_RUN, JOB_SPAWN, JOB_ADOPT };

/* The request as it waits for its stdin, then the process. */
struct job {
	enum job_kind kind;
	uint32_t seq;
	/* 0 before it is started and after it is reaped. */
	pid_t pid;
	bool timed_out;
	bool truncated;
	bool gated;
	bool tells_pid;
	/* Monotonic milliseconds; 0 is none. */
	int64_t deadline;
	size_t max_bytes;
	/* The request's text, which argv and env point into, until the process is started. */
	struct bytes request;
	struct bytes input;
	/* stdout and stderr of a run; of a spawn the first is our end of its gate. */
	struct source outputs[2];
	struct bytes collected[2];
};

extern struct connection daemon_link;

/* Starts the process of a complete request. */
void run_start(struct job *job);
void spawn_start(struct job *job);
void spawn_go(struct job *job);
/* The process of a run was reaped. */
void run_exited(struct job *job, int status);
/* Kills what the job started; the answer follows when it is reaped. */
void run_kill(struct job *job);

/* Parses job->request again: the strings live as long as the request. */
bool job_strings(struct job *job, const char **argv, const char **env, struct json *fields);
/* A job with its request's text; NULL when there was no place, and that was answered. */
struct job *job_new(enum job_kind kind, uint32_t seq, const char *text, size_t size);
struct job *job_find(uint32_t seq);
/* Its process was started: it runs, or the end of its gate is still to be read. */
bool job_is_started(const struct job *job);
struct process;
/*
 * Starts its process, when all that it needs is `prepared`; else errno says why not, and `step` at what. True with job->pid; false
 * when the job was answered that it could not be started, and forgotten. What was prepared for the process is closed here.
 */
bool job_start(struct job *job, struct process *process, bool prepared, const char *step);
/* Answers that the request makes no sense, and forgets it. */
void job_refuse(struct job *job);
void job_reply_error(struct job *job, const char *what, int error);
void job_free(struct job *job);
void job_arm_deadline(void);
/* False when it was none of theirs. */
bool jobs_reaped(pid_t pid, int status);
/* There is no daemon any more to be told that a monitor is ready. */
void jobs_orphaned(void);
bool jobs_are_running(void);
void spawner_reply_error(uint32_t seq, const char *text);

#define ARGUMENTS_MAX 1024

#endif
