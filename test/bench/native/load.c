#include "load.h"

#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STAMP = 16 };

static uint8_t byte_at(const struct load *load, size_t at)
{
	size_t place = load->line == 0 ? at : at % load->line;

	return load->line != 0 && place == load->line - 1 ? '\n' : (uint8_t)('a' + place % 23);
}

void load_parse(struct load *load, const char *text)
{
	*load = (struct load){ 0 };
	if (sscanf(text, "%zu %zu %lu", &load->line, &load->block, &load->total) != 3 || load->block == 0)
		die("no load: %s", text);
	size_t size = load->line + load->block;

	load->template = malloc(size);
	if (load->template == NULL)
		die("no memory");
	for (size_t i = 0; i < size; i++)
		load->template[i] = byte_at(load, i);
}

static void put_stamp(struct load *load, uint8_t *slice, size_t size)
{
	size_t phase = (size_t)(slice - load->template);
	size_t first = load->line == 0 ? 0 : (load->line - phase) % load->line;
	uint64_t number = load->at / load->block;

	load->stamp = NULL;
	if (first + STAMP >= size || (load->line != 0 && load->line <= STAMP))
		return;
	load->stamp = slice + first;
	for (int i = STAMP - 1; i >= 0; i--, number >>= 4)
		load->stamp[i] = (uint8_t)"0123456789abcdef"[number & 15];
}

const uint8_t *load_next(struct load *load, size_t *size)
{
	uint64_t left = load->total - load->at;

	if (left == 0)
		return NULL;
	*size = left < load->block ? (size_t)left : load->block;
	for (size_t i = 0; load->stamp != NULL && i < STAMP; i++)
		load->stamp[i] = byte_at(load, (size_t)(load->stamp - load->template) + i);
	uint8_t *slice = load->template + (load->line == 0 ? 0 : load->at % load->line);

	put_stamp(load, slice, *size);
	load->at += *size;
	return slice;
}
