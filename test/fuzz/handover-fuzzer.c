/*
 * What passes from one monitor to the next. Written and read back it is the same; of any other bytes nothing outside of
 * them is read, and what is found lies inside.
 */
#include "handover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MAX = 32, NAME_MAX_SIZE = 255 };

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void read_bytes(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "", "id", "fds", "pid", "startTicks" };
	struct handover handover = { malloc(size), size, size, false };
	char text[16], name[NAME_MAX_SIZE + 1];
	size_t length;

	memcpy(handover.data, data, size);
	/* Also the name that its first bytes are. */
	size_t named = size > 5 ? data[0] : 0;

	snprintf(name, sizeof(name), "%.*s", (int)(size > 5 + named ? named : 0), (const char *)data + (size > 5 ? 5 : 0));
	for (size_t i = 0; i <= LENGTH(names); i++) {
		const char *wanted = i < LENGTH(names) ? names[i] : name;
		const uint8_t *value = handover_get(&handover, wanted, &length);

		check(value == NULL || (value >= handover.data && length <= size - (size_t)(value - handover.data)));
		handover_number(&handover, wanted, 0);
		check(!handover_text(&handover, wanted, text, sizeof(text)) || memchr(text, '\0', sizeof(text)) != NULL);
	}
	free(handover.data);
}

struct entry {
	char name[NAME_MAX_SIZE + 1];
	const uint8_t *value;
	size_t size;
};

/* The next entry of the input: lengths, name, value; false at its end. */
static bool next_entry(const uint8_t **data, size_t *size, struct entry *entry)
{
	if (*size < 3)
		return false;
	size_t name_size = (*data)[0] % 8, value_size = (*data)[1] | ((*data)[2] & 3) << 8;

	*data += 3;
	*size -= 3;
	name_size = name_size < *size ? name_size : *size;
	memcpy(entry->name, *data, name_size);
	entry->name[name_size] = '\0';
	*data += name_size;
	*size -= name_size;
	entry->size = value_size < *size ? value_size : *size;
	entry->value = *data;
	*data += entry->size;
	*size -= entry->size;
	return true;
}

static void write_entries(const uint8_t *data, size_t size)
{
	static struct entry entries[ENTRIES_MAX];
	size_t count = 0, room = size > 0 ? (size_t)data[0] * 8 : 0;
	struct handover handover = { malloc(room), 0, room, false };

	for (data += size > 0, size -= size > 0; count < ENTRIES_MAX && next_entry(&data, &size, &entries[count]); count++) {
		handover_put(&handover, entries[count].name, entries[count].value, entries[count].size);
		check(handover.length <= room);
		if (handover.full)
			break;
	}
	for (size_t i = 0; i < count; i++) {
		size_t length = 0, first = 0;
		const uint8_t *value = handover_get(&handover, entries[i].name, &length);

		while (strcmp(entries[first].name, entries[i].name) != 0)
			first++;
		check(value != NULL && length == entries[first].size);
		check(length == 0 || memcmp(value, entries[first].value, length) == 0);
	}
	free(handover.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] == 'w')
		write_entries(data + 1, size - 1);
	else
		read_bytes(data, size);
	return 0;
}
