#include "orphans.h"

#include "cgroup-file.h"
#include "loop.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

static void changed(struct source *source, uint32_t events);
static struct source population = { .fd = -1, .ready = changed };
static void (*on_gone)(void);

void orphans_find(pid_t init)
{
	struct cgroup cgroup;

	/* Runtimes put a container there on a hybrid machine, too; the root has no such file. */
	if (cgroup_of(init, NULL, &cgroup))
		population.fd = cgroup_open(&cgroup, "cgroup.events", O_RDONLY);
}

static bool is_populated(void)
{
	char text[256];
	uint64_t populated = 0;
	ssize_t got = pread(population.fd, text, sizeof(text) - 1, 0);

	text[got > 0 ? got : 0] = '\0'; /* ENODEV: the cgroup is gone, which only an empty one can be */
	return cgroup_counter(text, "populated", &populated) && populated != 0;
}

static void changed(struct source *source, uint32_t events)
{
	(void)events;
	if (is_populated())
		return;
	loop_close(source);
	on_gone();
}

bool orphans_watch(void (*gone)(void))
{
	on_gone = gone;
	if (population.fd < 0)
		return true;
	if (is_populated())
		return loop_add(&population, EPOLLPRI) || true;
	loop_close(&population);
	return false;
}
