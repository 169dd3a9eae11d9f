#include "log.h"

#include "log-file.h"
#include "log-format.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { BATCH = 128 << 10, RETRY_MS = 250 };

PAGES(char, batch, BATCH);
static struct log_records records = { .text = batch, .room = BATCH };
static struct log_head head;
/* What the container wrote and the log lacks: in all, and since the log was last whole. */
static uint64_t dropped_total, dropped_now;
static int dropped_errno;
static int64_t retry_at;
static bool has_path;

static void set_head(bool is_stderr)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	log_head_set(&head, is_stderr, now);
}

int log_open(const char *path, int64_t size_max)
{
	has_path = path != NULL;
	return path == NULL ? 0 : log_file_open(path, size_max);
}

size_t log_lines(bool is_stderr, const uint8_t *data, size_t size, bool final)
{
	size_t at = 0;

	if (!has_path)
		return size;
	set_head(is_stderr);
	for (;;) {
		at += log_format(&records, &head, data + at, size - at, final);
		if (log_has_room(&records))
			return at;
		log_flush();
	}
}

/* After a gap: says in the log how much is missing. False when there is still no room. */
static bool put_gap_record(void)
{
	char text[200];
	int error;

	if (monotonic_ms() < retry_at)
		return false;
	set_head(true);
	int length = snprintf(text, sizeof(text), "%.*s[cria: %llu bytes of output lost: %s]\n", LOG_HEAD, head.text,
			      (unsigned long long)dropped_now, strerror(dropped_errno));

	if (log_file_put(text, (size_t)length, &error) < (size_t)length) {
		retry_at = monotonic_ms() + RETRY_MS;
		return false;
	}
	dropped_now = 0;
	return true;
}

static void drop(const char *lost, size_t length)
{
	uint64_t bytes = log_content(lost, length);

	dropped_now += bytes;
	dropped_total += bytes;
}

void log_flush(void)
{
	size_t length = records.length;
	int error;

	records.length = 0;
	if (length == 0)
		return;
	if (dropped_now > 0 && !put_gap_record()) {
		drop(batch, length);
		return;
	}
	size_t written = log_file_put(batch, length, &error);

	if (written == length)
		return;
	drop(batch + written, length - written);
	dropped_errno = error;
	retry_at = monotonic_ms() + RETRY_MS;
}

int log_reopen(void)
{
	if (!has_path)
		return 0;
	log_flush();
	int error = log_file_reopen();

	if (error == 0)
		retry_at = 0; /* perhaps on another disk */
	return error;
}

void log_mend(void)
{
	char part[LOG_RECORD_MAX];
	size_t cut = has_path ? log_file_mend(part, sizeof(part)) : 0;

	if (cut == 0)
		return;
	dropped_now = cut > LOG_HEAD ? cut - LOG_HEAD : 0;
	dropped_total += dropped_now;
	dropped_errno = EOWNERDEAD;
}

void log_save(struct handover *handover)
{
	if (has_path)
		handover_put_fd(handover, "log", log_file_fd());
	handover_put_number(handover, "log.dropped", (int64_t)dropped_total);
	handover_put_number(handover, "log.droppedNow", (int64_t)dropped_now);
	handover_put_number(handover, "log.errno", dropped_errno);
}

int log_restore(const struct handover *handover, const char *path, int64_t size_max)
{
	int fd = handover_fd(handover, "log");

	dropped_total = (uint64_t)handover_number(handover, "log.dropped", 0);
	dropped_now = (uint64_t)handover_number(handover, "log.droppedNow", 0);
	dropped_errno = (int)handover_number(handover, "log.errno", 0);
	if (path == NULL || fd < 0)
		return log_open(path, size_max);
	has_path = true;
	return log_file_take(fd, path, size_max);
}

void log_finish(void)
{
	log_flush();
	retry_at = 0;
	if (dropped_now > 0)
		put_gap_record();
}

uint64_t log_dropped_bytes(void)
{
	return dropped_total;
}

void log_trim(void)
{
	release_pages(batch, sizeof(batch));
}
