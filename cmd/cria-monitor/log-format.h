/*
 * The records of the CRI log, `<time> <stream> <P|F> <content>\n`: a whole line is one F record, of a too long one the
 * pieces before the last are P. Pure: no files, no clocks, no globals.
 */
#ifndef LOG_FORMAT_H
#define LOG_FORMAT_H

#include "base.h"

#include <time.h>

enum { LOG_PIECE = 16384, LOG_HEAD = 40, LOG_RECORD_MAX = LOG_HEAD + LOG_PIECE + 1 };

/* What all records of one read begin with: `2026-11-21T03:13:38.123456789Z stdout F `. All zero at first. */
struct log_head {
	char text[LOG_HEAD];
	time_t second;
};

void log_head_set(struct log_head *head, bool is_stderr, struct timespec now);

/* Where records go: `room` is at least LOG_RECORD_MAX, or nothing can be put there. */
struct log_records {
	char *text;
	size_t length;
	size_t room;
};

/*
 * Appends records of the bytes of one stream while there is room. Returns how many bytes were taken. What is left when
 * there still is room for a record is a line without its end, at most LOG_PIECE, which `final` takes too, as P.
 */
size_t log_format(struct log_records *records, const struct log_head *head, const uint8_t *data, size_t size, bool final);

/* How many bytes of the container stand in whole records. */
uint64_t log_content(const char *records, size_t length);

static inline bool log_has_room(const struct log_records *records)
{
	return records->room - records->length >= LOG_RECORD_MAX;
}

#endif
