#include "cgroup-join.h"

#include "base.h"

#include <errno.h>
#include <limits.h>

int cgroup_join(const struct json *config, const char **refused)
{
	const char *directories[32];
	size_t count = json_strings(config, "cgroupDirs", directories, 0, LENGTH(directories));
	char path[PATH_MAX];
	int first = 0;

	if (count >= LENGTH(directories)) {
		*refused = "cgroupDirs";
		return E2BIG;
	}
	for (size_t i = 0; i < count; i++) {
		errno = ENAMETOOLONG;
		if (format(path, sizeof(path), "%s/cgroup.procs", directories[i]) && write_file(path, "0") == 0)
			continue;
		if (first == 0) {
			first = errno;
			*refused = directories[i];
		}
	}
	return first;
}
