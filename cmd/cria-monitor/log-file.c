#include "log-file.h"

#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHECK_MS = 1000 };

static const char *log_path;
static int log_fd = -1;
static int64_t size, size_max;
static int64_t checked_at;
/* The file ends in a part of a record: one that could not be cut off, or somebody else's. */
static bool torn;

static int take(int fd)
{
	struct stat status = { .st_mode = S_IFREG };
	char last;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		int error = S_ISREG(status.st_mode) ? errno : ENXIO;

		close(fd);
		return error;
	}
	if (log_fd >= 0)
		close(log_fd);
	log_fd = fd;
	size = status.st_size;
	torn = size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
	return 0;
}

int log_file_reopen(void)
{
	/* O_NONBLOCK is without effect on a file; whatever else is at its place must not stop us. */
	int fd = open(log_path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0640);

	return fd < 0 ? errno : take(fd);
}

int log_file_open(const char *path, int64_t most)
{
	log_path = path;
	size_max = most;
	return log_file_reopen();
}

int log_file_fd(void)
{
	return log_fd;
}

int log_file_take(int fd, const char *path, int64_t most)
{
	log_path = path;
	size_max = most;
	return take(fd);
}

size_t log_file_mend(char *part, size_t room)
{
	off_t from = size > (int64_t)room ? size - (int64_t)room : 0;
	ssize_t got = torn ? pread(log_fd, part, room, from) : 0;

	if (got <= 0)
		return 0;
	const char *end = memrchr(part, '\n', (size_t)got);
	size_t whole = end == NULL ? 0 : (size_t)(end - part) + 1;
	size_t cut = (size_t)got - whole;

	if (ftruncate(log_fd, from + (off_t)whole) != 0)
		return 0; /* a newline ends it, as any that cannot be cut off */
	torn = false;
	size = from + (int64_t)whole;
	memmove(part, part + whole, cut);
	return cut;
}

/* True when we have no file, or the path leads to another one than ours, or to none. */
static bool was_replaced(struct stat *ours)
{
	struct stat there;

	if (log_fd < 0)
		return true;
	if (fstat(log_fd, ours) != 0)
		return false;
	return lstat(log_path, &there) != 0 || there.st_ino != ours->st_ino || there.st_dev != ours->st_dev;
}

/* Somebody who moves or deletes the file without telling us gets a new one, and one who truncates it is seen. */
static void follow_path(void)
{
	int64_t now = monotonic_ms();
	struct stat ours;

	if (checked_at != 0 && now - checked_at < CHECK_MS)
		return;
	checked_at = now;
	if (was_replaced(&ours))
		log_file_reopen(); /* where that fails the old file is as good as before, and the next second has its try */
	else
		size = ours.st_size;
}

/* `other` is a name for the moment. */
static bool give_name(const char *other, const char *aside)
{
	unlink(other);
	if (link(log_path, other) == 0)
		return rename(other, aside) == 0;
	/* a file system without links: for a moment there is no file at the path */
	return (errno == EPERM || errno == EOPNOTSUPP) && rename(log_path, aside) == 0;
}

static bool begin_next(const char *other)
{
	unlink(other); /* also what a rename between two names of one file leaves */
	int fd = open(other, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);

	if (fd >= 0 && rename(other, log_path) == 0)
		return take(fd) == 0;
	if (fd >= 0)
		close(fd);
	return false;
}

/*
 * The file gets the name PATH.1, which the kubelet removes with the container, and a new one takes its place: at no moment is
 * there no file at the path, or one without a name. Any failure leaves us the file we have. PATH.tmp is what the kubelet deletes
 * when it rotates, should it ever be left.
 */
static void put_aside(void)
{
	char aside[PATH_MAX], other[PATH_MAX];
	struct stat ours;

	if (was_replaced(&ours) || !format(aside, sizeof(aside), "%s.1", log_path) ||
	    !format(other, sizeof(other), "%s.tmp", log_path))
		return;
	bool named = give_name(other, aside);

	FAULT_POINT("log-put-aside");
	if (!named || !begin_next(other))
		unlink(other);
}

/* How many bytes of the records fit below the maximal size; a record that is longer than that gets a file of its own. */
static size_t fitting(const char *records, size_t length)
{
	int64_t room = size_max - size;

	if (size_max == 0 || (int64_t)length <= room)
		return length;
	const char *last = room > 0 ? memrchr(records, '\n', (size_t)room) : NULL;

	if (last != NULL)
		return (size_t)(last - records) + 1;
	return size > 0 ? 0 : (size_t)((const char *)memchr(records, '\n', length) - records) + 1;
}

/* Cuts a started record off, so that the file ends at a record's end again. Returns the bytes before it. */
static size_t cut_torn_record(const char *records, size_t written)
{
	const char *end = memrchr(records, '\n', written);
	size_t whole = end == NULL ? 0 : (size_t)(end - records) + 1;
	struct stat status;

	if (whole == written)
		return whole;
	/* Behind an O_APPEND write the file position is the end of what was written. */
	off_t position = lseek(log_fd, 0, SEEK_CUR);

	torn = fstat(log_fd, &status) != 0 || position != status.st_size ||
	       ftruncate(log_fd, position - (off_t)(written - whole)) != 0;
	return whole;
}

/* As much as the system takes; the error of the write that took nothing. */
static size_t append(const char *bytes, size_t length, int *error)
{
	size_t written = 0;

	while (written < length) {
		ssize_t put = write(log_fd, bytes + written, length - written);

		if (put > 0)
			written += (size_t)put;
		else if (put == 0 || errno != EINTR) {
			*error = put == 0 ? ENOSPC : errno;
			break;
		}
	}
	return written;
}

/* Writes records to the file as it is. */
static size_t put_whole(const char *records, size_t length, int *error)
{
	if (torn && append("\n", 1, error) == 0)
		return 0;
	torn = false;
	size_t written = append(records, length, error);

	if (written < length)
		written = cut_torn_record(records, written);
	size += (int64_t)written;
	return written;
}

size_t log_file_put(const char *records, size_t length, int *error)
{
	size_t done = 0;

	follow_path();
	*error = log_fd < 0 ? ENOENT : 0;
	while (done < length && *error == 0) {
		size_t part = fitting(records + done, length - done);

		if (part == 0) {
			put_aside();
			part = fitting(records + done, length - done);
			if (part == 0)
				part = length - done; /* it could not be put aside: then it grows */
		}
		done += put_whole(records + done, part, error);
	}
	return done;
}
