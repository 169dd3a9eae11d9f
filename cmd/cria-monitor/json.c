#include "json.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 32 };

static char *skip_space(char *at)
{
	while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')
		at++;
	return at;
}

static int hex4(const char *at)
{
	int value = 0;

	for (int i = 0; i < 4; i++) {
		char c = at[i];
		int digit = c >= '0' && c <= '9' ? c - '0'
			: c >= 'a' && c <= 'f'   ? c - 'a' + 10
			: c >= 'A' && c <= 'F'   ? c - 'A' + 10
						 : -1;
		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

static char *put_utf8(char *to, unsigned point)
{
	if (point < 0x80) {
		*to++ = (char)point;
	} else if (point < 0x800) {
		*to++ = (char)(0xc0 | point >> 6);
		*to++ = (char)(0x80 | (point & 0x3f));
	} else if (point < 0x10000) {
		*to++ = (char)(0xe0 | point >> 12);
		*to++ = (char)(0x80 | (point >> 6 & 0x3f));
		*to++ = (char)(0x80 | (point & 0x3f));
	} else {
		*to++ = (char)(0xf0 | point >> 18);
		*to++ = (char)(0x80 | (point >> 12 & 0x3f));
		*to++ = (char)(0x80 | (point >> 6 & 0x3f));
		*to++ = (char)(0x80 | (point & 0x3f));
	}
	return to;
}

/* \uXXXX, with its second half when it is a surrogate pair. NUL is refused: our strings end with it. */
static char *unescape_unicode(char *at, char **to)
{
	int first = hex4(at);

	if (first <= 0)
		return NULL;
	at += 4;
	unsigned point = (unsigned)first;

	if (point >= 0xd800 && point < 0xdc00 && at[0] == '\\' && at[1] == 'u') {
		int second = hex4(at + 2);

		if (second >= 0xdc00 && second < 0xe000) {
			point = 0x10000 + ((point - 0xd800) << 10) + ((unsigned)second - 0xdc00);
			at += 6;
		}
	}
	if (point >= 0xd800 && point < 0xe000)
		point = 0xfffd;
	*to = put_utf8(*to, point);
	return at;
}

/* `at` is behind the opening quote. Writes the string and its NUL to `*to`, which never overtakes `at`. */
static char *parse_string(char *at, char **to)
{
	while (*at != '"') {
		if ((unsigned char)*at < 0x20)
			return NULL;
		if (*at != '\\') {
			*(*to)++ = *at++;
			continue;
		}
		static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
		char escape = at[1];
		const char *found = escape == '\0' ? NULL : strchr(from, escape);

		if (found != NULL) {
			*(*to)++ = into[found - from];
			at += 2;
		} else if (escape != 'u' || (at = unescape_unicode(at + 2, to)) == NULL) {
			return NULL;
		}
	}
	*(*to)++ = '\0';
	return at + 1;
}

static char *parse_word(char *at, const char *word)
{
	size_t length = strlen(word);

	return strncmp(at, word, length) == 0 ? at + length : NULL;
}

/* Any value; it is destroyed on the way. */
static char *skip_value(char *at, int depth)
{
	char *scratch = at + 1;

	at = skip_space(at);
	if (depth > DEPTH_MAX)
		return NULL;
	if (*at == '"')
		return parse_string(at + 1, &scratch);
	if (*at != '{' && *at != '[') {
		size_t length = strcspn(at, ",]} \t\r\n");

		return length == 0 ? NULL : at + length;
	}
	char close = *at == '{' ? '}' : ']';

	for (at = skip_space(at + 1); *at != close;) {
		at = skip_value(at, depth + 1);
		if (at == NULL)
			return NULL;
		at = skip_space(at);
		if (*at == ',' || *at == ':')
			at = skip_space(at + 1);
		else if (*at != close)
			return NULL;
	}
	return at + 1;
}

/* An array of strings, else NULL. */
static char *parse_strings(char *at, struct json_field *field)
{
	char *to = at;

	field->type = JSON_STRINGS;
	field->text = at;
	field->number = 0;
	at = skip_space(at + 1);
	while (*at != ']') {
		if (*at != '"' || (at = parse_string(at + 1, &to)) == NULL)
			return NULL;
		field->number++;
		at = skip_space(at);
		if (*at == ',')
			at = skip_space(at + 1);
		else if (*at != ']')
			return NULL;
	}
	return at + 1;
}

/* Looks ahead, because parsing changes the text: an array with anything else in it is one to skip. */
static bool holds_only_strings(char *at)
{
	for (at = skip_space(at + 1); *at == '"'; at = skip_space(at + 1)) {
		while (*++at != '"' && *at != '\0')
			if (*at == '\\' && *++at == '\0')
				return false;
		if (*at == '\0' || *(at = skip_space(at + 1)) != ',')
			break;
	}
	return *at == ']';
}

static char *parse_value(char *at, struct json_field *field)
{
	char *to = at;

	switch (*at) {
	case '"':
		field->type = JSON_STRING;
		field->text = to;
		return parse_string(at + 1, &to);
	case 't':
	case 'f':
		field->type = JSON_BOOL;
		field->number = *at == 't';
		return parse_word(at, *at == 't' ? "true" : "false");
	case '[':
		if (holds_only_strings(at))
			return parse_strings(at, field);
		break;
	case '-': case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		field->type = JSON_NUMBER;
		field->number = strtoll(at, &to, 10);
		if (*to != '.' && *to != 'e' && *to != 'E')
			return to;
		break;
	default:
		break;
	}
	field->type = JSON_IGNORED;
	return skip_value(at, 0);
}

bool json_parse(struct json *object, char *text)
{
	char *at = skip_space(text);

	object->count = 0;
	if (*at++ != '{')
		return false;
	at = skip_space(at);
	while (*at != '}') {
		struct json_field field = { 0 };
		char *to = at;

		if (*at != '"')
			return false;
		field.key = to;
		at = parse_string(at + 1, &to);
		if (at == NULL || *(at = skip_space(at)) != ':')
			return false;
		at = parse_value(skip_space(at + 1), &field);
		if (at == NULL)
			return false;
		if (object->count < LENGTH(object->fields))
			object->fields[object->count++] = field;
		at = skip_space(at);
		if (*at == ',')
			at = skip_space(at + 1);
		else if (*at != '}')
			return false;
	}
	return *skip_space(at + 1) == '\0';
}

static const struct json_field *find(const struct json *object, const char *key, enum json_type type)
{
	for (unsigned i = 0; i < object->count; i++) {
		const struct json_field *field = &object->fields[i];

		if (field->type == type && strcmp(field->key, key) == 0)
			return field;
	}
	return NULL;
}

const char *json_string(const struct json *object, const char *key)
{
	const struct json_field *field = find(object, key, JSON_STRING);

	return field == NULL ? NULL : field->text;
}

int64_t json_number(const struct json *object, const char *key, int64_t otherwise)
{
	const struct json_field *field = find(object, key, JSON_NUMBER);

	return field == NULL ? otherwise : field->number;
}

bool json_bool(const struct json *object, const char *key)
{
	const struct json_field *field = find(object, key, JSON_BOOL);

	return field != NULL && field->number != 0;
}

size_t json_strings(const struct json *object, const char *key, const char **list, size_t at, size_t max)
{
	const struct json_field *field = find(object, key, JSON_STRINGS);
	const char *text = field == NULL ? NULL : field->text;

	for (int64_t i = 0; field != NULL && i < field->number; i++) {
		if (at + 1 >= max)
			return max;
		list[at++] = text;
		text += strlen(text) + 1;
	}
	if (at < max)
		list[at] = NULL;
	return at;
}
