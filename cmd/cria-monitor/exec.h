/* One command in a running container: what the parts of the role `exec` share. */
#ifndef EXEC_H
#define EXEC_H

#include "json.h"
#include "loop.h"

/* STARTED is from the end of the runtime's `exec`; ENDED when there is a result; REPORTED when the client has it. */
enum exec_phase { STARTING, STARTED, ENDED, REPORTED };

enum { EXEC_REFUSED_MAX = 1024 };

struct exec {
	struct json json;
	const char *id, *socket, *pid_file, *process;
	/* Where the runtime writes the command's pid in the container's own kernel; NULL when that is the host's. */
	const char *guest_pid_file;
	int64_t timeout_ms;
	/* The client has stdin, and grants the output. Else there is no stdin, and output up to `max_bytes` per stream. */
	bool interactive;
	bool has_stdin, terminal;
	int columns, rows;
	int64_t max_bytes;
	/* -1: any. */
	int64_t cpu;
	enum exec_phase phase;
	/* Of ENDED: as waitpid gives it, or the text of why the command could not be started. */
	int status;
	const char *failure;
	bool timed_out;
	/* Output was dropped. */
	bool truncated;
	/* We, and with us the runtime, are in the cgroups that the config names. */
	bool is_moved;
	/* Why a cgroup of the config did not take us, and which; NULL when all did. */
	const char *cgroup_refused;
};

extern struct exec exec;

/* exec-command.c: the runtime's call and the command's process. */
/* The text of what went wrong, or NULL. */
const char *command_start(void);
/* 0 or errno; success also when it has ended. */
int command_signal(int signal_number);
/* 0 or errno. */
int command_resize(int64_t columns, int64_t rows);
/* To be told of each reaped child. */
void command_reaped(pid_t pid, int status);
/* Nothing of the command is left when this returns. */
void command_kill(void);

/* exec-output.c: the pipes or the terminal of the command. */
/* Gives the ends for stdout and stderr, -1 for the terminal; the caller closes them. 0 or errno. */
int output_open(int ends[2]);
/* The runtime has sent the terminal. */
void output_set_terminal(int master);
/* Reads on, or not, after a change of the phase, the client or its queue. */
void output_flow(void);
/* The command runs and has a client: it gets what was kept for it. */
void output_started(void);
/* Everything that is there now goes to the client; the pipes are closed. */
void output_drain(void);
/* What the runtime has said, as text. */
void output_message(char *text, size_t size);
/* Their inodes. */
extern ino_t output_pipes[2];

/* exec-session.c: the one client. */
/* 0 or errno. */
int session_listen(void);
void session_unlink(void);
/* From now on a client that does not come is one that has gone. */
void session_expect(void);
bool session_is_open(void);
/* The client has to take something first. */
bool session_is_full(void);
/* False when there was no room for it. */
bool session_send(uint8_t stream, const uint8_t *data, size_t size);
/* The stream has ended. */
void session_send_end(uint8_t stream);
/* The result is here: tells the client when there is one, and ends. */
void session_report(void);

#endif
