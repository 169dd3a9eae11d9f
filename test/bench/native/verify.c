#include "bench.h"
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 1 << 20 };

static struct load load;
static const uint8_t *expected;
static size_t expected_left;
static uint64_t joined, records;

static void compare(const char *bytes, size_t size)
{
	joined += size;
	while (size > 0) {
		if (expected_left == 0 && (expected = load_next(&load, &expected_left)) == NULL)
			die("the log has more than was written, after %lu bytes", joined - size);
		size_t part = size < expected_left ? size : expected_left;

		if (memcmp(bytes, expected, part) != 0)
			die("the log differs near byte %lu", joined - size);
		bytes += part;
		expected += part;
		expected_left -= part;
		size -= part;
	}
}

/* TIME SPACE STREAM SPACE TAG SPACE CONTENT, without its newline. */
static void take_record(const char *record, size_t size)
{
	const char *end = record + size;
	const char *stream = memchr(record, ' ', size);
	const char *tag = stream == NULL ? NULL : memchr(stream + 1, ' ', (size_t)(end - stream - 1));

	records++;
	if (tag == NULL || end - tag < 3 || (tag[1] != 'P' && tag[1] != 'F') || tag[2] != ' ')
		die("no record: %.*s", size < 100 ? (int)size : 100, record);
	compare(tag + 3, (size_t)(end - tag - 3));
	if (tag[1] == 'F')
		compare("\n", 1);
}

int verify_main(int argc, char **argv)
{
	static char window[WINDOW];
	size_t held = 0;
	uint64_t size = 0;
	ssize_t got;

	if (argc != 2)
		die("verify LOAD LOG");
	load_parse(&load, argv[0]);
	int fd = open(argv[1], O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("open %s", argv[1]);
	while ((got = read(fd, window + held, WINDOW - held)) > 0) {
		char *at = window, *end = window + held + got, *newline;

		size += (uint64_t)got;
		for (; (newline = memchr(at, '\n', (size_t)(end - at))) != NULL; at = newline + 1)
			take_record(at, (size_t)(newline - at));
		held = (size_t)(end - at);
		if (held == WINDOW)
			die("a record of more than 1 MiB");
		memmove(window, at, held);
	}
	errno = 0;
	if (got < 0 || held != 0 || joined != load.total)
		die("the log ends after %lu of %lu bytes, %zu of them in no record", joined, load.total, held);
	printf("{\"bytes\":%lu,\"records\":%lu,\"logBytes\":%lu}\n", joined, records, size);
	return 0;
}
