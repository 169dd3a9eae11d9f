/* What a container of the benchmarks writes: every byte follows from its place, so that a log can be compared with it. */
#ifndef LOAD_H
#define LOAD_H

#include <stddef.h>
#include <stdint.h>

struct load {
	/* Bytes of a line with its newline; 0 is no newline at all. */
	size_t line;
	/* Bytes of one write. */
	size_t block;
	uint64_t total;
	uint64_t at;
	uint8_t *template;
	uint8_t *stamp;
};

/* "LINE BLOCK TOTAL"; ends the program when the text is none. */
void load_parse(struct load *load, const char *text);
/* The bytes of the next write, with the number of the write in them where there is room; NULL at the end. */
const uint8_t *load_next(struct load *load, size_t *size);

#endif
