/*
 * The way to a process's stdin, a pipe or a terminal. Everything goes there in the order in which it came, so that
 * what several clients write is never mixed within a frame.
 */
#ifndef INPUT_H
#define INPUT_H

#include "chunks.h"
#include "loop.h"

struct input {
	struct source source;
	struct chunks queue;
	bool is_terminal;
	bool ending;
	/* So many bytes of this owner need no room any more. */
	void (*taken)(uint32_t owner, size_t size);
	/* The process can get nothing any more. */
	void (*closed)(void);
};

/* Takes the fd over. False with errno. */
bool input_open(struct input *input, int fd);
/* Writes, or keeps until the process reads. What a closed input gets is nobody's: it counts as taken. */
void input_put(struct input *input, uint32_t owner, const uint8_t *data, size_t size);
/* Closes it after what is kept. A terminal has no end: nothing is done. */
void input_end(struct input *input);
/* Closes it now, without telling. */
void input_close(struct input *input);

static inline bool input_is_open(const struct input *input)
{
	return input->source.fd >= 0;
}

#endif
