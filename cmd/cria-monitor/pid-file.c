#include "pid-file.h"

#include <limits.h>

pid_t pid_file_parse(const char *text)
{
	int64_t pid = 0;

	for (; *text >= '0' && *text <= '9' && pid <= INT_MAX; text++)
		pid = pid * 10 + (*text - '0');
	return (*text == '\0' || *text == '\n') && pid > 1 && pid <= INT_MAX ? (pid_t)pid : -1;
}

pid_t pid_file_read(const char *path)
{
	char text[32];

	return read_file(path, text, sizeof(text)) <= 0 ? -1 : pid_file_parse(text);
}
