/*
 * limit: GCRA in a table of fixed size.
 *
 * A bucket is one number: the time at which it will be full again (TAT).  To
 * take is to add to it; there is one left as long as it is less than a burst
 * ahead of now.  So a bucket whose time has passed says nothing that an absent
 * one does not say, and its place in the table is free without anybody having
 * freed it.
 *
 * A key's bucket is in one of the WAYS places that its hash names.  Where all
 * are taken, the fullest makes room: whoever floods the table with keys (of a
 * million addresses) gets others a new bucket, never a refusal.  The hash has a
 * random seed, so nobody can choose a key that shares somebody else's bucket.
 * Two threads that take the same free place at once lose one token: no harm.
 *
 * The file outlives the machine, whose monotonic clock begins again at 0: what
 * was written by another boot would be debts up to its uptime.  So it says
 * which boot it is of, and who opens one of another boot empties it.
 */
#include "shared/limit.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "lib/boot.h"
#include "lib/clock.h"
#include "lib/crypto.h"
#include "lib/mapfile.h"
#include "lib/mem.h"

#define SETS	    4096
#define WAYS	    8
#define MAPS_MAX    16 /* files that were lost in a process's life */
#define NS_PER_MS   INT64_C(1000000)
#define NS_PER_S    INT64_C(1000000000)
#define REMEMBER_NS (600 * NS_PER_S)
#define GUESSES	    1 /* per second */
#define GUESS_BURST 60
#define DEBT_MAX_NS (3600 * NS_PER_S) /* beyond the burst */

struct bucket {
	_Atomic uint64_t key;	 /* 0: never used */
	_Atomic int64_t full_ns; /* monotonic */
};

struct layout {
	_Atomic uint64_t seed[2];
	char boot_id[BOOT_ID_BYTES];
	struct bucket buckets[SETS][WAYS];
};

static const struct mapfile_form form = {"limits-2", sizeof(struct layout)};

struct limits {
	const struct config *config;
	/* What was mapped stays so until the end: a thread may be in it. */
	struct mapfile *files[MAPS_MAX];
	unsigned file_count;
	struct layout *own; /* without a file */
	_Atomic(struct layout *) data;
};

static void set_seed(struct layout *data)
{
	for (int i = 0; i < 2; i++) {
		uint64_t none = 0, random;

		crypto_random(&random, sizeof(random));
		atomic_compare_exchange_strong(&data->seed[i], &none,
					       random | 1);
	}
}

/* Others may be at it too, or take from it: it is empty all the same. */
static void forget_other_boots(struct layout *data)
{
	char boot[BOOT_ID_BYTES], seen[BOOT_ID_BYTES];

	boot_id(boot);
	memcpy(seen, data->boot_id, sizeof(seen));
	seen[sizeof(seen) - 1] = '\0';
	if (boot_same(boot, seen))
		return;
	for (size_t i = 0; i < SETS; i++)
		for (size_t j = 0; j < WAYS; j++)
			/* Not touched where it need not be: it would be
			 * memory. */
			if (atomic_load(&data->buckets[i][j].full_ns))
				atomic_store(&data->buckets[i][j].full_ns, 0);
	memcpy(data->boot_id, boot, sizeof(boot));
}

struct limits *limit_new(const struct config *config)
{
	struct limits *l = mem_new(sizeof(*l));

	l->config = config;
	if (config->rate_limit) {
		l->own = mem_new(sizeof(*l->own));
		set_seed(l->own);
	}
	atomic_store(&l->data, l->own);
	return l;
}

void limit_free(struct limits *l)
{
	if (!l)
		return;
	for (unsigned i = 0; i < l->file_count; i++)
		mapfile_close(l->files[i]);
	free(l->own);
	free(l);
}

void limit_tick(struct limits *l)
{
	struct mapfile *file;
	struct layout *data;

	if (!l->config->rate_limit || l->file_count == MAPS_MAX ||
	    (l->file_count && !mapfile_lost(l->files[l->file_count - 1])))
		return;
	if (mapfile_open(&file, l->config->database, &form, MAPFILE_SHARE,
			 NULL) < 0)
		return; /* the registry says why */
	data = mapfile_data(file);
	set_seed(data);
	forget_other_boots(data);
	l->files[l->file_count++] = file;
	atomic_store(&l->data, data);
}

/* ---- addresses ---- */

/* Of IPv6, and what is IPv4 in its disguise. */
static bool is_ip6(const char *address, struct in6_addr *out)
{
	return strchr(address, ':') && inet_pton(AF_INET6, address, out) == 1;
}

struct span limit_address(char out[static LIMIT_ADDRESS_BYTES],
			  const char *address)
{
	struct in6_addr ip;

	if (!address || !is_ip6(address, &ip))
		return span_of(address);
	if (IN6_IS_ADDR_V4MAPPED(&ip)) {
		inet_ntop(AF_INET, &ip.s6_addr[12], out, LIMIT_ADDRESS_BYTES);
	} else {
		memset(&ip.s6_addr[8], 0, 8);
		inet_ntop(AF_INET6, &ip, out, LIMIT_ADDRESS_BYTES);
	}
	return span_of(out);
}

bool limit_is_local(const char *address)
{
	struct in6_addr ip;

	if (!is_ip6(address, &ip))
		return strncmp(address, "127.", 4) == 0;
	return IN6_IS_ADDR_LOOPBACK(&ip) ||
	       (IN6_IS_ADDR_V4MAPPED(&ip) && ip.s6_addr[12] == 127);
}

