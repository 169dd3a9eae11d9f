/* The container's output, from its pipes or its terminal to the log and to the attached clients. */
#ifndef STREAMS_H
#define STREAMS_H

#include "handover.h"

/* Streams are named by the type of their frames: FRAME_STDOUT (also a terminal) and FRAME_STDERR. */

/* Takes the fd over. Nothing is read before stream_read. */
void stream_set(uint8_t type, int fd);
/* False with errno. */
bool stream_read(uint8_t type);
/* -1 when it is closed. */
int stream_fd(uint8_t type);
void stream_close(uint8_t type);

/* What was read and is not in the log; the descriptors. The other side comes before stream_read. */
void streams_save(struct handover *handover);
void streams_restore(const struct handover *handover);

/* From now on the output is the container's, and no message of the runtime any more. */
void streams_created(void);
/* Reads on, or not: the attached clients have changed. */
void streams_flow(void);
/* Takes what is in the pipes now, at most a pipe full of each, and writes it to the log. */
void streams_drain(void);
/* No process holds a stream any more. */
bool streams_are_closed(void);
/* Writes what was read and closes them. */
void streams_close(void);

#endif
