/* The few things that every file needs: clocks, small files, kernel calls without a wrapper in libc. */
#ifndef BASE_H
#define BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define MONITOR_VERSION "0.1.0"

/*
 * What starts a page is laid out before everything small, so what only another role uses does not stand between the
 * variables of a monitor and spread them over more pages.
 */
#define APART static _Alignas(4096)
/* Whole pages of its own, so that release_pages can give the memory of a rarely used buffer back to the system. */
#define PAGES(type, name, size) APART type name[((size) + 4095) & ~4095]
void release_pages(void *buffer, size_t size);
/* The same for what calls that are over have left of the stack. */
void release_stack(void);

int64_t monotonic_ms(void);
int64_t realtime_ns(void);

/* Reads at most size - 1 bytes and ends them with NUL. Returns the length, or -1 with errno. */
ssize_t read_file(const char *path, char *buffer, size_t size);
/* Writes to a file that exists; for the kernel's control files. Returns 0, or -1 with errno. */
int write_file(const char *path, const char *text);
/* Writes everything to a blocking fd. Returns 0, or -1 with errno. */
int write_all(int fd, const void *data, size_t size);
/* snprintf that says whether everything fitted. */
__attribute__((format(printf, 3, 4))) bool format(char *buffer, size_t size, const char *form, ...);

/* Field 22 of /proc/PID/stat, the identity of a process together with its pid; 0 when there is no such process. */
uint64_t start_ticks(pid_t pid);

/* Closes this fd and all above. */
void close_from(int first);

int pidfd_open_pid(pid_t pid);
int pidfd_signal(int pidfd, int signal_number);
/* A memory file with this content, positioned at its start; -1 with errno. */
int memory_file(const char *name, const void *data, size_t size);

#endif
