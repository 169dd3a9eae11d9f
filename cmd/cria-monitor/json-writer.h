/* Writes one flat JSON object into a buffer: what json.h reads. */
#ifndef JSON_WRITER_H
#define JSON_WRITER_H

#include "base.h"

struct json_writer {
	char *buffer;
	size_t size;
	size_t length;
	bool full;
};

void json_begin(struct json_writer *writer, char *buffer, size_t size);
/* Bytes that are not UTF-8 become U+FFFD, so that any runtime's text makes valid JSON. */
void json_put_text(struct json_writer *writer, const char *key, const char *text, size_t size);
void json_put_string(struct json_writer *writer, const char *key, const char *text);
void json_put_number(struct json_writer *writer, const char *key, int64_t value);
/* A 64-bit number as a string: JSON readers keep 53 bits. */
void json_put_big(struct json_writer *writer, const char *key, uint64_t value);
void json_put_bool(struct json_writer *writer, const char *key, bool value);
void json_put_raw(struct json_writer *writer, const char *key, const char *json);
/* Closes the object; the length, or 0 when it did not fit. */
size_t json_end(struct json_writer *writer);

#endif
