/* From the end of the container's init to the end of its monitor: the record, the news, the orphans. */
#include "container.h"
#include "fault.h"
#include "keep.h"
#include "orphans.h"
#include "streams.h"

#include <sys/wait.h>

enum { UNCLAIMED_MS = 600000, RECORD_RETRY_MS = 1000 };

static bool recorded, lingering, hurried;

static void retry_record(void);
static void leave(void);
static void end_linger(void);
static struct timer record_timer = { .fire = retry_record };
static struct timer unclaimed_timer = { .fire = leave };
static struct timer linger_timer = { .fire = end_linger };

static void leave(void)
{
	keep_withdraw();
	loop_stop();
}

/* When the daemon knows the exit, the record is on the disk, and nobody writes or reads any more. */
static void leave_when_done(void)
{
	if (container.acknowledged && recorded && !exit_record_is_syncing() && !lingering && !clients_busy())
		leave();
}

/* The disk may be full or read-only: the exit is told all the same, and we stay until the record is there, too. */
static void write_record(void)
{
	recorded = exit_record_write() == 0;
	if (recorded)
		keep_withdraw();
	else
		timer_start(&record_timer, RECORD_RETRY_MS);
}

static void retry_record(void)
{
	write_record();
	exit_record_sync();
	leave_when_done();
}

static void end_linger(void)
{
	if (!lingering)
		return;
	timer_stop(&linger_timer);
	lingering = false;
	stdio_drain();
	stdio_close();
	leave_when_done();
}

static void linger(void)
{
	if (hurried || streams_are_closed() || !orphans_watch(end_linger)) {
		stdio_close();
		return;
	}
	lingering = true;
	timer_start(&linger_timer, container.config.linger_ms);
}

void container_exited(int status, int64_t at)
{
	FAULT_POINT("init-reaped");
	container.finished_at = at;
	container.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	container.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	container.oom = oom_happened();
	stdio_drain();
	FAULT_POINT("drained");
	container.phase = EXITED;
	write_record();
	FAULT_POINT("recorded");
	clients_end_output();
	clients_announce();
	FAULT_POINT("exit-told");
	exit_record_sync();
	timer_start(&unclaimed_timer, UNCLAIMED_MS);
	linger();
	leave_when_done();
}

void container_lost(int64_t at)
{
	container.lost = true;
	container_exited(255 << 8, at);
}

void container_streams_closed(void)
{
	end_linger();
}

void exit_client_left(void)
{
	leave_when_done();
}

void exit_acknowledged(void)
{
	container.acknowledged = true;
	leave_when_done();
}

void exit_hurry(void)
{
	hurried = true;
	container.acknowledged = true;
	if (container.phase == EXITED) {
		end_linger();
		leave_when_done();
	}
}

bool exit_reaped(pid_t pid)
{
	if (!exit_record_reaped(pid))
		return false;
	leave_when_done();
	return true;
}

void exit_abandon(void)
{
	leave();
}
