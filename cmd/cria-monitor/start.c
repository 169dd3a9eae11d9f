/* What a spawned monitor does at its start. */
#include "roles.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char inherited_score[16];

bool gate_wait(int fd)
{
	char go;
	ssize_t got;

	do
		got = read(fd, &go, 1);
	while (got < 0 && errno == EINTR);
	return got == 1;
}

bool gate_answer(int fd, const char *text)
{
	bool sent = send(fd, text, strlen(text), MSG_NOSIGNAL) > 0;

	close(fd);
	return sent;
}

void oom_protect_self(void)
{
	static const char path[] = "/proc/self/oom_score_adj";

	if (read_file(path, inherited_score, sizeof(inherited_score)) <= 0 || write_file(path, "-1000") != 0)
		inherited_score[0] = '\0';
}

const char *oom_score_of_others(char *text, size_t size)
{
	if (inherited_score[0] == '\0')
		return NULL;
	format(text, size, "%s", inherited_score);
	return text;
}
