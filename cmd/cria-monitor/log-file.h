/*
 * The container's log file. Every write ends at a record's end, because the kubelet's follower reads what is there, and
 * nothing here ever stops the container: what the disk refuses is dropped and counted.
 */
#ifndef LOG_FILE_H
#define LOG_FILE_H

#include "base.h"

/* Opens or makes the file for appending. 0, or -1 with errno; NULL discards everything. */
int log_open(const char *path);
/* The same for a file that was renamed; on failure the old file stays in use. */
int log_reopen(void);
/* For a file whose writer was killed: what it has left of a record is cut off, and told as lost with the next output. */
void log_mend(void);
/* Makes records of the bytes of one stream, as log_format does. Returns how many bytes were taken. */
size_t log_lines(bool is_stderr, const uint8_t *data, size_t size, bool final);
/* Writes out what log_lines made. */
void log_flush(void);
uint64_t log_dropped_bytes(void);
/* Gives the memory of the batch back to the system. */
void log_trim(void);

#endif
