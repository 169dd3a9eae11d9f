#include "exec-cpu.h"

#include <limits.h>
#include <sched.h>

enum { CPUS_MAX = 8192, WORD_BITS = sizeof(unsigned long) * CHAR_BIT };

void exec_cpu_set(pid_t pid, int64_t cpu)
{
	/* The kernel's form of the set; that of the C library ends at 1024. */
	static unsigned long set[CPUS_MAX / WORD_BITS];

	if (cpu < 0 || cpu >= CPUS_MAX)
		return;
	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++)
		set[i] = 0;
	set[cpu / WORD_BITS] = 1UL << (cpu % WORD_BITS);
	sched_setaffinity(pid, sizeof(set), (const cpu_set_t *)set);
}
