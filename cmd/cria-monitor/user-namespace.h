/* A user namespace with mapped ids, and namespaces that it owns, held by a process until they are pinned. */
#ifndef USER_NAMESPACE_H
#define USER_NAMESPACE_H

#include <stdbool.h>
#include <sys/types.h>

/* Lines of /proc/PID/uid_map, the lowest first: the first id inside, the first outside, how many. */
struct id_maps {
	const char *uid;
	const char *gid;
};

/*
 * Starts a process in a new user namespace, with those that the flags name owned by it. The step that failed is in
 * `step`, errno says why, and no process is left. The process ends with us.
 */
pid_t user_namespace_hold(const struct id_maps *maps, int flags, const char **step);
/* Moves us into the holder's namespaces of these flags; we stay in our own user namespace, with all our rights. */
bool user_namespace_enter(pid_t holder, int flags);
/* Ends the holder. */
void user_namespace_release(pid_t holder);

#endif
