/*
 * mem: allocation that can't fail: out of memory aborts.  What a peer sizes is
 * capped before it gets here, so a lack of memory is not an input to handle.
 *
 * Any thread.
 */
#ifndef BELFRY_LIB_MEM_H
#define BELFRY_LIB_MEM_H

#include <stddef.h>

void *mem_new(size_t size);		/* zeroed */
void *mem_array(size_t n, size_t size); /* zeroed, overflow checked */
void *mem_grow(void *p, size_t n, size_t size);
char *mem_strdup(const char *text); /* NULL stays NULL */

/* For a process that has to be small: what is large and never touched takes no
 * memory.  Before anything else is called. */
void mem_keep_little(void);
/* Whole pages that are free go back to the system. */
void mem_give_back(void);

#endif
