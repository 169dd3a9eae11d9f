#include "log-format.h"

#include <string.h>

enum { TAG_AT = 38 };

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint64_t words2 __attribute__((vector_size(16)));

void log_head_set(struct log_head *head, bool is_stderr, struct timespec now)
{
	/* The second's text is kept, only the fraction changes often. */
	if (now.tv_sec != head->second || head->text[0] == '\0') {
		char text[32];
		struct tm parts;

		head->second = now.tv_sec;
		gmtime_r(&head->second, &parts);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.", &parts);
		memcpy(head->text, text, 20);
	}
	for (int i = 28, left = (int)now.tv_nsec; i >= 20; i--, left /= 10)
		head->text[i] = (char)('0' + left % 10);
	memcpy(head->text + 29, is_stderr ? "Z stderr F " : "Z stdout F ", 11);
}

/* Copies up to the first newline, or everything; returns how many bytes came before it. */
static inline size_t copy_line(char *to, const uint8_t *from, size_t size)
{
	/* Copying and looking in one pass over whole registers: a quarter of the time of memchr and memcpy. */
	const bytes16 newlines = (bytes16){ 0 } + '\n';
	size_t at = 0;

	for (; size - at >= sizeof(newlines); at += sizeof(newlines)) {
		bytes16 part;

		memcpy(&part, from + at, sizeof(part));
		memcpy(to + at, &part, sizeof(part));
		words2 found = (words2)(part == newlines);

		if ((found[0] | found[1]) != 0)
			break; /* it is among the next 16 bytes */
	}
	for (; at < size && from[at] != '\n'; at++)
		to[at] = (char)from[at];
	return at;
}

size_t log_format(struct log_records *records, const struct log_head *head, const uint8_t *data, size_t size, bool final)
{
	size_t at = 0;

	while (at < size && log_has_room(records)) {
		char *to = records->text + records->length;
		size_t left = size - at;

		memcpy(to, head->text, LOG_HEAD);
		size_t length = copy_line(to + LOG_HEAD, data + at, left < LOG_PIECE ? left : LOG_PIECE);
		/* Also behind a whole piece: a line of exactly that length is one record. */
		bool ends = length < left && data[at + length] == '\n';

		if (!ends && length == left && !final)
			break;
		if (!ends)
			to[TAG_AT] = 'P';
		to[LOG_HEAD + length] = '\n';
		records->length += LOG_HEAD + length + 1;
		at += length + (ends ? 1 : 0);
	}
	return at;
}

uint64_t log_content(const char *records, size_t length)
{
	uint64_t content = 0;

	for (size_t at = 0; at < length;) {
		const char *newline = memchr(records + at, '\n', length - at);
		size_t end = (size_t)(newline - records) + 1;

		/* The newline of a P record is ours. */
		content += end - at - LOG_HEAD - (records[at + TAG_AT] == 'P' ? 1 : 0);
		at = end;
	}
	return content;
}
