/*
 * JSON as far as the protocol needs it: one flat object whose values are strings, whole numbers, booleans and arrays
 * of strings. Anything deeper is checked, skipped and ignored, so that newer peers may send more.
 */
#ifndef JSON_H
#define JSON_H

#include "base.h"

enum json_type { JSON_IGNORED, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_STRINGS };

struct json_field {
	const char *key;
	/* The string; of an array the first of `number` strings, one behind the other, each ended by NUL. */
	const char *text;
	int64_t number;
	enum json_type type;
};

struct json {
	unsigned count;
	struct json_field fields[40];
};

/* Parses NUL-ended text in place: the result points into it. False when it is not such an object. */
bool json_parse(struct json *object, char *text);
/* Absent, or of another type: NULL, `otherwise`, 0 strings. */
const char *json_string(const struct json *object, const char *key);
int64_t json_number(const struct json *object, const char *key, int64_t otherwise);
bool json_bool(const struct json *object, const char *key);
/* Appends the array's strings to `list` from `at`, ends it with NULL, returns the new length; `max` when it is full. */
size_t json_strings(const struct json *object, const char *key, const char **list, size_t at, size_t max);

#endif
