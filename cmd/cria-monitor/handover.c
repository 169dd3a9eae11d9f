#include "handover.h"

#include <fcntl.h>
#include <string.h>

/* u8 length of the name, u32 length of the value, both without an end mark; then the two. In our own byte order. */
enum { ENTRY_HEAD = 5 };

void handover_put(struct handover *handover, const char *name, const void *value, size_t size)
{
	size_t name_size = strlen(name);
	uint32_t value_size = (uint32_t)size;

	if (handover->full || name_size > UINT8_MAX || size > UINT32_MAX ||
	    handover->room - handover->length < ENTRY_HEAD + name_size + size) {
		handover->full = true;
		return;
	}
	uint8_t *at = handover->data + handover->length;

	*at = (uint8_t)name_size;
	memcpy(at + 1, &value_size, sizeof(value_size));
	memcpy(at + ENTRY_HEAD, name, name_size);
	if (size > 0)
		memcpy(at + ENTRY_HEAD + name_size, value, size);
	handover->length += ENTRY_HEAD + name_size + size;
}

void handover_put_number(struct handover *handover, const char *name, int64_t value)
{
	handover_put(handover, name, &value, sizeof(value));
}

const uint8_t *handover_get(const struct handover *handover, const char *name, size_t *size)
{
	size_t wanted = strlen(name);

	for (size_t at = 0; handover->length - at >= ENTRY_HEAD;) {
		size_t name_size = handover->data[at];
		uint32_t value_size;

		memcpy(&value_size, handover->data + at + 1, sizeof(value_size));
		size_t left = handover->length - at - ENTRY_HEAD;

		if (left < name_size || left - name_size < value_size)
			return NULL;
		const uint8_t *value = handover->data + at + ENTRY_HEAD + name_size;

		if (name_size == wanted && memcmp(value - name_size, name, wanted) == 0) {
			*size = value_size;
			return value;
		}
		at += ENTRY_HEAD + name_size + value_size;
	}
	return NULL;
}

int64_t handover_number(const struct handover *handover, const char *name, int64_t otherwise)
{
	size_t size;
	int64_t number;
	const uint8_t *value = handover_get(handover, name, &size);

	if (value == NULL || size != sizeof(number))
		return otherwise;
	memcpy(&number, value, sizeof(number));
	return number;
}

bool handover_text(const struct handover *handover, const char *name, char *text, size_t size)
{
	size_t length;
	const uint8_t *value = handover_get(handover, name, &length);

	if (value == NULL || length >= size)
		return false;
	memcpy(text, value, length);
	text[length] = '\0';
	return true;
}

void handover_put_fd(struct handover *handover, const char *name, int fd)
{
	if (fd >= 0 && fcntl(fd, F_SETFD, 0) == 0)
		handover_put_number(handover, name, fd);
}

int handover_fd(const struct handover *handover, const char *name)
{
	int fd = (int)handover_number(handover, name, -1);

	return fd >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? fd : -1;
}
