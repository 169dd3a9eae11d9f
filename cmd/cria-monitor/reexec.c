#include "reexec.h"

#include "container.h"
#include "fault.h"
#include "init.h"
#include "keep.h"
#include "log.h"
#include "orphans.h"
#include "roles.h"
#include "stdin.h"
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STATE_MAX = 1 << 20 };

static void execute(void);
static struct timer turn = { .fire = execute };
static struct reexec_request wanted;
APART char path[PATH_MAX];
static int program = -1;
PAGES(uint8_t, state, STATE_MAX);

/* NULL, or why this is not the time. */
static const char *check_time(void)
{
	if (container.phase != RUNNING || container.acknowledged)
		return "the container does not run";
	if (clients_busy())
		return "a client is attached";
	if (stdin_kept() > 0)
		return "the container has not read its stdin yet";
	return access(container.config.path, R_OK) == 0 ? NULL : "the config of the container is gone";
}

/* Checked where it is open: what the path leads to later is nobody's matter. */
static const char *open_program(void)
{
	struct stat status;

	program = open(path, O_RDONLY | O_CLOEXEC);
	if (program < 0)
		return strerror(errno);
	if (fstat(program, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == 0 &&
	    (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 && (status.st_mode & S_IXUSR) != 0)
		return NULL;
	close(program);
	program = -1;
	return "the program must be root's, executable, and writable by nobody else";
}

const char *reexec_ask(const struct reexec_request *request)
{
	const char *wrong = check_time();

	if (program >= 0)
		return "it is under way already";
	if (request->path == NULL || request->path[0] != '/' || !format(path, sizeof(path), "%s", request->path))
		return "the path is not absolute";
	if (request->state_min > REEXEC_STATE || request->state_max < REEXEC_STATE)
		return "the program cannot go on with a state of this version";
	if (wrong == NULL)
		wrong = open_program();
	if (wrong != NULL)
		return wrong;
	wanted = *request;
	timer_start(&turn, 0);
	return NULL;
}

static void save(struct handover *handover)
{
	const struct config *config = &container.config;

	handover_put_number(handover, "version", REEXEC_STATE);
	handover_put(handover, "config", config->path, strlen(config->path));
	handover_put_number(handover, "pid", container.pid);
	handover_put_number(handover, "startTicks", (int64_t)container.ticks);
	handover_put_number(handover, "startedAt", container.started_at);
	handover_put_fd(handover, "init", container.pidfd);
	if (!config->terminal)
		handover_put_fd(handover, "in", stdin_fd());
	streams_save(handover);
	log_save(handover);
	oom_save(handover);
	clients_save(handover);
	handover_put_number(handover, "client", (int64_t)wanted.client);
	handover_put_number(handover, "seq", wanted.seq);
}

/* Returns only with what went wrong. */
static const char *replace(void)
{
	struct handover handover = { state, 0, sizeof(state), false };
	char number[16];
	char *const argv[] = { path, "resume", number, NULL };

	save(&handover);
	if (handover.full)
		return "too much waits to be read or sent";
	int fd = memory_file("state", state, handover.length);

	if (fd < 0)
		return strerror(errno);
	format(number, sizeof(number), "%d", fd);
	fcntl(fd, F_SETFD, 0);
	FAULT_POINT("reexec");
	syscall(SYS_execveat, program, "", argv, environ, AT_EMPTY_PATH);
	int error = errno;

	close(fd);
	return strerror(error);
}

static void execute(void)
{
	const char *wrong = check_time();

	if (wrong == NULL) {
		wrong = replace();
		/* What was to stay open there must not reach a program that we start. */
		for (int fd = 3; fd < 1024; fd++)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
		release_pages(state, sizeof(state));
	}
	close(program);
	program = -1;
	clients_answer_reexec(wanted.client, wanted.seq, wrong);
}

static void restore(const struct handover *handover)
{
	container.pid = (pid_t)handover_number(handover, "pid", 0);
	container.ticks = (uint64_t)handover_number(handover, "startTicks", 0);
	container.started_at = handover_number(handover, "startedAt", 0);
	container.pidfd = handover_fd(handover, "init");
	container.phase = RUNNING;
	exit_record_reserve(); /* the file is there, with its room */
	log_restore(handover, container.config.log_path, container.config.log_size_max);
	oom_restore(handover);
	if (start_ticks(container.pid) == container.ticks)
		orphans_find(container.pid);
	streams_restore(handover);
	int input = handover_fd(handover, "in");

	if (input >= 0)
		stdin_open(input);
	stdio_adopted();
	init_watch();
	if (container.config.keep_socket != NULL)
		keep_deposit(container.config.keep_socket);
}

static bool read_state(int fd, struct handover *handover)
{
	ssize_t got;

	while (handover->length < handover->room &&
	       (got = read(fd, state + handover->length, handover->room - handover->length)) > 0)
		handover->length += (size_t)got;
	close(fd);
	return handover_number(handover, "version", 0) >= REEXEC_STATE_MIN &&
	       handover_number(handover, "version", 0) <= REEXEC_STATE;
}

int resume_main(const char *state_fd)
{
	APART char config_path[PATH_MAX];
	struct handover handover = { state, 0, sizeof(state), false };

	/* Whoever started us checked all this; if it is wrong all the same, the spawner has what another monitor needs. */
	if (!read_state(atoi(state_fd), &handover) || !handover_text(&handover, "config", config_path, sizeof(config_path)) ||
	    container_enter(config_path) != NULL)
		return 1;
	FAULT_POINT("resuming");
	restore(&handover);
	if (!clients_restore(&handover))
		return 1;
	clients_answer_reexec((size_t)handover_number(&handover, "client", -1),
			      (uint32_t)handover_number(&handover, "seq", 0), NULL);
	release_pages(state, sizeof(state));
	return container_serve();
}
