/* Starts monitors the way their daemons do: conmon as CRI-O, cria-monitor as cria's spawner. */
#ifndef MONITORS_H
#define MONITORS_H

#include "bench.h"

#include <limits.h>
#include <sys/types.h>

enum kind { CONMON, CRIA };

enum kind kind_of(const char *name);

struct monitor {
	enum kind kind;
	char id[65];
	char bundle[PATH_MAX];
	char log[PATH_MAX];
	char exit_file[PATH_MAX];
	pid_t pid;
	pid_t init;
	/* Only of CRIA: the control connection. */
	int socket;
};

/* Directories for a container, below BENCH_WORK; its log below BENCH_LOGS. With a load the container writes it. */
void monitor_prepare(struct monitor *monitor, enum kind kind, const char *load);
/* From the start of the monitor to the pid of the created container. */
void monitor_create(struct monitor *monitor);
/* Lets the container write; returns when it begins. */
void monitor_start_load(const struct monitor *monitor);
/* Tells the monitor that its exit is known, waits for its end. Returns its processor time. */
int64_t monitor_finish(struct monitor *monitor);
void monitor_kill_init(const struct monitor *monitor);
/* The time of the runtime's `create` without a monitor. */
int64_t runtime_alone(void);

/* An inotify that tells of exit files of the kind. */
int exits_watch(enum kind kind);
/* Waits for one more; false after the timeout. */
bool exits_wait(int watch, int timeout_ms);

#endif
