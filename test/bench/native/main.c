#include "bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void die(const char *form, ...)
{
	va_list arguments;

	va_start(arguments, form);
	vfprintf(stderr, form, arguments);
	va_end(arguments);
	fprintf(stderr, ": %m\n");
	exit(1);
}

int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

size_t read_small(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");

	if (file == NULL)
		die("open %s", path);
	size_t length = fread(text, 1, size - 1, file);

	fclose(file);
	text[length] = '\0';
	return length;
}

void write_small(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
		die("write %s", path);
}

void print_to(char *text, size_t size, const char *form, ...)
{
	va_list arguments;

	va_start(arguments, form);
	int length = vsnprintf(text, size, form, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= size)
		die("too long: %s", text);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} commands[] = {
		{ "verify", verify_main }, { "spawn", spawn_main }, { "log", log_main },
		{ "idle", idle_main },	   { "storm", storm_main },
	};

	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 2, argv + 2);
	return runtime_main(argc, argv);
}
