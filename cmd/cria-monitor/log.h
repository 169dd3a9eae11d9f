/*
 * The CRI log file: `<time> <stream> <P|F> <content>\n`. Every write ends at a record's end, because the kubelet's
 * follower reads what is there, and nothing here ever stops the container: what the disk refuses is dropped and counted.
 */
#ifndef LOG_H
#define LOG_H

#include "base.h"

enum { LOG_PIECE = 16384 };

/* Opens or makes the file for appending. 0, or -1 with errno; NULL discards everything. */
int log_open(const char *path);
/* The same for a file that was renamed; on failure the old file stays in use. */
int log_reopen(void);
/*
 * Turns the bytes of one stream into records: whole lines (F) and pieces of too long ones (P). Returns how many bytes
 * were taken; what is left is a line without its end, at most LOG_PIECE, which `final` takes too, as P.
 */
size_t log_lines(bool is_stderr, const uint8_t *data, size_t size, bool final);
/* Writes out what log_lines made. */
void log_flush(void);
uint64_t log_dropped_bytes(void);
/* Gives the memory of the batch back to the system. */
void log_trim(void);

#endif
