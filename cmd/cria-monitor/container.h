/* One container's monitor: what its parts share. */
#ifndef CONTAINER_H
#define CONTAINER_H

#include "connection.h"
#include "handover.h"

/*
 *   CREATING ──▶ RUNNING ──▶ EXITED
 *      └───────▶ UNDOING ──▶ FAILED
 * RUNNING is from the end of the runtime's `create`: the init exists, whether it was started is the runtime's affair.
 */
enum phase { CREATING, RUNNING, UNDOING, FAILED, EXITED };

struct config {
	/* The file itself. */
	const char *path;
	const char *id;
	const char *nonce;
	const char *bundle;
	const char *socket;
	const char *console_socket;
	const char *pid_file;
	const char *log_path;
	/* 0: no limit. */
	int64_t log_size_max;
	/* Where the exit record goes: as JSON on disk, as decimal text in the run directory (NULL: nowhere). */
	const char *exit_file;
	const char *exit_code_file;
	/* Where the spawner keeps what the container needs when we die (NULL: nowhere). */
	const char *keep_socket;
	bool terminal;
	bool has_stdin;
	bool stdin_once;
	/* No process of the host is its init: it has one that stands for it, see stand-in.h. */
	bool has_stand_in;
	/* Of the terminal at its start; 0 is unknown. */
	int columns, rows;
	uid_t uid;
	gid_t gid;
	int64_t create_timeout_ms;
	int64_t linger_ms;
	struct json json;
};

struct container {
	struct config config;
	enum phase phase;
	pid_t pid;
	int pidfd;
	uint64_t ticks;
	int64_t started_at;
	/* Of EXITED. */
	int64_t finished_at;
	int code;
	int signal;
	bool oom;
	/* Nobody knows how it ended. */
	bool lost;
	/* The daemon knows the exit. */
	bool acknowledged;
	/* The creation is undone, whatever the runtime says. */
	bool shutting_down;
	/* Of UNDOING and FAILED: which step failed, and why. */
	const char *failed_stage;
	char message[8192];
};

extern struct container container;

/* The text of what is wrong, or NULL. The config lives as long as the process. */
const char *config_load(struct config *config, const char *path);

/* clients.c: the control socket. */
bool clients_listen(const char *path);
/* Tells everybody who waits; call when the phase has changed. */
void clients_announce(void);
/* The connections, of which nobody is attached; the listening socket with them. Restores instead of clients_listen. */
void clients_save(struct handover *handover);
bool clients_restore(const struct handover *handover);
/* Anybody is connected. */
bool clients_present(void);
void clients_close(void);

/* replies.c: what is answered there. */
/* Answers the reexec that the client asked for; NULL is success. The client may be gone. */
void clients_answer_reexec(size_t client, uint32_t seq, const char *error);

/* requests.c: what is asked there. */
/* Gives back the memory that requests and answers have used. */
void clients_trim(void);

/* attach.c: the clients that have the streams. */
/* Nobody for whom the container has to wait is behind with this stream. */
bool clients_take(uint8_t stream);
/* Never waits. */
void clients_output(uint8_t stream, const uint8_t *data, size_t size);
/* The stream has ended. */
void clients_output_ended(uint8_t stream);
/* The exit is the last that the attached get; then their connections end. */
void clients_end_output(void);
/* Somebody still gets output, or the rest of it. */
bool clients_busy(void);
/* The container has got so many bytes of this client. */
void clients_stdin_taken(uint32_t number, size_t size);
/* It gets nothing any more. */
void clients_stdin_closed(void);

/* stdio.c: what the container gets as its streams. */
struct stdio_ends {
	int in, out, err;
	/* Where the runtime sends the terminal's master; empty without a terminal. */
	char console[108];
};
/* Makes what the runtime gets as stdin, stdout, stderr; the caller closes these ends when it runs. 0 or errno. */
int stdio_open(struct stdio_ends *ends);
/* From now on the output is the container's, and no message of the runtime any more. */
void stdio_created(void);
/* The streams are those of a container that runs already. */
void stdio_adopted(void);
/* Writes what is in the pipes now to the log. */
void stdio_drain(void);
void stdio_close(void);
/* 0 or errno. Before the terminal is there the size is kept. */
int stdio_resize(int64_t columns, int64_t rows);

/* oom.c */
void oom_watch(pid_t pid);
bool oom_happened(void);
/* What another monitor needs to go on counting, and its side. */
int oom_fd(void);
uint64_t oom_kills_at_start(void);
void oom_adopt(int fd, uint64_t kills);
void oom_save(struct handover *handover);
void oom_restore(const struct handover *handover);

/* exit-record.c */
/* Makes sure that there is room for the record. 0 or errno. */
int exit_record_reserve(void);
/* Visible to everybody when this returns 0; else errno. */
int exit_record_write(void);
/* On the disk, too, in a while: a process of its own waits for the disk. Nothing when there is nothing new. */
void exit_record_sync(void);
bool exit_record_is_syncing(void);
/* The child that was reaped is that process. */
bool exit_record_reaped(pid_t pid);
void exit_record_discard(void);

/* exit.c */
/* The init has ended with this wait status, or nobody knows how. */
void container_exited(int status, int64_t at);
void container_lost(int64_t at);
/* The last process that held a stream of an exited container is gone. */
void container_streams_closed(void);
/* In EXITED only, these two. */
void exit_client_left(void);
void exit_acknowledged(void);
/* Nobody will ask for the exit, and nothing may be waited for, but that the record is on the disk. */
void exit_hurry(void);
/* Ends at once: nobody wants the record either. */
void exit_abandon(void);
/* A child was reaped; true when that is all that is to be done about it. */
bool exit_reaped(pid_t pid);

/* creation.c */
/* The runtime's `create` has ended, or its `delete` of what a failed one left. */
void creation_runtime_ended(int status);
/* A child has ended while it is not known which of them is the init. */
void creation_child_ended(pid_t pid, int status);

/* container.c */
/*
 * For a program that goes on with a container. What every one begins with: config, name, signals; the text of what went
 * wrong, or NULL. The exit code of the program.
 */
const char *container_enter(const char *config_path);
int container_serve(void);
/* A client has disconnected. */
void container_client_left(void);
int container_signal(int signal_number);
void container_acknowledge(void);
/* Kills the container, or undoes its creation, and ends. */
void container_shutdown(void);

#endif
