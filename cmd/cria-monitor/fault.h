/*
 * Named moments at which a test build may end or stop the process; see test/native/fault-point.c. In the product they
 * are nothing, not even their names.
 */
#ifndef FAULT_H
#define FAULT_H

#ifdef FAULT_POINTS
void fault_point(const char *name);
#define FAULT_POINT(name) fault_point("fault:" name)
#else
#define FAULT_POINT(name) ((void)0)
#endif

#endif
