/*
 * The role `pin`: makes the namespaces of a pod and holds each by a bind mount on a file.
 *   pin [--user PATH --uid-map "FIRST HOST COUNT" --gid-map "FIRST HOST COUNT"]
 *       [--net PATH] [--ipc PATH] [--uts PATH] [--hostname NAME] [--sysctl NAME=VALUE]...
 * With a user namespace the others belong to it, and the ids of its root are what the mappings say.
 * All or nothing: after a failure no file and no mount is left. Exits with 3 when the kernel has no such value for a sysctl, with 4
 * when the sysctl is not there or may not be set, with 1 for every other failure.
 */
#include "roles.h"
#include "user-namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

struct namespace {
	const char *option;
	const char *handle;
	int flag;
	const char *path; /* NULL: not wanted */
	bool file_made;
	bool mounted;
};

static struct namespace namespaces[] = {
	{ "--net", "/proc/self/ns/net", CLONE_NEWNET, NULL, false, false },
	{ "--ipc", "/proc/self/ns/ipc", CLONE_NEWIPC, NULL, false, false },
	{ "--uts", "/proc/self/ns/uts", CLONE_NEWUTS, NULL, false, false },
};

/* Not among the others: we do not enter it, its holder is in it. */
static struct namespace user = { "--user", NULL, CLONE_NEWUSER, NULL, false, false };

enum { EXIT_SYSCTL_VALUE = 3, EXIT_SYSCTL_NAME = 4 };

static int exit_code = 1;

static bool fail(const char *step, const char *what)
{
	fprintf(stderr, "%s %s: %s\n", step, what, strerror(errno));
	return false;
}

static bool bring_loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) != 0)
		return fail("bring up", "lo");
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request) != 0)
		return fail("bring up", "lo");
	close(fd);
	return true;
}

/* "net.core.somaxconn" or, where a part has dots itself, "net/ipv4/conf/eth0.1/forwarding". */
static bool sysctl_path(const char *name, size_t length, char *path, size_t size)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-";

	if (length == 0 || strspn(name, allowed) < length || name[0] == '/' || name[0] == '.')
		return false;
	if (!format(path, size, "/proc/sys/%.*s", (int)length, name))
		return false;
	bool has_slash = memchr(name, '/', length) != NULL;

	for (char *at = path + strlen("/proc/sys/"); *at != '\0'; at++)
		if (*at == '.' && !has_slash)
			*at = '/';
	return strstr(path, "/../") == NULL && strstr(path, "//") == NULL && strstr(path, "..") == NULL;
}

/*
 * Group ids in values are those of our own user namespace, so we write as we are. Only the root of the namespace's owner may
 * write what belongs to an ipc namespace (Linux 6.2).
 */
static bool write_sysctl(const char *path, const char *value, uid_t owner)
{
	if (write_file(path, value) == 0)
		return true;
	if (errno != EACCES || owner == 0 || seteuid(owner) != 0)
		return false;
	bool written = write_file(path, value) == 0;
	int reason = errno;

	if (seteuid(0) != 0)
		return false;
	errno = reason;
	return written;
}

static int exit_of_sysctl(int reason)
{
	switch (reason) {
	case EINVAL:
	case ERANGE:
		return EXIT_SYSCTL_VALUE;
	case ENOENT:
	case EACCES:
	case EPERM:
	case EROFS:
		return EXIT_SYSCTL_NAME;
	default:
		return 1;
	}
}

static bool set_sysctl(const char *setting, uid_t owner)
{
	const char *value = strchr(setting, '=');
	char path[512];

	if (value == NULL || !sysctl_path(setting, (size_t)(value - setting), path, sizeof(path))) {
		errno = EINVAL;
		return fail("set the sysctl", setting);
	}
	if (write_sysctl(path, value + 1, owner))
		return true;
	exit_code = exit_of_sysctl(errno);
	return fail("set the sysctl", setting);
}

static bool pin(struct namespace *namespace, const char *handle)
{
	int fd = open(namespace->path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);

	if (fd < 0)
		return fail("make the file", namespace->path);
	close(fd);
	namespace->file_made = true;
	if (mount(handle, namespace->path, NULL, MS_BIND, NULL) != 0)
		return fail("mount the namespace on", namespace->path);
	namespace->mounted = true;
	return true;
}

static void unpin(const struct namespace *namespace)
{
	if (namespace->mounted)
		umount2(namespace->path, MNT_DETACH);
	if (namespace->file_made)
		unlink(namespace->path);
}

