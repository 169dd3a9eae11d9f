/* The native half of the monitor benchmark: one program, whose first argument says what it does. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

__attribute__((noreturn, format(printf, 1, 2))) void die(const char *form, ...);
int64_t now_ns(void);
/* Reads a small file whole; ends the program when that fails. Returns the length. */
size_t read_small(const char *path, char *text, size_t size);
void write_small(const char *path, const char *text);
__attribute__((format(printf, 3, 4))) void print_to(char *text, size_t size, const char *form, ...);

/* As an OCI runtime: `create` makes a container that writes the load of its bundle, or only waits to be killed. */
int runtime_main(int argc, char **argv);
/* verify LOAD LOG: joins the records of a log and compares them with what the container wrote. */
int verify_main(int argc, char **argv);
/* spawn COUNT: the time from the start of a monitor to the created container; in turns, and of the runtime alone. */
int spawn_main(int argc, char **argv);
/* log KIND LOAD [sample]: the time and processor time of a monitor for a load, or the peak of its memory. */
int log_main(int argc, char **argv);
/* idle COUNT SECONDS: memory and wakeups of monitors with nothing to do. */
int idle_main(int argc, char **argv);
/* storm KIND COUNT: the time from the kill of all containers to the last exit file. */
int storm_main(int argc, char **argv);

#endif
