#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 192 << 10, HEAD = 40, TAG_AT = 38, RETRY_MS = 250 };

PAGES(char, batch, BATCH);
static size_t batch_length;
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

/* "2026-11-21T03:13:38.123456789Z " at `head`; the second's text is kept, only the fraction changes often. */
static void put_time(char *head)
{
	static time_t second = -1;
	static char text[32];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != second) {
		struct tm parts;

		second = now.tv_sec;
		gmtime_r(&second, &parts);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.", &parts);
	}
	memcpy(head, text, 20);
	for (int i = 28, left = (int)now.tv_nsec; i >= 20; i--, left /= 10)
		head[i] = (char)('0' + left % 10);
	head[29] = 'Z';
	head[30] = ' ';
}

static void put_record(const char *head, char tag, const uint8_t *content, size_t size)
{
	if (BATCH - batch_length < HEAD + size + 1)
		log_flush();
	char *at = batch + batch_length;

	memcpy(at, head, HEAD);
	at[TAG_AT] = tag;
	memcpy(at + HEAD, content, size);
	at[HEAD + size] = '\n';
	batch_length += HEAD + size + 1;
}

size_t log_lines(bool is_stderr, const uint8_t *data, size_t size, bool final)
{
	char head[HEAD];
	size_t at = 0;

	if (log_fd < 0)
		return size;
	put_time(head);
	memcpy(head + 31, is_stderr ? "stderr F " : "stdout F ", 9);
	while (at < size) {
		size_t left = size - at;
		/* One more than a piece: a line of exactly that length is one record. */
		const uint8_t *newline = memchr(data + at, '\n', left < LOG_PIECE + 1 ? left : LOG_PIECE + 1);

		if (newline != NULL) {
			size_t length = (size_t)(newline - (data + at));

			put_record(head, 'F', data + at, length);
			at += length + 1;
		} else if (left > LOG_PIECE || final) {
			size_t length = left < LOG_PIECE ? left : LOG_PIECE;

			put_record(head, 'P', data + at, length);
			at += length;
		} else {
			break;
		}
	}
	return at;
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
	char head[HEAD];

	put_time(head);
	memcpy(head + 31, "stderr F ", 9);
	int length = snprintf(text, sizeof(text), "%s%.*s[cria: %llu bytes of output lost: %s]\n", torn ? "\n" : "", HEAD,
			      head, (unsigned long long)dropped_now, strerror(dropped_errno));
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
	size_t length = batch_length;

	batch_length = 0;
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

void log_trim(void)
{
	release_pages(batch, sizeof(batch));
}
