/*
 * The fault points of a test build. CRIA_MONITOR_FAULT=POINT:NTH[:ACTION] chooses what happens when this process is at
 * the point for the NTH time:
 *   kill     it is killed (the default)
 *   stop     it stops, until somebody continues it
 *   daemon   the process with the pid in CRIA_MONITOR_FAULT_PID is killed, and is dead when this one goes on
 */
#include "../../cmd/cria-monitor/fault.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void kill_other(void)
{
	const char *text = getenv("CRIA_MONITOR_FAULT_PID");
	pid_t pid = text == NULL ? 0 : atoi(text);
	char path[64], state = 'R';

	if (pid <= 1)
		abort();
	kill(pid, SIGKILL);
	/* A zombie has closed all it had; its parent may reap it later. */
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	while (state != 'Z' && state != 'X') {
		FILE *file = fopen(path, "re");

		if (file == NULL)
			return;
		if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
			state = 'X';
		fclose(file);
		poll(NULL, 0, 1);
	}
}

void fault_point(const char *name)
{
	static int passed;
	const char *plan = getenv("CRIA_MONITOR_FAULT");
	const char *point = name + strlen("fault:");
	size_t length = strlen(point);

	if (plan == NULL || strncmp(plan, point, length) != 0 || plan[length] != ':' || ++passed != atoi(plan + length + 1))
		return;
	const char *action = strchr(plan + length + 1, ':');

	if (action == NULL || strcmp(action, ":kill") == 0)
		kill(getpid(), SIGKILL);
	else if (strcmp(action, ":stop") == 0)
		kill(getpid(), SIGSTOP);
	else if (strcmp(action, ":daemon") == 0)
		kill_other();
	else
		abort();
}
