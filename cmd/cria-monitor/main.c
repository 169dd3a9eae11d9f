/* cria-monitor: one static program, its roles are in roles.h. */
#include "roles.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool own_fd(int fd)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0;
}

/* Whoever started us may have left signals ignored and files open; nothing of that may reach a container. */
static void start_clean(void)
{
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", O_RDWR);
	/* 3 and 4 are from the one who started us, see spawner.h: a lock that leaked there would be held by a container. */
	for (int fd = 3; fd <= 4; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	close_from(5);
	umask(0022);
}

int main(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";

	/* What was open and which signals wait is what it goes on with. */
	if (strcmp(role, "resume") == 0 && argc == 3)
		return resume_main(argv[2]);
	start_clean();
	if (strcmp(role, "spawner") == 0 && argc == 2)
		return spawner_main();
	if (strcmp(role, "run") == 0 && argc == 3)
		return container_main(argv[2]);
	if (strcmp(role, "adopt") == 0 && argc == 2)
		return adopt_main();
	if (strcmp(role, "exec") == 0 && argc == 3)
		return exec_main(argv[2]);
	if (strcmp(role, "stand-in") == 0 && argc == 4)
		return stand_in_main(argv[2], argv[3]);
	if (strcmp(role, "start") == 0)
		return stand_in_start_main(argc - 2, argv + 2);
	if (strcmp(role, "pin") == 0)
		return pin_main(argc - 2, argv + 2);
	if (strcmp(role, "version") == 0) {
		puts("cria-monitor " MONITOR_VERSION);
		return 0;
	}
	fputs("usage: cria-monitor spawner | run CONFIG | adopt | exec CONFIG | stand-in CONFIG PID | start PID TICKS COMMAND | pin OPTIONS | version\n", stderr);
	return 2;
}
