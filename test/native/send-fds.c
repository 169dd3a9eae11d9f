/*
 * What a hostile runtime sends to a console socket: send-fds SOCKET KIND
 *   nothing   connects and hangs up      text    a message without a descriptor
 *   null      /dev/null                  slave   the other end of a terminal
 *   two       two terminals              many    a hundred descriptors
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MANY = 100 };

static int terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
		exit(3);
	return master;
}

static int send_fds(int to, const int *fds, size_t count)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(MANY * sizeof(int))];
	} control = { 0 };
	struct iovec data = { "/dev/ptmx", 9 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };

	if (count > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *head = CMSG_FIRSTHDR(&message);

		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(head), fds, count * sizeof(int));
	}
	return sendmsg(to, &message, 0) == 9 ? 0 : 4;
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int to = socket(AF_UNIX, SOCK_STREAM, 0), fds[MANY];
	const char *kind = argc == 3 ? argv[2] : "";

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", argc == 3 ? argv[1] : "");
	if (connect(to, (struct sockaddr *)&address, sizeof(address)) != 0)
		return 2;
	if (strcmp(kind, "nothing") == 0)
		return 0;
	if (strcmp(kind, "text") == 0)
		return send_fds(to, NULL, 0);
	size_t count = strcmp(kind, "many") == 0 ? MANY : strcmp(kind, "two") == 0 ? 2 : 1;

	for (size_t i = 0; i < count; i++)
		fds[i] = strcmp(kind, "two") == 0 ? terminal() : open("/dev/null", O_RDWR);
	if (strcmp(kind, "slave") == 0)
		fds[0] = open(ptsname(terminal()), O_RDWR | O_NOCTTY);
	return send_fds(to, fds, count);
}
