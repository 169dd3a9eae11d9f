#include "json-writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put(struct json_writer *writer, const char *text, size_t size)
{
	if (writer->size - writer->length < size) {
		writer->full = true;
		return;
	}
	memcpy(writer->buffer + writer->length, text, size);
	writer->length += size;
}

/* The length of the UTF-8 sequence at `at`, 0 when it is none. */
static size_t utf8_length(const unsigned char *at, size_t size)
{
	unsigned char c = at[0];
	size_t length = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;

	if (length == 0 || length > size)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((c == 0xe0 && at[1] < 0xa0) || (c == 0xed && at[1] >= 0xa0))
		return 0;
	if ((c == 0xf0 && at[1] < 0x90) || (c == 0xf4 && at[1] >= 0x90))
		return 0;
	return length;
}

static void put_escaped(struct json_writer *writer, const unsigned char *text, size_t size)
{
	put(writer, "\"", 1);
	while (size > 0) {
		size_t length = utf8_length(text, size);

		if (length == 0) {
			put(writer, "\xef\xbf\xbd", 3);
			length = 1;
		} else if (*text < 0x20 || *text == 0x7f) {
			char escape[8];

			snprintf(escape, sizeof(escape), "\\u%04x", *text);
			put(writer, escape, 6);
		} else {
			if (*text == '"' || *text == '\\')
				put(writer, "\\", 1);
			put(writer, (const char *)text, length);
		}
		text += length;
		size -= length;
	}
	put(writer, "\"", 1);
}

static void put_key(struct json_writer *writer, const char *key)
{
	put(writer, writer->length > 1 ? ",\"" : "\"", writer->length > 1 ? 2 : 1);
	put(writer, key, strlen(key));
	put(writer, "\":", 2);
}

void json_begin(struct json_writer *writer, char *buffer, size_t size)
{
	*writer = (struct json_writer){ .buffer = buffer, .size = size };
	put(writer, "{", 1);
}

void json_put_text(struct json_writer *writer, const char *key, const char *text, size_t size)
{
	put_key(writer, key);
	put_escaped(writer, (const unsigned char *)text, size);
}

void json_put_string(struct json_writer *writer, const char *key, const char *text)
{
	json_put_text(writer, key, text, strlen(text));
}

void json_put_raw(struct json_writer *writer, const char *key, const char *json)
{
	put_key(writer, key);
	put(writer, json, strlen(json));
}

void json_put_number(struct json_writer *writer, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	json_put_raw(writer, key, text);
}

void json_put_big(struct json_writer *writer, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "\"%" PRIu64 "\"", value);
	json_put_raw(writer, key, text);
}

void json_put_bool(struct json_writer *writer, const char *key, bool value)
{
	json_put_raw(writer, key, value ? "true" : "false");
}

size_t json_end(struct json_writer *writer)
{
	put(writer, "}", 1);
	return writer->full ? 0 : writer->length;
}
