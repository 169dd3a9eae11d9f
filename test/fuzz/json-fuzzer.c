/*
 * The JSON reader and writer. Reader: stays inside of the text, and takes every valid object that is not too deep and
 * has no NUL in a string. Writer: what it writes is valid, and read back it is what was put in.
 */
#include "json-writer.h"
#include "json.h"
#include "strict-json.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH_TAKEN = 30 };

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_inside(const char *text, const char *start, size_t size)
{
	check(text >= start && text < start + size && memchr(text, '\0', (size_t)(start + size - text)) != NULL);
}

static void check_field(const struct json *object, const struct json_field *field, const char *text, size_t size)
{
	const char *list[64];

	check_inside(field->key, text, size);
	if (field->type == JSON_STRING)
		check_inside(field->text, text, size);
	const char *at = field->text;

	for (int64_t i = 0; field->type == JSON_STRINGS && i < field->number; i++) {
		check_inside(at, text, size);
		at += strlen(at) + 1;
	}
	json_string(object, field->key);
	json_number(object, field->key, -1);
	json_bool(object, field->key);
	size_t count = json_strings(object, field->key, list, 0, 64);

	check(count == 64 || list[count] == NULL);
}

static void read_text(const uint8_t *data, size_t size)
{
	static struct json object;
	struct strict_json strict;
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	bool valid = strict_json_object(text, &strict);
	bool taken = json_parse(&object, text);

	check(taken || !valid || strict.depth > DEPTH_TAKEN || strict.has_nul);
	for (unsigned i = 0; taken && i < object.count; i++)
		check_field(&object, &object.fields[i], text, size + 1);
	free(text);
}

/* What a text becomes that is not UTF-8, without the writer's own table. */
static size_t repaired(const char *text, size_t size, char *to)
{
	size_t length = 0;

	for (size_t at = 0; at < size;) {
		size_t step = 1;

		while (step <= 4 && at + step <= size && !strict_utf8(text + at, step))
			step++;
		bool valid = step <= 4 && at + step <= size;

		memcpy(to + length, valid ? text + at : "\xef\xbf\xbd", valid ? step : 3);
		length += valid ? step : 3;
		at += valid ? step : 1;
	}
	return length;
}

static void write_text(const uint8_t *data, size_t size)
{
	size_t room = size > 0 ? (size_t)data[0] << 4 : 0, text_size = size > 0 ? size - 1 : 0;
	char *buffer = malloc(room + 1), *expected = malloc(3 * text_size + 1);
	const char *text = (const char *)data + 1;
	int64_t number = 0;
	struct json_writer writer;
	struct json object;

	memcpy(&number, text, text_size < 8 ? text_size : 8);
	json_begin(&writer, buffer, room);
	json_put_number(&writer, "number", number);
	json_put_text(&writer, "text", text, text_size);
	json_put_big(&writer, "big", (uint64_t)number);
	json_put_bool(&writer, "bool", (number & 1) != 0);
	size_t length = json_end(&writer);
	size_t expected_length = repaired(text, text_size, expected);

	check(length <= room && (length > 0) == !writer.full);
	if (length > 0) {
		struct strict_json strict;
		bool has_nul = memchr(text, '\0', text_size) != NULL;

		buffer[length] = '\0';
		check(strlen(buffer) == length && strict_utf8(buffer, length) && strict_json_object(buffer, &strict));
		check(json_parse(&object, buffer) == !has_nul);
		if (!has_nul) {
			const char *got = json_string(&object, "text");

			check(got != NULL && strlen(got) == expected_length && memcmp(got, expected, expected_length) == 0);
			check(json_number(&object, "number", ~number) == number);
			check(strtoull(json_string(&object, "big"), NULL, 10) == (uint64_t)number);
			check(json_bool(&object, "bool") == ((number & 1) != 0));
		}
	}
	free(buffer);
	free(expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] == 'w')
		write_text(data + 1, size - 1);
	else
		read_text(data, size);
	return 0;
}
