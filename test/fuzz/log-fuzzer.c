/*
 * The log's formatter. The input is a program that says what the two streams get, in which reads: what is read back
 * from the records, joined as the kubelet joins it, must be what went in.
 */
#include "cri-log-reader.h"
#include "log-format.h"

#include <stdlib.h>
#include <string.h>

enum { READ_MAX = 64 << 10, TOTAL_MAX = 1 << 20, BATCH = 192 << 10 };

struct stream {
	/* What was written, and how much of it was read back. */
	uint8_t *written;
	size_t length;
	size_t joined;
	/* As the monitor holds it: the bytes that no record has taken yet are the last of `written`. */
	size_t held;
};

static struct stream streams[2];
static struct timespec now;

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_record(const struct cri_record *record)
{
	struct stream *stream = &streams[record->is_stderr];
	size_t whole = record->size + !record->is_partial;

	check(record->size <= LOG_PIECE && (record->size > 0 || !record->is_partial));
	check(record->seconds == now.tv_sec && record->nanoseconds == now.tv_nsec);
	check(stream->joined + whole <= stream->length);
	check(memcmp(stream->written + stream->joined, record->content, record->size) == 0);
	check(record->is_partial || stream->written[stream->joined + record->size] == '\n');
	stream->joined += whole;
}

static void check_records(const struct log_records *records)
{
	struct cri_record record;

	for (size_t at = 0, length; at < records->length; at += length) {
		length = cri_log_read(records->text + at, records->length - at, &record);
		check(length > 0);
		check_record(&record);
	}
}

/* One read's bytes become records, as in streams.c; the batch is exactly as large as it says. */
static void make_records(struct stream *stream, bool final, size_t room)
{
	static struct log_head heads[2];
	struct log_records records = { .text = malloc(room), .room = room };
	bool is_stderr = stream == &streams[1];

	log_head_set(&heads[is_stderr], is_stderr, now);
	for (bool more = true; more;) {
		const uint8_t *held = stream->written + stream->length - stream->held;
		size_t taken = log_format(&records, &heads[is_stderr], held, stream->held, final);

		check(taken <= stream->held && records.length <= room);
		stream->held -= taken;
		more = !log_has_room(&records);
		check_records(&records);
		records.length = 0;
	}
	free(records.text);
	check(stream->held <= LOG_PIECE && (!final || stream->held == 0));
	check(memchr(stream->written + stream->length - stream->held, '\n', stream->held) == NULL);
	check(stream->joined == stream->length - stream->held);
}

static void put(struct stream *stream, const uint8_t *data, size_t size, uint8_t fill)
{
	if (stream->length + size > TOTAL_MAX)
		return;
	if (data != NULL)
		memcpy(stream->written + stream->length, data, size);
	else
		memset(stream->written + stream->length, fill, size);
	stream->length += size;
	stream->held += size;
}

/* One instruction; returns how many bytes it has. */
static size_t step(const uint8_t *data, size_t size)
{
	if (size < 2)
		return size;
	struct stream *stream = &streams[data[0] & 1];
	size_t number = data[1], literal = number < size - 2 ? number : size - 2;
	size_t room = data[0] & 0x80 ? LOG_RECORD_MAX + (data[0] >> 4 & 7) : BATCH;

	switch (data[0] >> 1 & 7) {
	case 0:
		put(stream, data + 2, literal, 0);
		make_records(stream, false, room);
		return 2 + literal;
	case 1: /* several lines, the last without its end */
		for (size_t i = 0; i < number; i++)
			put(stream, (const uint8_t *)"line\n", 4 + (i + 1 < number), 0);
		break;
	case 2: /* about a piece */
		put(stream, NULL, LOG_PIECE - 3 + number % 7, 'x');
		break;
	case 3:
		put(stream, NULL, number * READ_MAX / 255, 0);
		break;
	case 4:
		put(stream, NULL, number, '\n');
		break;
	case 5:
		now.tv_sec = (now.tv_sec + (int64_t)number * number * number * 977) % 253402300800;
		now.tv_nsec = (now.tv_nsec + (int64_t)number * 3921573) % 1000000000;
		break;
	case 6:
		make_records(stream, true, room);
		break;
	default: /* the end of a line that is a piece long up to now */
		put(stream, NULL, 1, '\n');
		break;
	}
	make_records(stream, false, room);
	return 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	now = (struct timespec){ 0 };
	for (int i = 0; i < 2; i++)
		streams[i] = (struct stream){ .written = malloc(TOTAL_MAX) };
	for (size_t at = 0; at < size;)
		at += step(data + at, size - at);
	for (int i = 0; i < 2; i++) {
		make_records(&streams[i], true, BATCH);
		check(streams[i].joined == streams[i].length);
		free(streams[i].written);
	}
	return 0;
}
