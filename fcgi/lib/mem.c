/*
 * Aborting is the whole policy: no caller has to unwind for an allocation.  A
 * request of no bytes still gives a pointer that can be freed.
 */
#include "lib/mem.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LARGE_BYTES 32768

static void *check(void *p)
{
	if (!p)
		abort();
	return p;
}

void *mem_new(size_t size)
{
	return check(calloc(1, size ? size : 1));
}

void *mem_array(size_t n, size_t size)
{
	return check(n && size ? calloc(n, size) : calloc(1, 1));
}

void *mem_grow(void *p, size_t n, size_t size)
{
	if (!n || !size)
		n = size = 1;
	return check(reallocarray(p, n, size));
}

void mem_keep_little(void)
{
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
#endif
}

void mem_give_back(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

char *mem_strdup(const char *text)
{
	return text ? check(strdup(text)) : NULL;
}
