/*
 * limit: how often somebody may ask: token buckets over all processes.
 *
 * They lie in a file that all have mapped (lib/mapfile.h); where it can't be
 * had, this process has its own and tries again (limit_tick).  Who is limited
 * is a key of any bytes, of which only a hash is kept.
 *
 * Any thread, unless said otherwise; nothing blocks.
 */
#ifndef BELFRY_LIMIT_H
#define BELFRY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"

struct config;
struct limits;

enum limit_rate {
	LIMIT_CONNECT,
	LIMIT_READ,
	LIMIT_WRITE,
	LIMIT_PUBLISH,
	LIMIT_GUESS, /* a credential that is not good */
	LIMIT_RATES
};
/* Each has buckets of its own, whatever the names are. */
enum limit_who { LIMIT_USER, LIMIT_TOKEN, LIMIT_ADDRESS, LIMIT_WHOS };

struct limit_key {
	enum limit_rate rate;
	enum limit_who who;
	struct span name;
};

/* The name of an address ("192.0.2.1", "2001:db8::7"), in `out`: of IPv6 the
 * network of 64 bits, as whoever has one address of it has them all. SPAN_NONE:
 * there is none (NULL). */
#define LIMIT_ADDRESS_BYTES 64
struct span limit_address(char out[static LIMIT_ADDRESS_BYTES],
			  const char *address);
/* Is it this machine's own? */
bool limit_is_local(const char *address);

struct limits *limit_new(const struct config *config); /* opens nothing yet */
void limit_free(struct limits *l);		       /* NULL is fine */
/* Each second, and once at the start.  The loop's thread. */
void limit_tick(struct limits *l);

/* Takes one from the bucket: 0, or how many milliseconds until there is one.
 * Where nothing limits this key (rate_limit = off, NULL): 0. */
int64_t limit_take(struct limits *l, const struct limit_key *key);
/* The same, and nothing is taken. */
int64_t limit_look(struct limits *l, const struct limit_key *key);
/* Takes n, which may leave the bucket in debt: for what is known only when the
 * request has been read. */
void limit_charge(struct limits *l, const struct limit_key *key, unsigned n);

/* Who had a good credential within the last ten minutes is not counted with
 * those who guess from the same address. */
void limit_remember(struct limits *l, struct span secret);
bool limit_remembers(struct limits *l, struct span secret);

#endif
