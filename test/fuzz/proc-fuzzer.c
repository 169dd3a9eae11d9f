/*
 * What the kernel tells in text: /proc/PID/cgroup, memory.events and memory.oom_control, /proc/PID/stat; and the pid
 * file of an OCI runtime. The first byte says which.
 */
#include "cgroup-file.h"
#include "pid-file.h"
#include "proc-stat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	char list[LIST_MAX], path[LIST_MAX / 2];
	size_t length = size < LIST_MAX - 1 ? size : LIST_MAX - 1, place_length = 0;
	bool is_v1, unified;

	memcpy(list, data, length);
	list[length] = '\0';
	bool found = cgroup_in_list(list, "memory", path, sizeof(path), &unified);
	const char *place = expected_place(list, &is_v1, &place_length);

	check(found == (place != NULL && place_length > 0 && place[0] == '/' && place_length < sizeof(path)));
	if (!found)
		return;
	check(unified == !is_v1 && strlen(path) == place_length && memcmp(path, place, place_length) == 0);
	/* What is left is the front of it, up to the end of a part. */
	if (cgroup_cut(path, "a1")) {
		check(strlen(path) <= place_length && memcmp(path, place, strlen(path)) == 0);
		check(strstr(path, "a1") != NULL && strchr(strstr(path, "a1"), '/') == NULL);
	}
}

static void check_counter(const uint8_t *data, size_t size)
{
	static const char key[] = "oom_kill ";
	char text[1024];
	size_t length = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
	uint64_t kills = 0;
	const char *line = text;

	memcpy(text, data, length);
	text[length] = '\0';
	bool found = cgroup_counter(text, "oom_kill", &kills);

	while (line != NULL && strncmp(line, key, sizeof(key) - 1) != 0) {
		line = strchr(line, '\n');
		line = line == NULL ? NULL : line + 1;
	}
	if (line == NULL) {
		check(!found);
		return;
	}
	const char *number = line + sizeof(key) - 1;
	size_t digits = strspn(number, "0123456789");

	check(!found || (digits > 0 && (number[digits] == '\n' || number[digits] == '\0')));
	/* More than 19 digits may be too much for 64 bits. */
	check(found || digits == 0 || digits > 19 || (number[digits] != '\n' && number[digits] != '\0'));
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
