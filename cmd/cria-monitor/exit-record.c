#include "container.h"
#include "fault.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RESERVED = 4096 };

static int record_fd = -1;
static bool renamed;
static pid_t syncing;

/* DIR/.NAME.tmp for DIR/NAME */
static bool temporary_path(const char *path, char *temporary, size_t size)
{
	const char *name = strrchr(path, '/');

	return name != NULL && format(temporary, size, "%.*s/.%s.tmp", (int)(name - path), path, name + 1);
}

/* What fallocate does, for file systems without it. */
static int write_zeros(int fd)
{
	static const char zeros[RESERVED];

	return write_all(fd, zeros, sizeof(zeros)) == 0 ? 0 : errno;
}

int exit_record_reserve(void)
{
	char temporary[PATH_MAX];

	if (!temporary_path(container.config.exit_file, temporary, sizeof(temporary)))
		return ENAMETOOLONG;
	record_fd = open(temporary, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (record_fd < 0)
		return errno;
	/* A full disk must not swallow the exit code later. */
	int error = posix_fallocate(record_fd, 0, RESERVED);

	return error == EOPNOTSUPP ? write_zeros(record_fd) : error;
}

static size_t record_text(char *text, size_t size)
{
	struct json_writer writer;

	json_begin(&writer, text, size);
	json_put_number(&writer, "version", 1);
	json_put_string(&writer, "id", container.config.id);
	json_put_number(&writer, "code", container.code);
	if (container.signal != 0)
		json_put_number(&writer, "signal", container.signal);
	json_put_bool(&writer, "oom", container.oom);
	json_put_big(&writer, "startedAt", (uint64_t)container.started_at);
	json_put_big(&writer, "finishedAt", (uint64_t)container.finished_at);
	json_put_number(&writer, "pid", container.pid);
	json_put_big(&writer, "startTicks", container.ticks);
	json_put_big(&writer, "logDroppedBytes", log_dropped_bytes());
	json_put_string(&writer, "reason", container.lost ? "MonitorLost" : "exited");
	return json_end(&writer);
}

/* As conmon writes it: decimal text, and the file's time is the time of the exit. */
static int write_code_file(const char *path)
{
	char temporary[PATH_MAX], text[16];
	struct timespec when = { container.finished_at / 1000000000, container.finished_at % 1000000000 };

	if (!temporary_path(path, temporary, sizeof(temporary)))
		return ENAMETOOLONG;
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return errno;
	int length = snprintf(text, sizeof(text), "%d", container.code);
	bool failed = write_all(fd, text, (size_t)length) != 0 || futimens(fd, (struct timespec[]){ when, when }) != 0 ||
		      rename(temporary, path) != 0;
	int error = failed ? errno : 0;

	close(fd);
	if (failed)
		unlink(temporary);
	return error;
}

static int write_record(void)
{
	char temporary[PATH_MAX], text[RESERVED];
	size_t length = record_text(text, sizeof(text));

	temporary_path(container.config.exit_file, temporary, sizeof(temporary));
	ssize_t put = pwrite(record_fd, text, length, 0);

	if (put >= 0 && put < (ssize_t)length)
		return ENOSPC;
	if (put < 0 || ftruncate(record_fd, (off_t)length) != 0 || rename(temporary, container.config.exit_file) != 0)
		return errno;
	renamed = true;
	FAULT_POINT("record-renamed");
	return 0;
}

int exit_record_write(void)
{
	int error = renamed ? 0 : write_record();

	if (error != 0)
		return error;
	return container.config.exit_code_file == NULL ? 0 : write_code_file(container.config.exit_code_file);
}

static int open_directory(void)
{
	char directory[PATH_MAX];
	const char *name = strrchr(container.config.exit_file, '/');

	if (!format(directory, sizeof(directory), "%.*s", (int)(name - container.config.exit_file), container.config.exit_file))
		return -1;
	return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* It must hold nothing else of ours: not a connection whose end somebody waits for, nor a pipe. */
static _Noreturn void sync_and_exit(int directory)
{
	dup2(record_fd, STDIN_FILENO);
	dup2(directory, STDOUT_FILENO);
	close_from(STDERR_FILENO);
	fsync(STDIN_FILENO);
	fsync(STDOUT_FILENO);
	_exit(0);
}

void exit_record_sync(void)
{
	if (!renamed || record_fd < 0)
		return;
	int directory = open_directory();

	syncing = fork();
	if (syncing == 0)
		sync_and_exit(directory);
	if (syncing < 0) {
		syncing = 0;
		fsync(record_fd);
		fsync(directory);
	}
	close(directory);
	close(record_fd);
	record_fd = -1;
}

bool exit_record_is_syncing(void)
{
	return syncing != 0;
}

bool exit_record_reaped(pid_t pid)
{
	if (syncing == 0 || pid != syncing)
		return false;
	syncing = 0;
	return true;
}

void exit_record_discard(void)
{
	char temporary[PATH_MAX];

	if (record_fd >= 0 && temporary_path(container.config.exit_file, temporary, sizeof(temporary)))
		unlink(temporary);
}
