/*
 * A running monitor becomes another program, a newer one as a rule: pid, children and descriptors stay, everything else goes
 * through a memory file. When that cannot be, it goes on as it was.
 */
#ifndef REEXEC_H
#define REEXEC_H

#include "base.h"

/* Of what is written. A program says in its `hello` which versions it can go on with. */
enum { REEXEC_STATE = 1, REEXEC_STATE_MIN = 1 };

struct reexec_request {
	/* Absolute; root's, and nobody else can write it. */
	const char *path;
	/* The versions of the state that it can go on with. */
	int64_t state_min, state_max;
	/* Who gets the answer: from the new program, or from us when it cannot be started. */
	size_t client;
	uint32_t seq;
};

/* At the end of this turn. NULL, or why not. */
const char *reexec_ask(const struct reexec_request *request);

#endif
