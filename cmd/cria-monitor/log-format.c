#include "log-format.h"

#include <string.h>

enum { TAG_AT = 38 };

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

static void put_record(struct log_records *records, const struct log_head *head, char tag, const uint8_t *content,
		       size_t size)
{
	char *at = records->text + records->length;

	memcpy(at, head->text, LOG_HEAD);
	at[TAG_AT] = tag;
	memcpy(at + LOG_HEAD, content, size);
	at[LOG_HEAD + size] = '\n';
	records->length += LOG_HEAD + size + 1;
}

size_t log_format(struct log_records *records, const struct log_head *head, const uint8_t *data, size_t size, bool final)
{
	size_t at = 0;

	while (at < size && log_has_room(records)) {
		size_t left = size - at;
		/* One more than a piece: a line of exactly that length is one record. */
		const uint8_t *newline = memchr(data + at, '\n', left < LOG_PIECE + 1 ? left : LOG_PIECE + 1);

		if (newline != NULL) {
			size_t length = (size_t)(newline - (data + at));

			put_record(records, head, 'F', data + at, length);
			at += length + 1;
		} else if (left > LOG_PIECE || final) {
			size_t length = left < LOG_PIECE ? left : LOG_PIECE;

			put_record(records, head, 'P', data + at, length);
			at += length;
		} else {
			break;
		}
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
