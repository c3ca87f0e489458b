/*
 * stats: what `belfry stats` shows.
 */
#ifndef BELFRY_CMD_STATS_H
#define BELFRY_CMD_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/metrics.h"
#include "shared/stats.h"

/* The numbers of one moment. */
struct stats_moment {
	int64_t mono_ns;
	int64_t seq; /* the journal's head */
	struct metrics_sample sample;
};

#define STATS_WINDOW 10 /* moments */

struct stats_view {
	const char *path;
	bool json, watch;
	bool terminal; /* it stays on one */
	bool colors;
	int64_t interval_ms;
	/* Those that were shown, the latest first: rates are of the last
	 * interval, lag is of all of them. */
	struct stats_moment past[STATS_WINDOW];
	unsigned past_count;
};

/* ---- tool/stats_numbers.c: of the last interval ---- */

#define STATS_TEXT_BYTES 32
#define STATS_TOO_LATE	 "over 10 s"

/* How much the counters first … last have grown together, and the journal. */
uint64_t stats_grown(const struct stats_view *v, const struct stats_moment *now,
		     int first, int last);
uint64_t stats_events(const struct stats_view *v,
		      const struct stats_moment *now);
/* Per second, of what grew by n; "-" when there is nothing to compare with. */
const char *stats_rate(char out[static STATS_TEXT_BYTES],
		       const struct stats_view *v,
		       const struct stats_moment *now, uint64_t n);
/* Within which a part q of the events of all moments was written; "-": none. */
const char *stats_lag(char out[static STATS_TEXT_BYTES],
		      const struct stats_view *v,
		      const struct stats_moment *now, double q);
const char *stats_age(char out[static STATS_TEXT_BYTES], int64_t ms);

/* ---- tool/stats_print.c ---- */

/* On standard output; of the view only what came before is known. */
void stats_print_page(const struct stats_view *v, const struct stats *s,
		      const struct stats_moment *now);
void stats_print_line(const struct stats_view *v, const struct stats *s,
		      const struct stats_moment *now);
/* In place of a page: there is nothing to be shown now. */
void stats_print_trouble(const struct stats_view *v, const char *why);

/* A view that stays takes the terminal's other screen, and gives it back. */
void stats_take_terminal(void);
void stats_give_terminal(void);

#endif
