/* One epoll loop per process: file descriptors, signals by signalfd, and a few timers. */
#ifndef LOOP_H
#define LOOP_H

#include "base.h"

struct source {
	int fd;
	uint32_t events;
	void (*ready)(struct source *source, uint32_t events);
};

struct timer {
	/* Monotonic milliseconds; 0 is off. */
	int64_t at;
	void (*fire)(void);
	bool known;
};

/* Blocks all signals and delivers SIGCHLD and SIGTERM to `on_signal` from the loop. */
bool loop_init(void (*on_signal)(int signal_number));
/* Returns when loop_stop was called, at the end of the turn. */
void loop_run(void);
void loop_stop(void);

/* Takes the fd of the source over. A source lives in static memory; its fd is -1 while it is closed. */
bool loop_add(struct source *source, uint32_t events);
/* Without any event nothing is reported, not even that the other end is gone. */
void loop_want(struct source *source, uint32_t events);
/* Closing a closed source does nothing. */
void loop_close(struct source *source);

void timer_start(struct timer *timer, int64_t delay_ms);
void timer_stop(struct timer *timer);

#endif
