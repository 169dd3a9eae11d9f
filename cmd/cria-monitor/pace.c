#include "pace.h"

#include <time.h>

enum { QUICK_READS = 8, SILENCE_US = 20000, LONGEST_US = 1000, SHORT_READ = 16384, LONG_READ = 40960, FULL_PIPE = 65536 };

static int64_t monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void pace_before_read(struct pace *pace)
{
	int64_t now = monotonic_us();

	if (now - pace->read_at_us > SILENCE_US) {
		pace->pause_us = 0;
		pace->quick = QUICK_READS;
	}
	if (pace->quick > 0) {
		pace->quick--;
	} else if (pace->pause_us > 0) {
		struct timespec pause = { 0, pace->pause_us * 1000 };

		nanosleep(&pause, NULL);
	}
	pace->read_at_us = now;
}

void pace_after_read(struct pace *pace, size_t got)
{
	int64_t longer = pace->pause_us * 2 + 30;

	if (got < SHORT_READ)
		pace->pause_us = longer < LONGEST_US ? longer : LONGEST_US;
	else if (got >= FULL_PIPE)
		pace->pause_us /= 4; /* the container had to wait for us */
	else if (got > LONG_READ)
		pace->pause_us /= 2;
}
