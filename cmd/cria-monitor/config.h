/* What the configs of containers and execs have in common. */
#ifndef CONFIG_H
#define CONFIG_H

#include "json.h"

enum { ARGUMENTS = 256 };

/* Reads and parses a config of our version; the text of what is wrong, or NULL. */
const char *json_file(struct json *json, const char *path);
/* argv of the OCI runtime up to its verb, and its environment. The length of argv, or max when something is too long. */
size_t runtime_arguments(const struct json *json, const char **argv, const char **env, size_t max);
/* "columns" and "rows" are those of a terminal, or absent. */
bool config_has_size(const struct json *json);

#endif
