/* What argv[1] chooses. */
#ifndef ROLES_H
#define ROLES_H

#include "base.h"

int spawner_main(void);
int container_main(const char *config_path);
/* The same in the place of a monitor that died. */
int adopt_main(void);
/* The same in the place of another program, with the same pid, see reexec.h. */
int resume_main(const char *state_fd);
int exec_main(const char *config_path);
/* See stand-in.h. */
int stand_in_main(const char *config_path, const char *sandbox_pid);
int stand_in_start_main(int count, char **words);
int pin_main(int argc, char **argv);

/* Makes an inherited fd ours: CLOEXEC and non-blocking. False when there is none. */
bool own_fd(int fd);

/* The gate of a spawned process: waits for the spawner's go; false when the spawner is gone. */
bool gate_wait(int fd);
/* "R" for ready, else what went wrong; closes the gate. False when the spawner is gone. */
bool gate_answer(int fd, const char *text);

/* Puts us behind everybody else in the choice of the OOM killer, where that is allowed. */
void oom_protect_self(void);
/* The score that others get: the one we had; NULL when ours did not change. */
const char *oom_score_of_others(char *text, size_t size);

#endif
