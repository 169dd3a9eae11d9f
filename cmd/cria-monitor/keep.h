/*
 * The spawner keeps duplicates of the descriptors without which a container would lose its output, its input or its exit
 * code together with its monitor. One SEQPACKET connection per monitor, which lasts as long as the monitor:
 *   'D' and a handover, with the descriptors named by its "fds"   replaces what is kept for its "id"
 *   'S'   the container's stdin was closed: the spawner must not hold it open
 *   'W'   the exit is recorded, nothing needs to be kept
 *   to the monitor: 'X' and an int, the wait status of its container's init, which the spawner has reaped
 * The end of the connection without 'W' is the death of the monitor. What is lost with it is what it had read and not yet
 * written: at most one read of 64 KiB, and a line of 16 KiB whose end has not come for less than 100 ms.
 */
#ifndef KEEP_H
#define KEEP_H

#include "fd-passing.h"
#include "handover.h"

/* What the bytes of "fds" say of the descriptors, in their order. */
enum kept_kind { KEPT_STDOUT, KEPT_STDERR, KEPT_STDIN, KEPT_INIT, KEPT_OOM, KEPT_KINDS };

/*
 * The names of a deposit: id, config (its path), fds, pid, startTicks, startedAt, oomKills. To the program that goes on it
 * comes through its gate, with 'g' before it.
 */
enum { DEPOSIT_MAX = 1536 };

/* The monitor's side. Deposits with the spawner that listens there; 0 or errno. */
int keep_deposit(const char *socket);
void keep_stdin_closed(void);
void keep_withdraw(void);
/* Something is deposited. */
bool keep_is_deposited(void);
/* The wait status that the spawner has told; false when there is none. */
bool keep_exit_status(int *status);

#endif
