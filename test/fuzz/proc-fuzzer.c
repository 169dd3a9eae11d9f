/*
 * What the kernel tells in text: /proc/PID/cgroup, memory.events and memory.oom_control, /proc/PID/stat; and the pid
 * file of an OCI runtime. The first byte says which.
 */
#include "oom.c"
#include "pid-file.h"
#include "proc-stat.h"

#include <stdio.h>

enum { LIST_MAX = 4096 };

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* The path of the line of a v1 hierarchy with `memory`, else of `0::`, without strtok and its like. */
static const char *expected_place(const char *list, bool *is_v1, size_t *length)
{
	const char *unified = NULL;

	*is_v1 = false;
	for (const char *line = list; *line != '\0';) {
		const char *end = strchrnul(line, '\n'), *first = memchr(line, ':', (size_t)(end - line));
		const char *second = first == NULL ? NULL : memchr(first + 1, ':', (size_t)(end - first - 1));

		for (const char *at = first; second != NULL && at < second; at = memchr(at + 1, ',', (size_t)(second - at - 1)) ?: second) {
			if ((size_t)(second - at) < 7 || memcmp(at + 1, "memory", 6) != 0 || (at[7] != ',' && at[7] != ':'))
				continue;
			*is_v1 = true;
			*length = (size_t)(end - second - 1);
			return second + 1;
		}
		if (second != NULL && second == first + 1 && first == line + 1 && *line == '0') {
			unified = second + 1;
			*length = (size_t)(end - unified);
		}
		line = *end == '\0' ? end : end + 1;
	}
	return unified;
}

static void check_cgroup(const uint8_t *data, size_t size)
{
	char list[LIST_MAX], copy[LIST_MAX], path[LIST_MAX], expected[2 * LIST_MAX];
	size_t length = size < LIST_MAX - 1 ? size : LIST_MAX - 1, place_length = 0;
	bool is_v1;

	memcpy(list, data, length);
	list[length] = '\0';
	memcpy(copy, list, sizeof(copy));
	bool found = counter_path(list, path, sizeof(path));
	const char *place = expected_place(copy, &is_v1, &place_length);

	if (place == NULL) {
		check(!found);
		return;
	}
	snprintf(expected, sizeof(expected), "/sys/fs/cgroup%s%.*s/memory.%s", is_v1 ? "/memory" : "", (int)place_length, place,
		 is_v1 ? "oom_control" : "events");
	check(found == (strlen(expected) < sizeof(path)));
	check(!found || strcmp(path, expected) == 0);
}

static void check_counter(const uint8_t *data, size_t size)
{
	uint64_t kills = 0;
	static const char line[] = "oom_kill ";

	counter_fd = memory_file("counter", data, size);
	check(counter_fd >= 0);
	bool found = read_kills(&kills);

	close(counter_fd);
	counter_fd = -1;
	size_t seen = strnlen((const char *)data, size < 1023 ? size : 1023);
	bool expected = false;

	for (size_t at = 0; at + sizeof(line) - 1 <= seen; at++)
		if ((at == 0 || data[at - 1] == '\n') && memcmp(data + at, line, sizeof(line) - 1) == 0)
			expected = true;
	check(found == expected);
}

/* A name of any bytes, and fields before and behind it. */
static void check_stat(const uint8_t *data, size_t size)
{
	struct proc_stat stat;
	char text[512], name[16] = { 0 };
	uint32_t numbers[3] = { 0 };
	uint64_t ticks = 0;

	if (size < sizeof(numbers) + sizeof(ticks))
		return;
	memcpy(numbers, data, sizeof(numbers));
	memcpy(&ticks, data + sizeof(numbers), sizeof(ticks));
	data += sizeof(numbers) + sizeof(ticks);
	size -= sizeof(numbers) + sizeof(ticks);
	memcpy(name, data, size < 15 ? size : 15);
	int parent = (int)(numbers[0] >> 1), session = (int)(numbers[1] >> 1);

	snprintf(text, sizeof(text), "%u (%s) %c %d 7 %d 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 %llu 9 10 18446744073709551615\n",
		 numbers[2], name, "RSDZX"[numbers[2] % 5], parent, session, (unsigned long long)ticks);
	check(proc_stat_parse(text, &stat));
	check(stat.state == "RSDZX"[numbers[2] % 5] && stat.parent == parent && stat.session == session);
	check(stat.start_ticks == ticks);
}

static void check_any_stat(const uint8_t *data, size_t size)
{
	struct proc_stat stat;
	char *text = strndup((const char *)data, size);

	proc_stat_parse(text, &stat);
	free(text);
}

static void check_pid(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), expected[32];
	pid_t pid = pid_file_parse(text);

	check(pid == -1 || pid > 1);
	if (pid > 1) {
		size_t zeros = strspn(text, "0");
		int length = snprintf(expected, sizeof(expected), "%d", pid);

		check(strncmp(text + zeros, expected, (size_t)length) == 0);
		check(text[zeros + (size_t)length] == '\0' || text[zeros + (size_t)length] == '\n');
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	switch (data[0]) {
	case 'c':
		check_cgroup(data + 1, size - 1);
		break;
	case 'e':
		check_counter(data + 1, size - 1);
		break;
	case 'p':
		check_pid(data + 1, size - 1);
		break;
	case 's':
		check_stat(data + 1, size - 1);
		break;
	default:
		check_any_stat(data, size);
	}
	return 0;
}
