#include "runtime.h"

#include "config.h"
#include "container.h"
#include "fault.h"
#include "process.h"
#include "roles.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { UNDO_MS = 10000 };

static void too_slow(void);

static pid_t runtime_pid;
static bool timed_out;
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

	if (ends.in >= 0)
		close(ends.in);
	if (ends.out >= 0)
		close(ends.out);
	if (ends.err >= 0)
		close(ends.err);
	if (started)
		timer_start(&timer, config->create_timeout_ms);
	FAULT_POINT("runtime-started");
	return started;
}

bool runtime_delete(void)
{
	static const char *const words[] = { "delete", "--force", NULL };
	struct stdio_ends nowhere = { .in = -1, .out = -1, .err = -1 };

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
