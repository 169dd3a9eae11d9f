/*
 * What a monitor leaves to the program that goes on in its place, as named values in one piece of memory. One form for
 * what is deposited with the spawner (keep.h) and for what passes through an execve (reexec.h). A reader ignores the
 * names that it does not know.
 */
#ifndef HANDOVER_H
#define HANDOVER_H

#include "base.h"

struct handover {
	uint8_t *data;
	size_t length;
	size_t room;
	/* Something did not fit. */
	bool full;
};

void handover_put(struct handover *handover, const char *name, const void *value, size_t size);
void handover_put_number(struct handover *handover, const char *name, int64_t value);
/* The value in place, not aligned; NULL when there is none. The data may be anybody's: it is checked. */
const uint8_t *handover_get(const struct handover *handover, const char *name, size_t *size);
int64_t handover_number(const struct handover *handover, const char *name, int64_t otherwise);
/* A descriptor that stays open in an execve; -1 is not put. */
void handover_put_fd(struct handover *handover, const char *name, int fd);
/* Ours alone again; -1 when there is none. */
int handover_fd(const struct handover *handover, const char *name);
/* Copies a text with its NUL; false when there is none, or it does not fit. */
bool handover_text(const struct handover *handover, const char *name, char *text, size_t size);

#endif
