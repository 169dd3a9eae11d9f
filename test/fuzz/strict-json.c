#include "strict-json.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

static const char *value(const char *at, int depth, struct strict_json *found);

static const char *space(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

static const char *string(const char *at, struct strict_json *found)
{
	if (*at++ != '"')
		return NULL;
	for (; *at != '"'; at++) {
		if ((unsigned char)*at < 0x20)
			return NULL;
		if (*at != '\\')
			continue;
		at++;
		if (*at == 'u') {
			for (int i = 1; i <= 4; i++)
				if (!isxdigit((unsigned char)at[i]))
					return NULL;
			if (memcmp(at + 1, "0000", 4) == 0)
				found->has_nul = true;
			at += 4;
		} else if (*at == '\0' || strchr("\"\\/bfnrt", *at) == NULL) {
			return NULL;
		}
	}
	return at + 1;
}

static const char *number(const char *at)
{
	at += *at == '-';
	if (!isdigit((unsigned char)*at) || (at[0] == '0' && isdigit((unsigned char)at[1])))
		return NULL;
	at += strspn(at, "0123456789");
	if (*at == '.') {
		if (!isdigit((unsigned char)at[1]))
			return NULL;
		at += 1 + strspn(at + 1, "0123456789");
	}
	if (*at == 'e' || *at == 'E') {
		at++;
		at += *at == '+' || *at == '-';
		if (!isdigit((unsigned char)*at))
			return NULL;
		at += strspn(at, "0123456789");
	}
	return at;
}

/* What stands between the brackets of an object or array. */
static const char *members(const char *at, bool is_object, int depth, struct strict_json *found)
{
	char close = is_object ? '}' : ']';

	at = space(at + 1);
	if (*at == close)
		return at + 1;
	for (;;) {
		if (is_object) {
			at = string(space(at), found);
			if (at == NULL || *(at = space(at)) != ':')
				return NULL;
			at++;
		}
		at = value(space(at), depth, found);
		if (at == NULL)
			return NULL;
		at = space(at);
		if (*at == close)
			return at + 1;
		if (*at++ != ',')
			return NULL;
	}
}

static const char *value(const char *at, int depth, struct strict_json *found)
{
	static const char *const words[] = { "true", "false", "null" };

	if (depth > found->depth)
		found->depth = depth;
	if (depth > 1000)
		return NULL;
	if (*at == '{' || *at == '[')
		return members(at, *at == '{', depth + 1, found);
	if (*at == '"')
		return string(at, found);
	for (size_t i = 0; i < 3; i++)
		if (strncmp(at, words[i], strlen(words[i])) == 0)
			return at + strlen(words[i]);
	return number(at);
}

bool strict_json_object(const char *text, struct strict_json *found)
{
	*found = (struct strict_json){ 0 };
	text = space(text);
	if (*text != '{')
		return false;
	text = value(text, 0, found);
	return text != NULL && *space(text) == '\0';
}

/* By what a code point may be, not by what bytes may be: decode, then look. */
bool strict_utf8(const char *text, unsigned long size)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };

	for (unsigned long at = 0; at < size;) {
		unsigned char first = (unsigned char)text[at];
		unsigned long length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
		unsigned point = length == 1 ? first : first & (0x7f >> length);

		if (length == 0 || at + length > size)
			return false;
		for (unsigned long i = 1; i < length; i++) {
			if ((text[at + i] & 0xc0) != 0x80)
				return false;
			point = point << 6 | (text[at + i] & 0x3f);
		}
		if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000) || point < least[length])
			return false;
		at += length;
	}
	return true;
}
