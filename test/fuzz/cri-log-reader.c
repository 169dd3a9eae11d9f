#include "cri-log-reader.h"

#include <string.h>

/* Days since 1970-01-01 in the proleptic Gregorian calendar. */
static int64_t days_of(int64_t year, int month, int day)
{
	static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	int64_t past = year - 1;

	return past * 365 + past / 4 - past / 100 + past / 400 - 719162 + before[month - 1] + (leap && month > 2) + day - 1;
}

static bool digits(const char *text, size_t count, int *value)
{
	*value = 0;
	for (size_t i = 0; i < count; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*value = *value * 10 + (text[i] - '0');
	}
	return true;
}

/* "2006-01-02T15:04:05.999999999Z", always with nine digits. */
static bool read_time(const char *text, size_t size, struct cri_record *record)
{
	int year, month, day, hour, minute, second;

	if (size != 30 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' ||
	    text[19] != '.' || text[29] != 'Z')
		return false;
	if (!digits(text, 4, &year) || !digits(text + 5, 2, &month) || !digits(text + 8, 2, &day) ||
	    !digits(text + 11, 2, &hour) || !digits(text + 14, 2, &minute) || !digits(text + 17, 2, &second) ||
	    !digits(text + 20, 9, &record->nanoseconds))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59)
		return false;
	record->seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
	return true;
}

static bool is_word(const char *text, size_t size, const char *word)
{
	return size == strlen(word) && memcmp(text, word, size) == 0;
}

size_t cri_log_read(const char *text, size_t size, struct cri_record *record)
{
	const char *end = memchr(text, '\n', size), *at = text, *space;
	const char *fields[3];
	size_t sizes[3];

	if (end == NULL)
		return 0;
	for (int i = 0; i < 3; i++, at = space + 1) {
		space = memchr(at, ' ', (size_t)(end - at));
		if (space == NULL)
			return 0;
		fields[i] = at;
		sizes[i] = (size_t)(space - at);
	}
	record->is_stderr = is_word(fields[1], sizes[1], "stderr");
	record->is_partial = is_word(fields[2], sizes[2], "P");
	record->content = at;
	record->size = (size_t)(end - at);
	if (!read_time(fields[0], sizes[0], record) || (!record->is_stderr && !is_word(fields[1], sizes[1], "stdout")) ||
	    (!record->is_partial && !is_word(fields[2], sizes[2], "F")))
		return 0;
	return (size_t)(end - text) + 1;
}
