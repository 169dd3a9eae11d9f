/*
 * The role `pin`: makes the namespaces of a pod and holds each by a bind mount on a file.
 *   pin [--net PATH] [--ipc PATH] [--uts PATH] [--hostname NAME] [--sysctl NAME=VALUE]...
 * All or nothing: after a failure no file and no mount is left.
 */
#include "roles.h"

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
	const char *path;
	bool file_made;
	bool mounted;
};

static struct namespace namespaces[] = {
	{ "--net", "/proc/self/ns/net", CLONE_NEWNET, NULL, false, false },
	{ "--ipc", "/proc/self/ns/ipc", CLONE_NEWIPC, NULL, false, false },
	{ "--uts", "/proc/self/ns/uts", CLONE_NEWUTS, NULL, false, false },
};

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

static bool set_sysctl(const char *setting)
{
	const char *value = strchr(setting, '=');
	char path[512];

	if (value == NULL || !sysctl_path(setting, (size_t)(value - setting), path, sizeof(path))) {
		errno = EINVAL;
		return fail("set the sysctl", setting);
	}
	return write_file(path, value + 1) == 0 || fail("set the sysctl", setting);
}

static bool pin(struct namespace *namespace)
{
	int fd = open(namespace->path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);

	if (fd < 0)
		return fail("make the file", namespace->path);
	close(fd);
	namespace->file_made = true;
	if (mount(namespace->handle, namespace->path, NULL, MS_BIND, NULL) != 0)
		return fail("mount the namespace on", namespace->path);
	namespace->mounted = true;
	return true;
}

static void undo(void)
{
	for (size_t i = 0; i < LENGTH(namespaces); i++) {
		if (namespaces[i].mounted)
			umount2(namespaces[i].path, MNT_DETACH);
		if (namespaces[i].file_made)
			unlink(namespaces[i].path);
	}
}

static struct namespace *find_namespace(const char *option)
{
	for (size_t i = 0; i < LENGTH(namespaces); i++)
		if (strcmp(namespaces[i].option, option) == 0)
			return &namespaces[i];
	return NULL;
}

struct settings {
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
		else if (strcmp(argv[i], "--hostname") == 0)
			settings->hostname = argv[i + 1];
		else if (strcmp(argv[i], "--sysctl") == 0 && settings->sysctl_count < LENGTH(settings->sysctls))
			settings->sysctls[settings->sysctl_count++] = argv[i + 1];
		else
			return false;
	}
	struct namespace *uts = find_namespace("--uts");

	return argc % 2 == 0 && (settings->hostname == NULL || (uts != NULL && uts->path != NULL));
}

static bool make(const struct settings *settings)
{
	int flags = 0;

	for (size_t i = 0; i < LENGTH(namespaces); i++)
		if (namespaces[i].path != NULL)
			flags |= namespaces[i].flag;
	if (unshare(flags) != 0)
		return fail("make the", "namespaces");
	if ((flags & CLONE_NEWNET) != 0 && !bring_loopback_up())
		return false;
	if (settings->hostname != NULL && sethostname(settings->hostname, strlen(settings->hostname)) != 0)
		return fail("set the hostname", settings->hostname);
	for (size_t i = 0; i < settings->sysctl_count; i++)
		if (!set_sysctl(settings->sysctls[i]))
			return false;
	for (size_t i = 0; i < LENGTH(namespaces); i++)
		if (namespaces[i].path != NULL && !pin(&namespaces[i]))
			return false;
	return true;
}

int pin_main(int argc, char **argv)
{
	static struct settings settings;

	if (!parse(argc, argv, &settings)) {
		fputs("usage: pin [--net PATH] [--ipc PATH] [--uts PATH] [--hostname NAME] [--sysctl NAME=VALUE]...\n"
		      "a hostname needs --uts, paths are absolute\n",
		      stderr);
		return 2;
	}
	if (make(&settings))
		return 0;
	undo();
	return 1;
}
