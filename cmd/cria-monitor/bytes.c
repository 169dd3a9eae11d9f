#include "bytes.h"

#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

bool bytes_reserve(struct bytes *queue, size_t room, size_t limit)
{
	size_t length = bytes_length(queue);

	if (length + room > limit)
		return false;
	if (queue->end + room <= queue->capacity)
		return true;
	if (queue->start > 0) {
		memmove(queue->data, bytes_front(queue), length);
		queue->start = 0;
		queue->end = length;
		if (length + room <= queue->capacity)
			return true;
	}
	size_t wanted = length + room > queue->capacity * 2 ? length + room : queue->capacity * 2;
	size_t capacity = (wanted + PAGE - 1) & ~(size_t)(PAGE - 1);
	void *data = queue->data == NULL
		? mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
		: mremap(queue->data, queue->capacity, capacity, MREMAP_MAYMOVE);

	if (data == MAP_FAILED)
		return false;
	queue->data = data;
	queue->capacity = capacity;
	return true;
}

bool bytes_put(struct bytes *queue, const void *data, size_t size, size_t limit)
{
	if (!bytes_reserve(queue, size, limit))
		return false;
	if (size > 0)
		memcpy(queue->data + queue->end, data, size);
	queue->end += size;
	return true;
}

void bytes_take(struct bytes *queue, size_t size)
{
	queue->start += size;
	if (queue->start == queue->end)
		bytes_free(queue);
}

void bytes_free(struct bytes *queue)
{
	if (queue->data != NULL)
		munmap(queue->data, queue->capacity);
	*queue = (struct bytes){ 0 };
}
