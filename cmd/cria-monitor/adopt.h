#ifndef ADOPT_H
#define ADOPT_H

#include "base.h"

/*
 * What the spawner has kept of a container, see keep.h, as it comes through the gate. Each returns the text of what went
 * wrong, or NULL.
 */
/* Waits for it, and says which container it is: the path of its config. */
const char *adopt_receive(int gate, const char **config_path);
/* Gives the descriptors to the parts that own them: streams, stdin, the init, the OOM counter. */
const char *adopt_deposit(void);

#endif
