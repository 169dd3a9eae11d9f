#ifndef PIDFD_EXIT_H
#define PIDFD_EXIT_H

#include "base.h"

/* The wait status of an ended process that may be no child of ours; false before Linux 6.15. */
bool pidfd_exit_status(int pidfd, int *status);

#endif
