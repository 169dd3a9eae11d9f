/*
 * An OCI runtime without containers, for tests of what the monitor does with many of them at once:
 *   create   the init waits for `start`, then it is the shell script BUNDLE/init
 *   start    by a fifo that create has made: start BUNDLE
 *   exec     a command that writes the number in its arguments to both streams, and ends with it modulo 200
 *   delete   does nothing
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *option(char **argv, const char *name)
{
	for (; argv[0] != NULL && argv[1] != NULL; argv++)
		if (strcmp(argv[0], name) == 0)
			return argv[1];
	return "";
}

static void run_init(const char *bundle)
{
	char fifo[4096], script[4096];

	snprintf(fifo, sizeof(fifo), "%s/start", bundle);
	snprintf(script, sizeof(script), "%s/init", bundle);
	int gate = open(fifo, O_RDONLY);

	if (gate < 0)
		_exit(126);
	close(gate);
	execl("/bin/sh", "sh", script, NULL);
	_exit(127);
}

static void run_command(const char *path)
{
	char text[4096] = "";
	FILE *file = fopen(path, "r");
	size_t size = file == NULL ? 0 : fread(text, 1, sizeof(text) - 1, file);
	const char *arguments = strstr(text, "\"args\":[\"");

	if (size == 0 || arguments == NULL)
		_exit(126);
	int number = atoi(arguments + strlen("\"args\":[\""));

	dprintf(STDOUT_FILENO, "out %d\n", number);
	dprintf(STDERR_FILENO, "err %d\n", number);
	_exit(number % 200);
}

static int start_child(char **argv, int is_exec)
{
	const char *bundle = option(argv, "--bundle");
	char fifo[4096];

	snprintf(fifo, sizeof(fifo), "%s/start", bundle);
	if (!is_exec && mkfifo(fifo, 0600) != 0)
		return 3;
	/* It is read before the monitor can be gone, and with it the file. */
	int ready[2];

	if (pipe(ready) != 0)
		return 4;
	pid_t pid = fork();

	if (pid == 0) {
		setsid();
		close(ready[0]);
		if (is_exec)
			run_command(option(argv, "--process"));
		fcntl(ready[1], F_SETFD, FD_CLOEXEC);
		close(ready[1]);
		run_init(bundle);
	}
	close(ready[1]);
	char end;
	FILE *file = fopen(option(argv, "--pid-file"), "w");

	if (pid < 0 || file == NULL || read(ready[0], &end, 1) != 0)
		return 5;
	fprintf(file, "%d", (int)pid);
	return fclose(file) == 0 ? 0 : 6;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (strcmp(verb, "start") == 0) {
		char fifo[4096];

		snprintf(fifo, sizeof(fifo), "%s/start", argc > 2 ? argv[2] : "");
		return open(fifo, O_WRONLY) >= 0 ? 0 : 2;
	}
	if (strcmp(verb, "delete") == 0)
		return 0;
	if (strcmp(verb, "create") == 0 || strcmp(verb, "exec") == 0)
		return start_child(argv, strcmp(verb, "exec") == 0);
	return 1;
}
