/*
 * registry: what all processes on one database know of each other's streams: a
 * place for each, whose it is, since when, and in which process; who is to be
 * woken for a row; and, for the threads of this process, whether new streams
 * are taken.
 *
 * The places lie in a file that all have mapped (lib/mapfile.h); nothing is
 * locked while a stream just sits there.  Where the file can't be had, this
 * process has places of its own and tries again each second.
 *
 * Any thread, unless said otherwise; nothing blocks.
 */
#ifndef BELFRY_REGISTRY_H
#define BELFRY_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"

struct err;
struct registry;

#define REGISTRY_NAME_BYTES 64 /* of a user's id, NUL included */

struct registry_options {
	const char *database;
	unsigned max_streams, max_streams_per_user;
};

/* Opens nothing yet. */
struct registry *registry_new(const struct registry_options *options);
void registry_free(struct registry *r); /* NULL is fine */
/* This process is one of those that have streams.  Twice is fine. */
void registry_join(struct registry *r);

/* ---- places ---- */

struct registry_place {
	uint64_t claim; /* 0: none */
	uint32_t index;
};

/* Takes a place for a stream of this user; false when all are taken.  Whoever
 * gets one gives it back with registry_release. */
bool registry_reserve(struct registry *r, struct span user,
		      struct registry_place *out);
void registry_release(struct registry *r, struct registry_place *place);
/* The same place again after the file was lost: false, and none, while all are
 * taken. */
bool registry_keep(struct registry *r, struct span user, int64_t opened_ns,
		   struct registry_place *place);
/* Marks the oldest streams of the user that are above the limit, whichever
 * process has them, and tells those processes. */
void registry_evict(struct registry *r, struct span user);
/* Was this one marked? */
bool registry_evicted(const struct registry *r,
		      const struct registry_place *place);
/* Over all processes. */
unsigned registry_streams(const struct registry *r);

/* ---- waking each other: the loop's thread ---- */

/* Readable when another process wants us to look: at the journal, and at our
 * places.  It changes with registry_tick.  -1: not joined, or no FIFO there. */
int registry_wake_fd(const struct registry *r);
bool registry_woken(const struct registry *r);
/* After either: true when some of our streams were marked. */
bool registry_take_wake(struct registry *r);

/* Whom the rows of one page concern; zeroed at first. */
struct registry_crowd {
	uint64_t bits[64]; /* of the users' hashes: now and then one too many */
	bool anybody, everybody;
};
void registry_crowd_add(struct registry_crowd *crowd, struct span user);
/* Is there another process to be woken at all? */
bool registry_has_others(const struct registry *r);
/* Wakes the other processes that have streams of these. */
void registry_wake(struct registry *r, const struct registry_crowd *crowd);
/* Wakes one that could watch in our place. */
void registry_wake_heir(struct registry *r);

/* Each second: takes up a new file where the old one was lost.  True when it
 * did: until then this process may have missed wake-ups, and could wake nobody.
 */
bool registry_tick(struct registry *r);
/* Frees the places of processes that were killed. */
void registry_reap(struct registry *r);
/* For those who look at us. */
void registry_set_watcher(struct registry *r, bool watcher);

/* ---- this process ---- */

/* Can rows be followed now?  If not, a stream would stay silent for ever: none
 * is opened, readiness says 503. */
void registry_set_usable(struct registry *r, bool usable);
bool registry_usable(const struct registry *r);

/* Draining: no new streams, readiness says 503. One way. */
void registry_drain(struct registry *r);
bool registry_draining(const struct registry *r);

/* ---- looking: registry_survey.c ---- */

struct registry_survey {
	unsigned streams;
	struct registry_user {
		char name[REGISTRY_NAME_BYTES]; /* ends with "…" where cut */
		uint64_t key;
		unsigned streams;
	} * users; /* who has most comes first */
	unsigned user_count;
	struct registry_peer {
		int pid;
		int64_t started_at; /* Unix ms */
		unsigned streams;
		bool watcher;
	} * processes; /* the eldest first */
	unsigned process_count;
};

/* Who is there now, without those that were killed. */
void registry_survey(const struct registry *r, struct registry_survey *out);
/* The same for who has no streams; nobody there is no error. */
int registry_survey_database(const char *database, struct registry_survey *out,
			     struct err *err);
void registry_survey_fini(struct registry_survey *survey);

#endif
