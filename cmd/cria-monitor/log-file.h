/*
 * The file behind the log path. Every write ends at a record's end, because the kubelet's follower reads what is there;
 * the file is never truncated and never replaced but by a rename.
 */
#ifndef LOG_FILE_H
#define LOG_FILE_H

#include "base.h"

/*
 * Opens or makes the file for appending. `size_max` is when it is put aside as PATH.1; 0 is never. 0 or errno; after a
 * failure the path is tried again at most once a second, when there is something to append.
 */
int log_file_open(const char *path, int64_t size_max);
/* The file that is open, -1 when none is; and the same as log_file_open with that file. */
int log_file_fd(void);
int log_file_take(int fd, const char *path, int64_t size_max);
/*
 * Cuts off the part of a record at the end, that a writer who was killed has left; it is in `part` then. Returns its
 * length. `room` is at least a record's length.
 */
size_t log_file_mend(char *part, size_t room);
/* The file that is at the path now, made when there is none; on failure the old one stays in use. 0 or errno. */
int log_file_reopen(void);
/*
 * Appends records. Returns the bytes that are in the file, always whole records; `error` says why they are fewer. Sees
 * to it, at most once a second, that the file is still the one at the path.
 */
size_t log_file_put(const char *records, size_t length, int *error);

#endif
