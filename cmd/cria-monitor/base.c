#include "base.h"

#include "proc-stat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

enum { PAGE = 4096, STACK_USED = 64 << 10, STACK_KEPT = 1024 };

void release_pages(void *buffer, size_t size)
{
	madvise(buffer, size, MADV_DONTNEED);
}

void release_stack(void)
{
	/* This frame and that of the call below it stay, a red zone included. */
	uintptr_t end = ((uintptr_t)__builtin_frame_address(0) - STACK_KEPT) & ~(uintptr_t)(PAGE - 1);

	madvise((void *)(end - STACK_USED), STACK_USED, MADV_DONTNEED);
}

int64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

ssize_t read_file(const char *path, char *buffer, size_t size)
{
	/* Without effect on a file; a fifo at its place must not stop us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t length = 0;
	ssize_t got = 0;

	if (fd < 0)
		return -1;
	while (length < size - 1 && ((got = read(fd, buffer + length, size - 1 - length)) > 0 || (got < 0 && errno == EINTR)))
		length += got > 0 ? (size_t)got : 0;
	int error = errno;

	close(fd);
	errno = error;
	buffer[length] = '\0';
	return got < 0 ? -1 : (ssize_t)length;
}

int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	int result = write_all(fd, text, strlen(text));
	int error = errno;

	close(fd);
	errno = error;
	return result;
}

int write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t put = write(fd, at, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		at += put;
		size -= (size_t)put;
	}
	return 0;
}

bool format(char *buffer, size_t size, const char *form, ...)
{
	va_list arguments;

	va_start(arguments, form);
	int length = vsnprintf(buffer, size, form, arguments);
	va_end(arguments);
	return length >= 0 && (size_t)length < size;
}

uint64_t start_ticks(pid_t pid)
{
	struct proc_stat stat;

	return proc_stat_read(pid, &stat) ? stat.start_ticks : 0;
}

void close_from(int first)
{
	syscall(SYS_close_range, (unsigned)first, ~0U, 0);
}

int pidfd_open_pid(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

int pidfd_signal(int pidfd, int signal_number)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0);
}

int memory_file(const char *name, const void *data, size_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd >= 0 && (write_all(fd, data, size) != 0 || lseek(fd, 0, SEEK_SET) != 0)) {
		close(fd);
		return -1;
	}
	return fd;
}
