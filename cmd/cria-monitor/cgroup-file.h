/* What the kernel's files about cgroups say. The readers of texts are pure and take any bytes. */
#ifndef CGROUP_FILE_H
#define CGROUP_FILE_H

#include "base.h"

struct cgroup {
	/* Its directory. */
	char path[1024];
	/* Of cgroup v2, else of the v1 hierarchy of the controller. */
	bool unified;
};

/*
 * The path in /proc/PID/cgroup of a controller. It may be on v1 while a unified hierarchy exists, so the list decides: a
 * line "N:...,memory,...:PATH" is v1; without one it is "0::PATH". NULL as controller asks for the latter at once.
 */
bool cgroup_in_list(const char *list, const char *controller, char *path, size_t size, bool *unified);
/* The number behind `key` in lines of "KEY NUMBER", as in memory.events and memory.oom_control. */
bool cgroup_counter(const char *text, const char *key, uint64_t *value);
/* Cuts a path behind the first part that has the id in it: a container may have moved its init further down. */
bool cgroup_cut(char *path, const char *id);

/* Where a process is, as cgroup_in_list says. False when it is gone or the hierarchy is not mounted. */
bool cgroup_of(pid_t pid, const char *controller, struct cgroup *cgroup);
/* A file of a cgroup, CLOEXEC; -1 with errno. */
int cgroup_open(const struct cgroup *cgroup, const char *file, int flags);

#endif