static void undo(void)
{
	unpin(&user);
	for (size_t i = 0; i < LENGTH(namespaces); i++)
		unpin(&namespaces[i]);
}

static struct namespace *find_namespace(const char *option)
{
	if (strcmp(option, user.option) == 0)
		return &user;
	for (size_t i = 0; i < LENGTH(namespaces); i++)
		if (strcmp(namespaces[i].option, option) == 0)
			return &namespaces[i];
	return NULL;
}

struct settings {
	struct id_maps maps;
	const char *hostname;
	const char *sysctls[128];
	size_t sysctl_count;
};

static bool parse(int argc, char **argv, struct settings *settings)
{
	for (int i = 0; i + 1 < argc; i += 2) {
		struct namespace *namespace = find_namespace(argv[i]);

		if (namespace != NULL && argv[i + 1][0] == '/')
			namespace->path = argv[i + 1];
		else if (strcmp(argv[i], "--uid-map") == 0)
			settings->maps.uid = argv[i + 1];
		else if (strcmp(argv[i], "--gid-map") == 0)
			settings->maps.gid = argv[i + 1];
		else if (strcmp(argv[i], "--hostname") == 0)
			settings->hostname = argv[i + 1];
		else if (strcmp(argv[i], "--sysctl") == 0 && settings->sysctl_count < LENGTH(settings->sysctls))
			settings->sysctls[settings->sysctl_count++] = argv[i + 1];
		else
			return false;
	}
	struct namespace *uts = find_namespace("--uts");
	bool has_maps = settings->maps.uid != NULL && settings->maps.gid != NULL;
	bool has_map = settings->maps.uid != NULL || settings->maps.gid != NULL;

	return argc % 2 == 0 && (settings->hostname == NULL || (uts != NULL && uts->path != NULL)) &&
	       (user.path == NULL ? !has_map : has_maps);
}

/* Makes the namespaces and moves us into all but the user namespace, which is pinned while its holder lives. */
static bool make_owned(const struct id_maps *maps, int flags)
{
	const char *step;
	pid_t holder = user_namespace_hold(maps, flags, &step);
	char handle[64];

	if (holder < 0)
		return fail(step, maps->uid);
	bool made = format(handle, sizeof(handle), "/proc/%d/ns/user", (int)holder) && pin(&user, handle) &&
		    (user_namespace_enter(holder, flags) || fail("enter the", "namespaces"));

	user_namespace_release(holder);
	return made;
}

/* The id outside of the user namespace's root. */
static uid_t root_of(const struct id_maps *maps)
{
	unsigned int first = 0, host = 0;

	return maps->uid != NULL && sscanf(maps->uid, "%u %u", &first, &host) == 2 && first == 0 ? host : 0;
}

static bool make(const struct settings *settings)
{
	int flags = 0;

	for (size_t i = 0; i < LENGTH(namespaces); i++)
		if (namespaces[i].path != NULL)
			flags |= namespaces[i].flag;
	if (user.path != NULL && !make_owned(&settings->maps, flags))
		return false;
	if (user.path == NULL && unshare(flags) != 0)
		return fail("make the", "namespaces");
	if ((flags & CLONE_NEWNET) != 0 && !bring_loopback_up())
		return false;
	if (settings->hostname != NULL && sethostname(settings->hostname, strlen(settings->hostname)) != 0)
		return fail("set the hostname", settings->hostname);
	for (size_t i = 0; i < settings->sysctl_count; i++)
		if (!set_sysctl(settings->sysctls[i], root_of(&settings->maps)))
			return false;
	for (size_t i = 0; i < LENGTH(namespaces); i++)
		if (namespaces[i].path != NULL && !pin(&namespaces[i], namespaces[i].handle))
			return false;
	return true;
}

int pin_main(int argc, char **argv)
{
	static struct settings settings;

	if (!parse(argc, argv, &settings)) {
		fputs("usage: pin [--user PATH --uid-map MAP --gid-map MAP]\n"
		      "           [--net PATH] [--ipc PATH] [--uts PATH] [--hostname NAME] [--sysctl NAME=VALUE]...\n"
		      "a hostname needs --uts, paths are absolute, a map is lines of \"FIRST HOST COUNT\"\n",
		      stderr);
		return 2;
	}
	if (make(&settings))
		return 0;
	undo();
	return exit_code;
}
