/*
 * The container's log. Nothing here ever stops the container or waits for the disk: what the disk refuses is dropped,
 * counted, and said in the log once it takes something again.
 */
#ifndef LOG_H
#define LOG_H

#include "handover.h"

/* NULL discards everything. `size_max` as log_file_open has it. 0 or errno. */
int log_open(const char *path, int64_t size_max);
/* Writes what there is to the old file and goes on in the one at the path; on failure in the old one. 0 or errno. */
int log_reopen(void);
/* For a file whose writer was killed: what it has left of a record is cut off, and told as lost with the next output. */
void log_mend(void);
/* The open file and what it lacks; the other side instead of log_open. 0 or errno. */
void log_save(struct handover *handover);
int log_restore(const struct handover *handover, const char *path, int64_t size_max);
/* Makes records of the bytes of one stream, as log_format does. Returns how many bytes were taken. */
size_t log_lines(bool is_stderr, const uint8_t *data, size_t size, bool final);
/* Writes out what log_lines made. */
void log_flush(void);
/* Before the exit is told: tries once more to say what is missing. */
void log_finish(void);
/* Bytes of the container that are in no log file. */
uint64_t log_dropped_bytes(void);
/* Gives the memory of the batch back to the system. */
void log_trim(void);

#endif
