#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"

enum { CONFIG_MAX = 1 << 20, CONFIG_VERSION = 1 };

const char *json_file(struct json *json, const char *path)
{
	/* Pages of a file's size; the rest is never touched. */
	char *text = mmap(NULL, CONFIG_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ssize_t length = text == MAP_FAILED ? -1 : read_file(path, text, CONFIG_MAX);

	if (length < 0)
		return strerror(errno);
	if (length == CONFIG_MAX - 1)
		return "the config is longer than 1 MiB";
	if (!json_parse(json, text))
		return "the config is not valid JSON";
	return json_number(json, "version", 0) == CONFIG_VERSION ? NULL : "the config has another version";
}

bool config_has_size(const struct json *json)
{
	int64_t columns = json_number(json, "columns", 0), rows = json_number(json, "rows", 0);
	bool is_size = columns >= 1 && columns <= UINT16_MAX && rows >= 1 && rows <= UINT16_MAX;

	return is_size || (columns == 0 && rows == 0);
}

const char *config_load(struct config *config, const char *path)
{
	const char *wrong = json_file(&config->json, path);
	const struct json *json = &config->json;

	if (wrong != NULL)
		return wrong;
	config->path = path;
	config->id = json_string(json, "id");
	config->nonce = json_string(json, "nonce");
	config->bundle = json_string(json, "bundle");
	config->socket = json_string(json, "socket");
	config->console_socket = json_string(json, "consoleSocket");
	config->pid_file = json_string(json, "pidFile");
	config->log_path = json_string(json, "logPath");
	config->log_size_max = json_number(json, "logSizeMaxBytes", 0);
	config->exit_file = json_string(json, "exitFile");
	config->exit_code_file = json_string(json, "exitCodeFile");
	config->keep_socket = json_string(json, "keepSocket");
	config->terminal = json_bool(json, "terminal");
	config->has_stdin = json_bool(json, "stdin");
	config->stdin_once = json_bool(json, "stdinOnce");
	config->has_stand_in = json_bool(json, "standIn");
	config->columns = (int)json_number(json, "columns", 0);
	config->rows = (int)json_number(json, "rows", 0);
	config->uid = (uid_t)json_number(json, "uid", 0);
	config->gid = (gid_t)json_number(json, "gid", 0);
	config->create_timeout_ms = json_number(json, "createTimeoutMs", 240000);
	config->linger_ms = json_number(json, "lingerMs", 10000);
	if (config->id == NULL || config->nonce == NULL || config->bundle == NULL || config->socket == NULL ||
	    config->pid_file == NULL || config->exit_file == NULL)
		return "the config lacks a field";
	if (config->terminal && config->console_socket == NULL)
		return "the config lacks consoleSocket";
	if (!config_has_size(json))
		return "a terminal has 1 to 65535 columns and rows";
	return NULL;
}

size_t runtime_arguments(const struct json *json, const char **argv, const char **env, size_t max)
{
	size_t count = json_strings(json, "runtime", argv, 0, max);

	return json_strings(json, "env", env, 0, max) < max && count > 0 ? count : max;
}
