/*
 * Whether the kernel killed a process of the container for memory. The counter of kills is the truth; events only say when
 * to read it, because the cgroup may be gone at the exit. A kill for the limit of a parent counts where its victim was.
 */
#include "cgroup-file.h"
#include "container.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A v1 kernel tells of the shortage just before it kills somebody for it, and once more when the cgroup goes. */
enum { LOOK_AGAIN_MS = 20, SIGNALS_OF_REMOVAL = 1 };

static void notified(struct source *source, uint32_t events);
static void look_again(void);
static int counter_fd = -1;
static uint64_t kills_at_start;
static uint64_t kills_seen;
/* v2: the counters' own file; v1: an eventfd. */
static struct source notice = { .fd = -1, .ready = notified };
static struct timer look_timer = { .fire = look_again };
/* v1: there was a shortage, and the counter has not been read since somebody may have been killed for it. */
static bool is_open_shortage;

/* Both files have a line "oom_kill N": memory.oom_control since Linux 4.13, memory.events. */
static bool read_kills(uint64_t *kills)
{
	char text[1024];
	uint64_t killed, groups;
	ssize_t got = pread(counter_fd, text, sizeof(text) - 1, 0);

	if (got <= 0)
		return false; /* ENODEV: the cgroup is gone, and what was seen last counts */
	text[got] = '\0';
	if (!cgroup_counter(text, "oom_kill", &killed))
		return false;
	*kills = killed + (cgroup_counter(text, "oom_group_kill", &groups) ? groups : 0);
	return true;
}

static bool look(void)
{
	if (read_kills(&kills_seen))
		return true;
	if (notice.fd == counter_fd)
		counter_fd = -1;
	loop_close(&notice); /* an error stays an error: it would wake us for ever */
	return false;
}

static void look_again(void)
{
	if (look())
		is_open_shortage = false;
}

/* How often the kernel has told since it was asked last. */
static uint64_t signals_of_v1(void)
{
	uint64_t count;

	if (notice.fd < 0 || notice.fd == counter_fd || read(notice.fd, &count, sizeof(count)) < 0)
		return 0;
	return count;
}

static void notified(struct source *source, uint32_t events)
{
	(void)events;
	if (source->fd == counter_fd) {
		look();
		return;
	}
	uint64_t count = signals_of_v1();

	if (count == 0)
		return;
	timer_start(&look_timer, LOOK_AGAIN_MS);
	if (look() || count > SIGNALS_OF_REMOVAL)
		is_open_shortage = true;
}

/* Advisory: a kernel of PREEMPT_RT has no event_control, and the counter is read at the exit anyway. */
static void watch_v1(const struct cgroup *cgroup)
{
	char text[32];
	int control = cgroup_open(cgroup, "cgroup.event_control", O_WRONLY);

	if (control < 0)
		return;
	notice.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	format(text, sizeof(text), "%d %d", notice.fd, counter_fd);
	if (notice.fd >= 0 && (write_all(control, text, strlen(text)) != 0 || !loop_add(&notice, EPOLLIN)))
		loop_close(&notice);
	close(control);
}

static void watch_v2(void)
{
	notice.fd = counter_fd;
	if (!loop_add(&notice, EPOLLPRI))
		notice.fd = -1;
}

void oom_watch(pid_t pid)
{
	struct cgroup cgroup;

	if (!cgroup_of(pid, "memory", &cgroup))
		return;
	/* crun puts the init below the cgroup with the limit; there the kills of all below are counted. */
	if (cgroup.unified)
		cgroup_cut(cgroup.path, container.config.id);
	/* Kept open: systemd may remove the scope before the exit is seen here. */
	counter_fd = cgroup_open(&cgroup, cgroup.unified ? "memory.events" : "memory.oom_control", O_RDONLY);
	if (counter_fd < 0)
		return;
	if (read_kills(&kills_at_start))
		kills_seen = kills_at_start;
	if (cgroup.unified)
		watch_v2();
	else
		watch_v1(&cgroup);
}

/*
 * systemd may remove a scope before a monitor that waits for the CPU sees the exit. What is left of a v1 cgroup then is what the
 * kernel has told: a shortage that nobody has looked into, and an init that was killed.
 */
static bool killed_unseen(void)
{
	if (signals_of_v1() > SIGNALS_OF_REMOVAL)
		is_open_shortage = true;
	return is_open_shortage && container.signal == SIGKILL;
}

bool oom_happened(void)
{
	if (counter_fd >= 0 && !read_kills(&kills_seen) && killed_unseen())
		return true;
	return kills_seen > kills_at_start;
}

int oom_fd(void)
{
	return counter_fd;
}

uint64_t oom_kills_at_start(void)
{
	return kills_at_start;
}

void oom_adopt(int fd, uint64_t kills)
{
	counter_fd = fd;
	kills_at_start = kills_seen = kills;
	watch_v2(); /* silent on v1, where the exit is when it is read */
}

void oom_save(struct handover *handover)
{
	handover_put_fd(handover, "oom", counter_fd);
	if (notice.fd != counter_fd)
		handover_put_fd(handover, "oom.notice", notice.fd);
	handover_put_number(handover, "oomKills", (int64_t)kills_at_start);
	handover_put_number(handover, "oom.seen", (int64_t)kills_seen);
}

void oom_restore(const struct handover *handover)
{
	counter_fd = handover_fd(handover, "oom");
	kills_at_start = (uint64_t)handover_number(handover, "oomKills", 0);
	kills_seen = (uint64_t)handover_number(handover, "oom.seen", 0);
	notice.fd = handover_fd(handover, "oom.notice");
	if (notice.fd >= 0)
		loop_add(&notice, EPOLLIN);
	else if (counter_fd >= 0)
		watch_v2();
}
