#include "chunks.h"

#include <string.h>

struct head {
	uint32_t tag;
	uint32_t size;
};

bool chunks_put(struct chunks *chunks, uint32_t tag, const void *data, size_t size)
{
	struct head head = { tag, (uint32_t)size };

	if (!bytes_reserve(&chunks->bytes, sizeof(head) + size, SIZE_MAX))
		return false;
	bytes_put(&chunks->bytes, &head, sizeof(head), SIZE_MAX);
	bytes_put(&chunks->bytes, data, size, SIZE_MAX);
	return true;
}

bool chunks_front(const struct chunks *chunks, struct chunk *first)
{
	struct head head;

	if (chunks_length(chunks) == 0)
		return false;
	memcpy(&head, bytes_front(&chunks->bytes), sizeof(head));
	*first = (struct chunk){ head.tag, head.size, bytes_front(&chunks->bytes) + sizeof(head) };
	return true;
}

void chunks_take(struct chunks *chunks, size_t size)
{
	struct chunk first;

	if (!chunks_front(chunks, &first))
		return;
	if (size >= first.size) {
		bytes_take(&chunks->bytes, sizeof(struct head) + first.size);
		return;
	}
	struct head rest = { first.tag, (uint32_t)(first.size - size) };

	/* The head moves up to what is left of its piece. */
	bytes_take(&chunks->bytes, size);
	memcpy(bytes_front(&chunks->bytes), &rest, sizeof(rest));
}

void chunks_free(struct chunks *chunks)
{
	bytes_free(&chunks->bytes);
}
