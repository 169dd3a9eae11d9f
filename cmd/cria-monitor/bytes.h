/*
 * A queue of bytes in pages of its own, so that an idle one costs no memory: pages come from mmap when something is
 * put in and go back when it is empty.
 */
#ifndef BYTES_H
#define BYTES_H

#include "base.h"

struct bytes {
	uint8_t *data;
	size_t start;
	size_t end;
	size_t capacity;
};

/* Makes room for `room` more bytes at data + end; false when the queue would hold more than `limit`, or no memory. */
bool bytes_reserve(struct bytes *queue, size_t room, size_t limit);
/* Reserves and copies. */
bool bytes_put(struct bytes *queue, const void *data, size_t size, size_t limit);
/* Drops bytes from the front. */
void bytes_take(struct bytes *queue, size_t size);
void bytes_free(struct bytes *queue);

static inline size_t bytes_length(const struct bytes *queue)
{
	return queue->end - queue->start;
}

static inline uint8_t *bytes_front(const struct bytes *queue)
{
	return queue->data + queue->start;
}

#endif
