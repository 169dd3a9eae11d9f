#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <sys/types.h>

/* In kB, of smaps_rollup. */
struct memory {
	long private, pss, rss;
};

/* False when the process has no memory any more. */
bool memory_of(pid_t pid, struct memory *memory);

#endif
