#ifndef ADOPT_H
#define ADOPT_H

#include "base.h"

/*
 * Takes what the spawner has kept of our container, see keep.h, from the gate into the parts that own it: streams, stdin,
 * the init, the OOM counter. The text of what went wrong, or NULL.
 */
const char *adopt_deposit(int gate);

#endif
