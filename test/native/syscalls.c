// Makes system calls by number, to see what a filter answers: `syscalls 900 272:0x10000000` prints `900 ENOSYS` and so on.
// NUMBER[:FIRST] is a call whose first argument is FIRST and whose others are -1, which no call accepts by accident.

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    char *first = strchr(argv[i], ':');
    long argument = first == NULL ? -1 : strtol(first + 1, NULL, 0);
    errno = 0;
    long result = syscall(strtol(argv[i], NULL, 0), argument, -1L, -1L, -1L, -1L, -1L);
    printf("%s %s\n", argv[i], result >= 0 ? "ok" : strerrorname_np(errno));
  }
  return 0;
}
