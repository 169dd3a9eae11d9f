/* Whether a text is JSON as RFC 8259 has it. Independent of the monitor's own reader, to be compared with it. */
#ifndef STRICT_JSON_H
#define STRICT_JSON_H

#include <stdbool.h>

struct strict_json {
	/* Of the deepest value; a flat object has 1. */
	int depth;
	/* A string has \u0000. */
	bool has_nul;
};

/* True when `text` is one JSON object and nothing else. */
bool strict_json_object(const char *text, struct strict_json *found);
bool strict_utf8(const char *text, unsigned long size);

#endif
