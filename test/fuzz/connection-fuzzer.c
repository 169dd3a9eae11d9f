/*
 * The frames, through the real connection code over a real socket pair: bytes cut anywhere come out as the frames that
 * an independent reader finds, and what is sent arrives whole and in order, however slowly the peer reads.
 * Input: the number of orders, the orders, then the peer's bytes. An order says how many bytes come next, or what else
 * happens.
 */
#include "connection.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WIRE_MAX = 3 << 20, FRAMES_MAX = 4096, OUT_LIMIT = 256 << 10 };

struct seen {
	uint8_t type;
	size_t size;
	uint64_t sum;
};

static struct connection connection;
static int peer;
static struct seen frames[FRAMES_MAX];
static size_t frame_count;
static bool refuse_next, ended;
/* What connection_send has taken, and what of it has arrived. */
static uint8_t *sent;
static size_t sent_length, arrived;

static void check(bool holds)
{
	if (!holds)
		abort();
}

static uint64_t sum_of(const uint8_t *data, size_t size)
{
	uint64_t sum = 14695981039346656037ULL;

	for (size_t i = 0; i < size; i++)
		sum = (sum ^ data[i]) * 1099511628211ULL;
	return sum;
}

static enum taken on_frame(struct connection *from, uint8_t type, uint8_t *payload, size_t size)
{
	check(from == &connection && !ended && frame_count < FRAMES_MAX);
	if (refuse_next)
		return FRAME_BAD;
	frames[frame_count++] = (struct seen){ type, size, sum_of(payload, size) };
	return FRAME_TAKEN;
}

static void on_end(struct connection *from)
{
	check(from == &connection && !ended);
	ended = true;
}

static void send_frame(size_t size)
{
	static uint8_t payload[DATA_MAX];
	struct frame_head head = { (uint8_t)size, (uint8_t)(size >> 4) };
	size_t split = size / 3, length = size + 2;

	for (size_t i = 0; i < size; i++)
		payload[i] = (uint8_t)(i * 7 + size);
	if (sent_length + 4 + length > WIRE_MAX || !connection_send2(&connection, head, payload, split, payload + split, size - split))
		return;
	uint8_t *at = sent + sent_length;

	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(length >> 8 * i);
	at[4] = head.type;
	at[5] = head.channel;
	memcpy(at + FRAME_HEAD, payload, size);
	sent_length += 4 + length;
}

static void peer_reads(size_t most)
{
	static uint8_t chunk[DATA_MAX];
	ssize_t got = recv(peer, chunk, most < sizeof(chunk) ? most : sizeof(chunk), MSG_DONTWAIT);

	if (got <= 0)
		return;
	check(arrived + (size_t)got <= sent_length && memcmp(sent + arrived, chunk, (size_t)got) == 0);
	arrived += (size_t)got;
	if (connection_is_open(&connection) && (connection.source.events & EPOLLOUT) != 0)
		connection.source.ready(&connection.source, EPOLLOUT);
}

static void peer_writes(const uint8_t *data, size_t size)
{
	for (size_t at = 0; at < size && connection_is_open(&connection);) {
		ssize_t put = send(peer, data + at, size - at, MSG_DONTWAIT | MSG_NOSIGNAL);

		at += put > 0 ? (size_t)put : 0;
		if (connection_is_open(&connection) && (connection.source.events & EPOLLIN) != 0)
			connection.source.ready(&connection.source, EPOLLIN);
	}
}

/* Compares with what a reader finds that has all bytes at once. False when the connection had to end there. */
static bool check_frames(const uint8_t *wire, size_t size)
{
	size_t at = 0, index = 0;

	while (size - at >= 6) {
		uint64_t length = wire[at] | (uint64_t)wire[at + 1] << 8 | (uint64_t)wire[at + 2] << 16 | (uint64_t)wire[at + 3] << 24;

		if (length < 2 || length > 1048576)
			break;
		if (size - at - 4 < length)
			break;
		if (index == frame_count)
			return false;
		check(frames[index].type == wire[at + 4] && frames[index].size == length - 2);
		check(frames[index].sum == sum_of(wire + at + 6, length - 2));
		index++;
		at += 4 + length;
	}
	check(index == frame_count);
	uint64_t length = size - at < 6 ? 2 : wire[at] | wire[at + 1] << 8 | wire[at + 2] << 16 | (uint64_t)wire[at + 3] << 24;

	return length >= 2 && length <= 1048576;
}

static void obey(uint8_t order, const uint8_t **wire, size_t *left)
{
	size_t size = order < 0x80 ? (size_t)order + 1 : 0;

	if (order >= 0xf8) { /* the peer writes a lot */
		size = (size_t)(order - 0xf7) * 512;
	} else if (order >= 0xc0) {
		peer_reads((size_t)(order - 0xbf) * 1024);
	} else if (order >= 0x80) {
		send_frame((size_t)(order - 0x80) * 1024);
	}
	size = size < *left ? size : *left;
	peer_writes(*wire, size);
	*wire += size;
	*left -= size;
}

static void run(const uint8_t *orders, size_t count, const uint8_t *wire, size_t size)
{
	size_t left = size;

	for (size_t i = 0; i < count && connection_is_open(&connection); i++) {
		refuse_next = orders[i] == 0x7f;
		obey(orders[i], &wire, &left);
	}
	refuse_next = false;
	peer_writes(wire, left);
	if (!connection_is_open(&connection))
		return;
	while (arrived < sent_length)
		peer_reads(DATA_MAX);
	shutdown(peer, SHUT_WR);
	connection.source.ready(&connection.source, EPOLLIN);
	check(ended);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	int pair[2];

	if (!ready) {
		sigset_t none;

		check(loop_init(NULL));
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL); /* the fuzzer's own timer */
		sent = malloc(WIRE_MAX);
		ready = true;
	}
	size_t orders = size > 0 && data[0] < size ? data[0] : 0, head = size > 0 ? 1 + orders : 0;

	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	peer = pair[1];
	frame_count = sent_length = arrived = 0;
	ended = refuse_next = false;
	connection = (struct connection){ .on_frame = on_frame, .on_end = on_end };
	check(connection_open(&connection, pair[0], OUT_LIMIT));
	run(data + 1, orders, data + head, size - head);
	bool open = connection_is_open(&connection);

	check(check_frames(data + head, size - head) || !open);
	check(open == ended);
	connection_close(&connection);
	check(connection.in.data == NULL && connection.out.data == NULL);
	close(peer);
	return 0;
}
