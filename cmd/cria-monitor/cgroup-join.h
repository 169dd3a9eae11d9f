/* The cgroups that a monitor joins by itself, before it starts anything: `cgroupDirs` of its config. */
#ifndef CGROUP_JOIN_H
#define CGROUP_JOIN_H

#include "json.h"

/* Joins each that lets it. 0 when all did, also when there are none; else the errno of the first that did not, and its name. */
int cgroup_join(const struct json *config, const char **refused);

#endif
