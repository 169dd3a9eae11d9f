#include "bench.h"
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void write_load(const char *bundle)
{
	char path[PATH_MAX], text[100];
	struct load load;
	const uint8_t *bytes;
	size_t size;

	print_to(path, sizeof(path), "%s/load", bundle);
	read_small(path, text, sizeof(text));
	load_parse(&load, text);
	print_to(path, sizeof(path), "%s/start", bundle);
	if (open(path, O_RDONLY) < 0) /* a fifo: until the benchmark opens it, too */
		die("open %s", path);
	while ((bytes = load_next(&load, &size)) != NULL) {
		for (size_t done = 0; done < size;) {
			ssize_t put = write(STDOUT_FILENO, bytes + done, size - done);

			if (put < 0)
				die("write the load");
			done += (size_t)put;
		}
	}
}

static void container(const char *bundle)
{
	char path[PATH_MAX];

	print_to(path, sizeof(path), "%s/load", bundle);
	if (access(path, F_OK) != 0)
		for (;;)
			pause();
	write_load(bundle);
	_exit(0);
}

int runtime_main(int argc, char **argv)
{
	const char *bundle = NULL, *pid_file = NULL;
	bool creates = false;
	char text[32];

	for (int i = 1; i < argc; i++) {
		creates = creates || strcmp(argv[i], "create") == 0;
		if (i + 1 < argc && strcmp(argv[i], "--bundle") == 0)
			bundle = argv[++i];
		else if (i + 1 < argc && strcmp(argv[i], "--pid-file") == 0)
			pid_file = argv[++i];
	}
	if (!creates)
		return 0;
	if (bundle == NULL || pid_file == NULL)
		die("create without --bundle or --pid-file");
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0)
		container(bundle);
	print_to(text, sizeof(text), "%d", (int)pid);
	write_small(pid_file, text);
	return 0;
}
