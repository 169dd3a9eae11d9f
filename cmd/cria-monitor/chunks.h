/* A queue of bytes in pieces, each with a tag: whose they are, or which stream's. Like struct bytes free when empty. */
#ifndef CHUNKS_H
#define CHUNKS_H

#include "bytes.h"

struct chunks {
	struct bytes bytes;
};

struct chunk {
	uint32_t tag;
	size_t size;
	uint8_t *data;
};

/* False when there is no memory. A piece may be empty. */
bool chunks_put(struct chunks *chunks, uint32_t tag, const void *data, size_t size);
/* The first piece, or what is left of it; false when there is none. */
bool chunks_front(const struct chunks *chunks, struct chunk *first);
/* Drops bytes of the first piece, and the piece with its last byte. */
void chunks_take(struct chunks *chunks, size_t size);
void chunks_free(struct chunks *chunks);

/* With the heads of the pieces. */
static inline size_t chunks_length(const struct chunks *chunks)
{
	return bytes_length(&chunks->bytes);
}

#endif