/* ---- the table ---- */

static uint64_t hash(const struct layout *data, char kind, struct span name)
{
	unsigned char digest[CRYPTO_SHA256_BYTES];
	uint64_t seed[2] = {atomic_load(&data->seed[0]),
			    atomic_load(&data->seed[1])},
		 result;
	struct buf b;

	buf_init(&b, sizeof(seed) + 1 + name.len);
	buf_append(&b, seed, sizeof(seed));
	buf_putc(&b, kind);
	buf_put(&b, name);
	crypto_sha256(buf_span(&b), digest);
	buf_fini(&b);
	memcpy(&result, digest, sizeof(result));
	return result ? result : 1;
}

/* Its bucket; where there is none, NULL or, to be taken, the place of the one
 * that is missed least. */
static struct bucket *find(struct layout *data, uint64_t key, bool make)
{
	struct bucket *set = data->buckets[key % SETS], *least = &set[0];

	for (int i = 0; i < WAYS; i++) {
		if (atomic_load(&set[i].key) == key)
			return &set[i];
		if (atomic_load(&set[i].full_ns) < atomic_load(&least->full_ns))
			least = &set[i];
	}
	if (!make)
		return NULL;
	atomic_store(&least->full_ns, 0);
	atomic_store(&least->key, key);
	return least;
}

/* ---- rates ---- */

/* What one takes, and how far ahead of now a bucket can be while there is one
 * left in it.  step_ns 0: no limit. */
struct pace {
	int64_t step_ns, burst_ns;
};

static struct pace pace_of(const struct config *c, const struct limit_key *key)
{
	const struct rate *rate = NULL, guess = {GUESSES, GUESS_BURST};
	int64_t times = key->who == LIMIT_ADDRESS ? c->rate_limit_address : 1;
	struct pace pace = {0, 0};

	switch (key->rate) {
	case LIMIT_CONNECT:
		rate = &c->rate_connect;
		break;
	case LIMIT_READ:
		rate = &c->rate_read;
		break;
	case LIMIT_WRITE:
		rate = &c->rate_write;
		break;
	case LIMIT_PUBLISH:
		rate = &c->rate_publish;
		break;
	case LIMIT_GUESS:
		rate = &guess;
		times = 1;
		break;
	case LIMIT_RATES:
		break;
	}
	if (rate && times && rate->per_second)
		pace.step_ns = NS_PER_S / (rate->per_second * times);
	if (rate)
		pace.burst_ns = pace.step_ns * times * rate->burst;
	return pace;
}

/* When a bucket that would be full at `full` is, after `cost`.  It is never so
 * far ahead that it would be garbage: many requests that pass at once, and then
 * turn out to be a thousand each, must not be forgiven. */
static int64_t full_after(int64_t now, int64_t full, int64_t cost,
			  const struct pace *pace)
{
	int64_t latest = now + pace->burst_ns + DEBT_MAX_NS;

	return full + cost < latest ? full + cost : latest;
}

/* Takes n (0: only looks).  With `debt` in any case. */
static int64_t take(struct limits *l, const struct limit_key *key, unsigned n,
		    bool debt)
{
	struct layout *data = l ? atomic_load(&l->data) : NULL;
	int64_t now = clock_mono_ns(), full, from, ahead;
	char kind = (char)(key->rate * LIMIT_WHOS + key->who);
	struct bucket *bucket;
	struct pace pace;

	if (!data || !key->name.len)
		return 0;
	pace = pace_of(l->config, key);
	if (!pace.step_ns)
		return 0; /* no limit */
	bucket = find(data, hash(data, kind, key->name), n > 0);
	if (!bucket)
		return 0;
	full = atomic_load(&bucket->full_ns);
	do {
		from =
		    full > now && full < now + 2 * (pace.burst_ns + DEBT_MAX_NS)
			? full
			: now;
		ahead = from + pace.step_ns - now - pace.burst_ns;
		if (ahead > 0 && !debt)
			return ahead / NS_PER_MS + 1;
		if (!n)
			return 0;
	} while (!atomic_compare_exchange_weak(
	    &bucket->full_ns, &full,
	    full_after(now, from, pace.step_ns * n, &pace)));
	return 0;
}

int64_t limit_take(struct limits *l, const struct limit_key *key)
{
	return take(l, key, 1, false);
}

int64_t limit_look(struct limits *l, const struct limit_key *key)
{
	return take(l, key, 0, false);
}

void limit_charge(struct limits *l, const struct limit_key *key, unsigned n)
{
	if (n)
		take(l, key, n, true);
}

/* ---- who is known ---- */

#define KIND_KNOWN 'k'

void limit_remember(struct limits *l, struct span secret)
{
	struct layout *data = l ? atomic_load(&l->data) : NULL;

	if (data)
		atomic_store(
		    &find(data, hash(data, KIND_KNOWN, secret), true)->full_ns,
		    clock_mono_ns() + REMEMBER_NS);
}

bool limit_remembers(struct limits *l, struct span secret)
{
	struct layout *data = l ? atomic_load(&l->data) : NULL;
	struct bucket *bucket;
	int64_t left;

	if (!data)
		return false;
	bucket = find(data, hash(data, KIND_KNOWN, secret), false);
	if (!bucket)
		return false;
	left = atomic_load(&bucket->full_ns) - clock_mono_ns();
	return left > 0 && left <= REMEMBER_NS;
}
