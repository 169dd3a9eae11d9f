#include "fd-store.h"

#include "connection.h"
#include "keep.h"
#include "loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ID_MAX = 65, BACKLOG = 4096, KEPT_MAX = 4096 };

/* What one monitor has deposited. A slot is free when it has neither a link nor an id. */
struct kept {
	/* To the monitor; closed when that is dead. */
	struct source link;
	char id[ID_MAX];
	pid_t init;
	bool reaped;
	int status;
	int fds[KEPT_KINDS];
	size_t size;
	uint8_t deposit[DEPOSIT_MAX];
};

APART struct kept slots[KEPT_MAX];
/* Slots from here on were never used. */
static size_t used;
static struct source listener = { .fd = -1 };

static void drop_fds(struct kept *kept)
{
	for (size_t i = 0; i < LENGTH(kept->fds); i++) {
		if (kept->fds[i] >= 0)
			close(kept->fds[i]);
		kept->fds[i] = -1;
	}
}

static void free_slot(struct kept *kept)
{
	loop_close(&kept->link);
	drop_fds(kept);
	kept->id[0] = '\0';
}

static struct kept *find(const char *id)
{
	for (size_t i = 0; id[0] != '\0' && i < used; i++)
		if (strcmp(slots[i].id, id) == 0)
			return &slots[i];
	return NULL;
}

static void tell_status(struct kept *kept)
{
	uint8_t message[1 + sizeof(int)] = { 'X' };

	if (!kept->reaped || kept->link.fd < 0)
		return;
	memcpy(message + 1, &kept->status, sizeof(int));
	send(kept->link.fd, message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Takes the descriptors over, too; false when it is none of ours. */
static bool take_deposit(struct kept *kept, const uint8_t *data, size_t size, const int *fds, size_t count)
{
	struct handover deposit = { (uint8_t *)data, size, size, false };
	char id[ID_MAX];
	size_t kinds_size;
	const uint8_t *kinds = handover_get(&deposit, "fds", &kinds_size);

	if (kinds == NULL || kinds_size != count || !handover_text(&deposit, "id", id, sizeof(id)) || id[0] == '\0')
		return false;
	struct kept *before = find(id);
	pid_t init = (pid_t)handover_number(&deposit, "pid", 0);

	kept->reaped = before != NULL && before->init == init && before->reaped;
	kept->status = before != NULL ? before->status : 0;
	if (before != NULL && before != kept)
		free_slot(before);
	drop_fds(kept);
	memcpy(kept->id, id, sizeof(id));
	memcpy(kept->deposit, data, size);
	kept->size = size;
	kept->init = init;
	for (size_t i = 0; i < count; i++) {
		if (kinds[i] < KEPT_KINDS && kept->fds[kinds[i]] < 0)
			kept->fds[kinds[i]] = fds[i];
		else
			close(fds[i]);
	}
	tell_status(kept);
	return true;
}

/* One message. False when there is none, or the link is over. */
static bool take_message(struct kept *kept)
{
	uint8_t data[1 + DEPOSIT_MAX];
	int fds[PASSED_FDS_MAX];
	size_t count;
	ssize_t got = receive_with_fds(kept->link.fd, data, sizeof(data), fds, &count);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got <= 0) {
		loop_close(&kept->link); /* what it has left stays */
		if (kept->id[0] == '\0')
			free_slot(kept);
		return false;
	}
	if (data[0] == 'D' && take_deposit(kept, data + 1, (size_t)got - 1, fds, count))
		return true;
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	if (data[0] == 'S' && kept->fds[KEPT_STDIN] >= 0) {
		close(kept->fds[KEPT_STDIN]);
		kept->fds[KEPT_STDIN] = -1;
	} else if (data[0] == 'W' || data[0] == 'D') {
		free_slot(kept);
	}
	return kept->link.fd >= 0;
}

static void link_ready(struct source *source, uint32_t events)
{
	(void)events;
	while (take_message((struct kept *)source))
		;
}

static struct kept *free_place(void)
{
	for (size_t i = 0; i < used; i++)
		if (slots[i].link.fd < 0 && slots[i].id[0] == '\0')
			return &slots[i];
	return used < LENGTH(slots) ? &slots[used++] : NULL;
}

/* With what it has sent already. False when none waits. */
static bool accept_monitor(void)
{
	int fd = connection_accept(&listener);

	if (fd < 0)
		return false;
	/* Without a place the monitor sees the end of its connection, and says so when it is asked. */
	struct kept *kept = free_place();

	if (kept == NULL) {
		close(fd);
		return true;
	}
	*kept = (struct kept){ .link = { .fd = fd, .ready = link_ready } };
	for (size_t i = 0; i < LENGTH(kept->fds); i++)
		kept->fds[i] = -1;
	if (loop_add(&kept->link, EPOLLIN))
		link_ready(&kept->link, 0);
	else
		free_slot(kept);
	return true;
}

static void monitor_connects(struct source *source, uint32_t events)
{
	(void)source;
	(void)events;
	accept_monitor();
}

int fd_store_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (listener.fd >= 0)
		return EALREADY;
	if (strlen(path) >= sizeof(address.sun_path))
		return ENAMETOOLONG;
	strcpy(address.sun_path, path);
	unlink(path); /* of a spawner that is gone */
	listener.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	listener.ready = monitor_connects;
	if (listener.fd >= 0 && bind(listener.fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    listen(listener.fd, BACKLOG) == 0 && loop_add(&listener, EPOLLIN))
		return 0;
	int error = errno;

	if (listener.fd >= 0)
		close(listener.fd);
	listener.fd = -1;
	return error;
}

int fd_store_check(const char *id)
{
	/* It may have died right after it has deposited, and its connection waits still. */
	while (listener.fd >= 0 && accept_monitor())
		;
	struct kept *kept = find(id);

	/* The daemon may have seen the end of its monitor before we did. */
	if (kept != NULL && kept->link.fd >= 0)
		link_ready(&kept->link, 0);
	kept = find(id);
	if (kept == NULL)
		return ENOENT;
	return kept->link.fd >= 0 ? EBUSY : 0;
}

int fd_store_hand_over(const char *id, int gate)
{
	struct kept *kept = find(id);
	uint8_t data[1 + DEPOSIT_MAX + 64] = { 'g' }, kinds[KEPT_KINDS];
	int fds[KEPT_KINDS];
	size_t count = 0;

	if (kept == NULL)
		return ENOENT;
	for (int kind = 0; kind < KEPT_KINDS; kind++) {
		if (kept->fds[kind] < 0)
			continue;
		kinds[count] = (uint8_t)kind;
		fds[count++] = kept->fds[kind];
	}
	/* A name that comes first wins: this one has changed when the stdin was closed. */
	struct handover handover = { data + 1, 0, sizeof(data) - 1, false };

	handover_put(&handover, "fds", kinds, count);
	if (handover.full || handover.room - handover.length < kept->size)
		return E2BIG;
	memcpy(handover.data + handover.length, kept->deposit, kept->size);
	return send_with_fds(gate, data, 1 + handover.length + kept->size, fds, count) == 0 ? 0 : errno;
}

void fd_store_forget(const char *id)
{
	struct kept *kept = find(id);

	if (kept != NULL)
		free_slot(kept);
}

void fd_store_reaped(pid_t pid, int status)
{
	for (size_t i = 0; i < used; i++) {
		if (slots[i].id[0] == '\0' || slots[i].init != pid)
			continue;
		slots[i].reaped = true;
		slots[i].status = status;
		tell_status(&slots[i]);
	}
}
