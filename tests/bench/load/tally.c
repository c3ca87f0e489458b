/*
 * tally: a bit per message, because publishers on several connections may
 * overtake each other: a message out of order is neither lost nor doubled.
 */
#include "tally.h"

#include <stdlib.h>

#include "text.h"

void tally_init(struct tally *t, uint64_t first, uint64_t step, uint64_t end)
{
	*t = (struct tally){.first = first, .step = step, .end = end};
	if (first < end)
		t->expected = (end - first + step - 1) / step;
	t->seen =
	    need(calloc((size_t)(t->expected / 64 + 1), sizeof(*t->seen)));
}

void tally_fini(struct tally *t)
{
	free(t->seen);
	t->seen = NULL;
}

bool tally_take(struct tally *t, uint64_t number)
{
	uint64_t index, bit;

	if (number < t->first || number >= t->end ||
	    (number - t->first) % t->step) {
		t->strange++;
		return false;
	}
	index = (number - t->first) / t->step;
	bit = UINT64_C(1) << (index % 64);
	if (t->seen[index / 64] & bit) {
		t->doubled++;
		return false;
	}
	t->seen[index / 64] |= bit;
	t->received++;
	if (number < t->next)
		t->disordered++;
	else
		t->next = number + 1;
	return true;
}
