#include "log-file.h"

#include "log-format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 192 << 10, RETRY_MS = 250 };

PAGES(char, batch, BATCH);
static struct log_records records = { .text = batch, .room = BATCH };
static struct log_head head;
static const char *log_path;
static int log_fd = -1;
static uint64_t dropped_total, dropped_now;
static int dropped_errno;
static int64_t retry_at;
/* The file ends in a part of a record that could not be cut off. */
static bool torn;

static int open_file(const char *path)
{
	/* Without effect on a file; a fifo at its place must not stop us. */
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0640);
}

int log_open(const char *path)
{
	log_path = path;
	if (path == NULL)
		return 0;
	log_fd = open_file(path);
	return log_fd < 0 ? -1 : 0;
}

int log_reopen(void)
{
	if (log_path == NULL)
		return 0;
	log_flush();
	int fd = open_file(log_path);

	if (fd < 0)
		return -1;
	close(log_fd);
	log_fd = fd;
	torn = false;
	retry_at = 0;
	return 0;
}

uint64_t log_dropped_bytes(void)
{
	return dropped_total;
}

static void set_head(bool is_stderr)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	log_head_set(&head, is_stderr, now);
}

size_t log_lines(bool is_stderr, const uint8_t *data, size_t size, bool final)
{
	size_t at = 0;

	if (log_fd < 0)
		return size;
	set_head(is_stderr);
	for (;;) {
		at += log_format(&records, &head, data + at, size - at, final);
		if (log_has_room(&records))
			return at;
		log_flush();
	}
}

/* After a short write: cuts the started record off, so that the file ends at a record's end again. */
static size_t cut_torn_record(size_t written)
{
	size_t whole = written;
	struct stat status;

	while (whole > 0 && batch[whole - 1] != '\n')
		whole--;
	if (whole == written)
		return whole;
	/* Behind an O_APPEND write the file position is the end of what was written. */
	off_t end = lseek(log_fd, 0, SEEK_CUR);

	torn = fstat(log_fd, &status) != 0 || end != status.st_size ||
	       ftruncate(log_fd, end - (off_t)(written - whole)) != 0;
	return whole;
}

static void drop(size_t size, int error)
{
	dropped_now += size;
	dropped_total += size;
	dropped_errno = error;
	retry_at = monotonic_ms() + RETRY_MS;
}

/* After a gap: says in the log how much is missing. False when there is still no room. */
static bool put_gap_record(void)
{
	char text[200];

	set_head(true);
	int length = snprintf(text, sizeof(text), "%s%.*s[cria: %llu bytes of output lost: %s]\n", torn ? "\n" : "",
			      LOG_HEAD, head.text, (unsigned long long)dropped_now, strerror(dropped_errno));
	ssize_t put = write(log_fd, text, (size_t)length);

	if (put == length) {
		torn = false;
		dropped_now = 0;
		return true;
	}
	if (put > 0)
		torn = ftruncate(log_fd, lseek(log_fd, 0, SEEK_CUR) - put) != 0;
	return false;
}

void log_flush(void)
{
	size_t length = records.length;

	records.length = 0;
	if (length == 0 || log_fd < 0)
		return;
	if (dropped_now > 0 && (monotonic_ms() < retry_at || !put_gap_record())) {
		if (monotonic_ms() >= retry_at)
			retry_at = monotonic_ms() + RETRY_MS;
		dropped_now += length;
		dropped_total += length;
		return;
	}
	ssize_t put;

	do
		put = write(log_fd, batch, length);
	while (put < 0 && errno == EINTR);
	if (put == (ssize_t)length)
		return;
	int error = put < 0 ? errno : ENOSPC;

	drop(length - cut_torn_record(put < 0 ? 0 : (size_t)put), error);
}

void log_mend(void)
{
	char path[32], end[LOG_RECORD_MAX];
	struct stat status;

	format(path, sizeof(path), "/proc/self/fd/%d", log_fd);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
		off_t from = status.st_size > LOG_RECORD_MAX ? status.st_size - LOG_RECORD_MAX : 0;
		ssize_t got = pread(fd, end, sizeof(end), from), whole = got;

		while (whole > 0 && end[whole - 1] != '\n')
			whole--;
		if (got > whole) {
			torn = ftruncate(log_fd, from + whole) != 0;
			drop((size_t)(got - whole), EOWNERDEAD);
			retry_at = 0;
		}
	}
	close(fd);
}

void log_trim(void)
{
	release_pages(batch, sizeof(batch));
}
