/*
 * hub: all streams of this process: index by user, fan-out, catch-up,
 * heartbeats, revocation, eviction, draining.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef BELFRY_HUB_H
#define BELFRY_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"

struct config;
struct err;
struct hub;
struct journal;
struct loop;
struct metrics;
struct registry;
struct stream_open;

struct hub *hub_new(const struct config *config, struct loop *loop,
		    struct registry *registry);
/* From now on rows come, ours and for us.  By itself with the first stream;
 * before that where there will be some. */
void hub_follow(struct hub *hub);
void hub_close(struct hub *hub); /* NULL is fine */

/* What happens is counted there; without it nothing is. */
void hub_share(struct hub *hub, struct metrics *metrics);

struct journal *hub_journal(struct hub *hub);

/* Makes a stream of an answered connection: takes fd and open over in any case,
 * and the place in the registry; writes `first` (unframed: head and first
 * events). */
void hub_adopt(struct hub *hub, int fd, uint16_t request_id,
	       struct stream_open *open, struct span first);

/* Host application's sessions that are streaming, to be looked at again. The
 * callback gets each once; spans are valid during the call. */
void hub_each_host_session(struct hub *hub,
			   void (*fn)(void *context, struct span secret,
				      struct span user),
			   void *context);
/* That session is over. */
void hub_end_host_session(struct hub *hub, struct span secret,
			  struct span user);

/* Says good-bye to all streams (close/shutdown, spread). */
void hub_drain(struct hub *hub);
unsigned hub_streams(const struct hub *hub);

#endif
