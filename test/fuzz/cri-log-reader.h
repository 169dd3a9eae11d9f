/*
 * The other side of the CRI log: a port of what the kubelet does with a line (parseCRILog), and strict where it is
 * lenient. Independent of the monitor's own code, to be compared with it.
 */
#ifndef CRI_LOG_READER_H
#define CRI_LOG_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cri_record {
	int64_t seconds;
	int32_t nanoseconds;
	bool is_stderr;
	bool is_partial;
	const char *content;
	size_t size;
};

/* Reads the record at `text`; returns its length with the newline, or 0 when there is no valid one. */
size_t cri_log_read(const char *text, size_t size, struct cri_record *record);

#endif
