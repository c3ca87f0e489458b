/*
 * mapguard: a mapped file that is cut short by somebody becomes private memory
 * of zeros, in place of a SIGBUS that would end the process.
 *
 * Adding and removing: one thread at a time.  SIGBUS is handled here alone.
 */
#ifndef BELFRY_LIB_MAPGUARD_H
#define BELFRY_LIB_MAPGUARD_H

#include <stdbool.h>
#include <stddef.h>

struct err;

/* Guards a mapping from now on.  *number names it.  ERR_INTERNAL: there are too
 * many. */
int mapguard_add(void *start, size_t length, unsigned *number, struct err *err);
/* Unmaps it; number is free for another one. */
void mapguard_unmap(unsigned number);
/* Has its file been cut short? */
bool mapguard_lost(unsigned number);

#endif
