#include "proc-stat.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { STATE = 3, PARENT = 4, SESSION = 6, START = 22, EXIT_CODE = 52 };

static void take_field(int field, const char *at, struct proc_stat *stat)
{
	if (field == STATE)
		stat->state = *at;
	else if (field == PARENT)
		stat->parent = (pid_t)strtol(at, NULL, 10);
	else if (field == SESSION)
		stat->session = (pid_t)strtol(at, NULL, 10);
	else if (field == START)
		stat->start_ticks = strtoull(at, NULL, 10);
	else if (field == EXIT_CODE)
		stat->wait_status = (int)strtol(at, NULL, 10);
}

bool proc_stat_parse(const char *text, struct proc_stat *stat)
{
	/* The second field is the name in brackets and may hold anything, brackets and spaces too. */
	const char *at = strrchr(text, ')');

	*stat = (struct proc_stat){ 0 };
	for (int field = STATE; field <= EXIT_CODE; field++) {
		at = at == NULL ? NULL : strchr(at, ' ');
		if (at == NULL)
			return field > START;
		take_field(field, ++at, stat);
	}
	return true;
}

bool proc_stat_read(pid_t pid, struct proc_stat *stat)
{
	char path[32], text[1024];

	format(path, sizeof(path), "/proc/%d/stat", (int)pid);
	return read_file(path, text, sizeof(text)) > 0 && proc_stat_parse(text, stat);
}
