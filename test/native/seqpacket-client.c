/*
 * A client of conmon's attach socket, which is SOCK_SEQPACKET, for a parent that has only streams:
 *   seqpacket-client SOCKET eof          the end of stdin is a half-closed connection; reads on
 *   seqpacket-client SOCKET disconnect   the end of stdin closes the connection
 * stdin goes to the container; what comes from it goes to stdout and stderr. Writes one byte to fd 3 when it is connected.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PACKET = 32 << 10, STDERR_PACKET = 3 };

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t put = write(fd, data, size);

		if (put < 0)
			return -1;
		data += put;
		size -= (size_t)put;
	}
	return 0;
}

/* A packet of output: its first byte names the stream. False at the end. */
static int receive(int from)
{
	char packet[PACKET + 1];
	ssize_t got = recv(from, packet, sizeof(packet), 0);

	if (got <= 0)
		return 0;
	return write_all(packet[0] == STDERR_PACKET ? STDERR_FILENO : STDOUT_FILENO, packet + 1, (size_t)got - 1) == 0;
}

static int relay(int to, int disconnects)
{
	struct pollfd polled[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = to, .events = POLLIN } };
	char input[PACKET];

	while (poll(polled, 2, -1) > 0 || errno == EINTR) {
		if (polled[1].revents != 0 && !receive(to))
			return 0;
		if (polled[0].fd < 0 || polled[0].revents == 0)
			continue;
		ssize_t got = read(STDIN_FILENO, input, sizeof(input));

		if (got > 0 && send(to, input, (size_t)got, MSG_NOSIGNAL) == got)
			continue;
		if (disconnects)
			return 0;
		shutdown(to, SHUT_WR);
		polled[0].fd = -1;
	}
	return 1;
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int to = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	if (argc != 3)
		return 2;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[1]);
	if (connect(to, (struct sockaddr *)&address, sizeof(address)) != 0)
		return 3;
	if (write_all(3, "c", 1) != 0)
		return 4;
	close(3);
	return relay(to, strcmp(argv[2], "disconnect") == 0);
}
