#include "cgroup-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

enum { CGROUP2_MAGIC = 0x63677270 };

/* Whether the list "a,b,c" of this length has the name. */
static bool has_name(const char *list, size_t length, const char *name)
{
	size_t wanted = strlen(name);

	for (size_t at = 0; at < length;) {
		const char *comma = memchr(list + at, ',', length - at);
		size_t size = comma == NULL ? length - at : (size_t)(comma - list) - at;

		if (size == wanted && memcmp(list + at, name, size) == 0)
			return true;
		at += size + 1;
	}
	return false;
}

static bool copy(char *path, size_t size, const char *from, size_t length)
{
	if (length == 0 || length >= size || from[0] != '/')
		return false;
	memcpy(path, from, length);
	path[length] = '\0';
	return true;
}

bool cgroup_in_list(const char *list, const char *controller, char *path, size_t size, bool *unified)
{
	const char *found = NULL;
	size_t found_length = 0;

	for (const char *line = list; *line != '\0';) {
		size_t length = strcspn(line, "\n");
		const char *names = memchr(line, ':', length);
		size_t rest = names == NULL ? 0 : length - (size_t)(++names - line);
		const char *place = names == NULL ? NULL : memchr(names, ':', rest);

		if (place != NULL) {
			size_t names_length = (size_t)(place++ - names), place_length = length - (size_t)(place - line);

			if (controller != NULL && has_name(names, names_length, controller)) {
				*unified = false;
				return copy(path, size, place, place_length);
			}
			if (names_length == 0 && strncmp(line, "0:", 2) == 0) {
				found = place;
				found_length = place_length;
			}
		}
		line += length + (line[length] == '\n');
	}
	*unified = true;
	return found != NULL && copy(path, size, found, found_length);
}

bool cgroup_counter(const char *text, const char *key, uint64_t *value)
{
	size_t length = strlen(key);

	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, key, length) != 0 || line[length] != ' ')
			continue;
		char *end;
		const char *number = line + length + 1;

		if (*number < '0' || *number > '9')
			return false;
		errno = 0;
		*value = strtoull(number, &end, 10);
		return errno == 0 && (*end == '\n' || *end == '\0');
	}
	return false;
}

bool cgroup_cut(char *path, const char *id)
{
	char *found = id[0] == '\0' ? NULL : strstr(path, id);

	if (found == NULL)
		return false;
	found[strcspn(found, "/")] = '\0';
	return true;
}

static const char *unified_root(void)
{
	struct statfs status;

	return statfs("/sys/fs/cgroup", &status) == 0 && status.f_type == CGROUP2_MAGIC ? "/sys/fs/cgroup"
											: "/sys/fs/cgroup/unified";
}

bool cgroup_of(pid_t pid, const char *controller, struct cgroup *cgroup)
{
	char file[64], list[8192], path[sizeof(cgroup->path) - 64];

	format(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
	if (read_file(file, list, sizeof(list)) <= 0 ||
	    !cgroup_in_list(list, controller, path, sizeof(path), &cgroup->unified))
		return false;
	if (cgroup->unified)
		return format(cgroup->path, sizeof(cgroup->path), "%s%s", unified_root(), path);
	return format(cgroup->path, sizeof(cgroup->path), "/sys/fs/cgroup/%s%s", controller, path);
}

int cgroup_open(const struct cgroup *cgroup, const char *file, int flags)
{
	char path[sizeof(cgroup->path) + 64];

	if (!format(path, sizeof(path), "%s/%s", cgroup->path, file)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(path, flags | O_CLOEXEC);
}
