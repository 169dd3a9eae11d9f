#include "runtime.h"

#include "config.h"
#include "container.h"
#include "fault.h"
#include "process.h"
#include "roles.h"
#include "stand-in.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { UNDO_MS = 10000 };

static void too_slow(void);

static pid_t runtime_pid;
static bool timed_out;
/* Of a creation whose container gets them later. */
static struct stdio_ends kept = { .in = -1, .out = -1, .err = -1 };
static struct timer timer = { .fire = too_slow };

static bool start(const char *const *words, const char *const *extra, struct stdio_ends ends)
{
	const char *argv[ARGUMENTS], *env[ARGUMENTS];
	char oom_score[16];
	size_t count = runtime_arguments(&container.config.json, argv, env, ARGUMENTS - 16);
	struct process process = { .argv = argv, .env = env, .fds = { ends.in, ends.out, ends.err, -1, -1 } };

	if (count >= ARGUMENTS - 16) {
		snprintf(container.message, sizeof(container.message), "the runtime has too many arguments");
		return false;
	}
	for (; *words != NULL; words++)
		argv[count++] = *words;
	for (; extra != NULL && *extra != NULL && count < ARGUMENTS - 2; extra++)
		argv[count++] = *extra;
	argv[count++] = container.config.id;
	argv[count] = NULL;
	process.directory = container.config.bundle;
	process.own_group = true;
	process.death_signal = SIGKILL;
	process.oom_score = oom_score_of_others(oom_score, sizeof(oom_score));
	timed_out = false;
	runtime_pid = process_start(&process);
	if (runtime_pid > 0)
		return true;
	runtime_pid = 0;
	snprintf(container.message, sizeof(container.message), "%s %s: %s", process.failed_step, argv[0],
		 strerror(process.failed_errno));
	return false;
}

static void close_ends(struct stdio_ends *ends)
{
	int *const fds[] = { &ends->in, &ends->out, &ends->err };

	for (size_t i = 0; i < LENGTH(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

pid_t runtime_stand_in(pid_t kernel, const char **wrong)
{
	const int streams[] = { kept.in, kept.out, kept.err };
	pid_t pid = stand_in_start(container.config.path, kernel, streams, wrong);

	close_ends(&kept);
	return pid;
}

bool runtime_create(void)
{
	const struct config *config = &container.config;
	const char *words[8] = { "create", "--bundle", config->bundle, "--pid-file", config->pid_file };
	const char *extra[64];
	struct stdio_ends ends;

	if (json_strings(&config->json, "createArgs", extra, 0, LENGTH(extra)) >= LENGTH(extra))
		extra[0] = NULL;
	unlink(config->pid_file);
	int error = stdio_open(&ends);

	if (ends.console[0] != '\0') {
		words[5] = "--console-socket";
		words[6] = ends.console;
	}

	if (error != 0)
		snprintf(container.message, sizeof(container.message), "make the streams: %s", strerror(error));
	bool started = error == 0 && start(words, extra, ends);

	if (started && config->has_stand_in)
		kept = ends;
	else
		close_ends(&ends);
	if (started)
		timer_start(&timer, config->create_timeout_ms);
	FAULT_POINT("runtime-started");
	return started;
}

bool runtime_delete(void)
{
	static const char *const words[] = { "delete", "--force", NULL };
	struct stdio_ends nowhere = { .in = -1, .out = -1, .err = -1 };

	close_ends(&kept);
	if (!start(words, NULL, nowhere))
		return false;
	timer_start(&timer, UNDO_MS);
	return true;
}

void runtime_kill(void)
{
	/* Not reaped yet, so the group is still its own. */
	if (runtime_pid != 0)
		kill(-runtime_pid, SIGKILL);
}

static void too_slow(void)
{
	timed_out = true;
	runtime_kill();
}

bool runtime_timed_out(void)
{
	return timed_out;
}

bool runtime_reaped(pid_t pid)
{
	if (pid != runtime_pid)
		return false;
	runtime_pid = 0;
	timer_stop(&timer);
	return true;
}
