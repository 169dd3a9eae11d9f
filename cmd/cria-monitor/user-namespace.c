#include "user-namespace.h"

#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the holder tells after each of its steps: 0, or an errno. */
static bool tell(int fd, int result)
{
	unsigned char code = (unsigned char)(result == 0 ? 0 : errno);

	return write_all(fd, &code, 1) == 0 && result == 0;
}

static bool heard(int fd)
{
	unsigned char code = 0;
	ssize_t got;

	do
		got = read(fd, &code, 1);
	while (got < 0 && errno == EINTR);
	if (got == 0)
		errno = ESRCH;
	else if (got > 0)
		errno = code;
	return got == 1 && code == 0;
}

/*
 * In two steps: what is made before the ids are mapped (the files of a network device in /sys) belongs to nobody inside.
 */
static _Noreturn void hold(int fd, int flags, pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(1);
	if (tell(fd, unshare(CLONE_NEWUSER)) && heard(fd) && tell(fd, flags == 0 ? 0 : unshare(flags)))
		heard(fd); /* until the end of the parent, or its kill */
	_exit(1);
}

static bool write_map(pid_t holder, const char *file, const char *map)
{
	char path[64];

	return format(path, sizeof(path), "/proc/%d/%s", (int)holder, file) && write_file(path, map) == 0;
}

static const char *set_up(int fd, pid_t holder, const struct id_maps *maps)
{
	unsigned char go = 0;

	if (!heard(fd))
		return "make the user namespace";
	if (!write_map(holder, "uid_map", maps->uid))
		return "map the user ids";
	if (!write_map(holder, "gid_map", maps->gid))
		return "map the group ids";
	if (write_all(fd, &go, 1) != 0 || !heard(fd))
		return "make the namespaces of the user namespace";
	return NULL;
}

pid_t user_namespace_hold(const struct id_maps *maps, int flags, const char **step)
{
	int ends[2];
	pid_t parent = getpid();

	*step = "start the holder of the user namespace";
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return -1;
	pid_t holder = fork();

	if (holder == 0) {
		close(ends[0]);
		hold(ends[1], flags, parent);
	}
	close(ends[1]);
	if (holder > 0)
		*step = set_up(ends[0], holder, maps);
	if (*step == NULL)
		return holder; /* the socket stays open: its end would be the holder's */
	int reason = errno;

	close(ends[0]);
	if (holder > 0)
		user_namespace_release(holder);
	errno = reason;
	return -1;
}

bool user_namespace_enter(pid_t holder, int flags)
{
	if (flags == 0)
		return true;
	int fd = pidfd_open_pid(holder);

	if (fd < 0)
		return false;
	bool entered = setns(fd, flags) == 0;
	int reason = errno;

	close(fd);
	errno = reason;
	return entered;
}

void user_namespace_release(pid_t holder)
{
	kill(holder, SIGKILL);
	while (waitpid(holder, NULL, 0) < 0 && errno == EINTR)
		;
}
