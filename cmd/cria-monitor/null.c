#include "null.h"

#include "base.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What older headers lack, from linux/mount.h; the numbers of the calls are the same everywhere. */
enum { OPEN_TREE = 428, MOUNT_SETATTR = 442, CLONE_TREE = 1, READ_ONLY = 1 };

struct attributes {
	uint64_t set, clear, propagation, user_namespace;
};

/* A read-only mount of the device alone, which is nowhere in the tree; writing to the device is possible all the same. */
static int open_sealed(void)
{
	int tree = (int)syscall(OPEN_TREE, AT_FDCWD, "/dev/null", CLONE_TREE | O_CLOEXEC);
	struct attributes attributes = { .set = READ_ONLY };
	char path[64];
	int fd = -1;

	if (tree < 0)
		return -1;
	if (syscall(MOUNT_SETATTR, tree, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) == 0 &&
	    format(path, sizeof(path), "/proc/self/fd/%d", tree))
		fd = open(path, O_RDWR | O_CLOEXEC);
	close(tree);
	return fd;
}

int null_open(uid_t uid, gid_t gid)
{
	return uid == 0 && gid == 0 ? -1 : open_sealed();
}
