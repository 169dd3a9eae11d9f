/*
 * Many small writes of a container cost a wakeup each, which is dearer than the copying: while reads are short they are
 * made rarer, up to 1 ms apart. The first reads after a silence are never delayed: a person typing sees nothing of it.
 */
#ifndef PACE_H
#define PACE_H

#include "base.h"

struct pace {
	/* Reads until the next pause may be made, and its length. */
	int quick;
	int64_t pause_us;
	int64_t read_at_us;
};

/* Sleeps as long as it is worth it. */
void pace_before_read(struct pace *pace);
void pace_after_read(struct pace *pace, size_t got);

#endif
