#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int epoll_fd = -1;
static bool stopping;
static void (*signal_handler)(int signal_number);
static struct timer *timers[16];
static size_t timer_count;
/* The batch that is being handed out. */
static struct epoll_event batch[16];
static int batch_length;

static void read_signals(struct source *source, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)events;
	while (read(source->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		signal_handler((int)info.ssi_signo);
}

bool loop_init(void (*on_signal)(int signal_number))
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	static struct source signals = { .fd = -1, .ready = read_signals };
	sigset_t all, wanted;

	sigfillset(&all);
	/* A fault of our own ends us whether blocked or not; unblocked, a sanitizer can say where it was. */
	for (size_t i = 0; i < LENGTH(faults); i++)
		sigdelset(&all, faults[i]);
	sigprocmask(SIG_BLOCK, &all, NULL);
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGCHLD);
	sigaddset(&wanted, SIGTERM);
	signal_handler = on_signal;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	signals.fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
	return epoll_fd >= 0 && signals.fd >= 0 && loop_add(&signals, EPOLLIN);
}

bool loop_add(struct source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	source->events = events;
	return events == 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, source->fd, &event) == 0;
}

/* What the batch still holds for it is not told: it is of another time. */
static void drop_from_batch(const struct source *source)
{
	for (int i = 0; i < batch_length; i++)
		if (batch[i].data.ptr == source)
			batch[i].data.ptr = NULL;
}

void loop_want(struct source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };
	uint32_t before = source->events;

	if (source->fd < 0 || before == events)
		return;
	source->events = events;
	/* EPOLLHUP cannot be masked: who wants nothing now must leave the set, or a hung-up peer makes us spin. */
	epoll_ctl(epoll_fd, events == 0 ? EPOLL_CTL_DEL : before == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, source->fd, &event);
	if (events == 0)
		drop_from_batch(source);
}

void loop_close(struct source *source)
{
	if (source->fd < 0)
		return;
	/* A duplicate in another process would keep it in the set after close, so it is taken out first. */
	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	close(source->fd);
	source->fd = -1;
	drop_from_batch(source); /* nor may it reach the next fd of this place */
}

void timer_start(struct timer *timer, int64_t delay_ms)
{
	if (!timer->known) {
		if (timer_count == LENGTH(timers))
			_exit(70); /* more timers in the source than places: found by the first test run */
		timers[timer_count++] = timer;
		timer->known = true;
	}
	timer->at = monotonic_ms() + (delay_ms > 0 ? delay_ms : 0);
}

void timer_stop(struct timer *timer)
{
	timer->at = 0;
}

static int until_next_timer(void)
{
	int64_t first = 0;

	for (size_t i = 0; i < timer_count; i++)
		if (timers[i]->at != 0 && (first == 0 || timers[i]->at < first))
			first = timers[i]->at;
	if (first == 0)
		return -1;
	int64_t wait = first - monotonic_ms();

	return wait < 0 ? 0 : wait > 3600000 ? 3600000 : (int)wait;
}

static void fire_timers(void)
{
	int64_t now = monotonic_ms();

	for (size_t i = 0; i < timer_count; i++) {
		if (timers[i]->at != 0 && timers[i]->at <= now) {
			timers[i]->at = 0;
			timers[i]->fire();
		}
	}
}

void loop_run(void)
{
	while (!stopping) {
		batch_length = epoll_wait(epoll_fd, batch, LENGTH(batch), until_next_timer());
		for (int i = 0; i < batch_length; i++) {
			struct source *source = batch[i].data.ptr;

			if (source != NULL)
				source->ready(source, batch[i].events);
		}
		batch_length = 0;
		fire_timers();
	}
}

void loop_stop(void)
{
	stopping = true;
}
